import type { BuildId, JobId, ModelId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { Want } from "./eligibility.ts";
import type { Candidate, Line, Member } from "./ports.ts";
import type { Fleet } from "./fleet.ts";
import { blameless } from "./records/conduct.ts";
import { unmeasured } from "./records/pace.ts";

/** Models, wishes and machines for tests of the fleet and of who gets its slots. */
export const entryOf = (name: string): CatalogEntry => ({
  id: name as ModelId,
  build: `${name}-q8` as BuildId,
  weightsSha256: `weights of ${name}` as Sha256Hex,
  displayName: name,
  contextTokens: 2048,
  maxOutputTokens: 2048,
  price: { inputPerMtok: microUsd(1n), outputPerMtok: microUsd(1n), cachedInputPerMtok: microUsd(1n) },
  createdSec: 0,
});

export const wantOf = (model = "m", more: Partial<Want> = {}): Want => ({
  entry: entryOf(model),
  pins: [],
  minTrust: "self_signed",
  maxTokens: 100,
  promptBytes: 100,
  ...more,
});

export const servedModel = (name = "m"): Candidate["models"][number] => {
  const { build, weightsSha256, contextTokens } = entryOf(name);
  return { build, weightsSha256, contextTokens };
};

/** A machine with nothing against it, idle. */
export const idle: Candidate = {
  providerId: "p1" as ProviderId,
  pins: ["S1" as Serial],
  trustLevel: "self_signed",
  attestedUntilMs: Number.POSITIVE_INFINITY,
  failing: false,
  distrustedUntilMs: Number.NEGATIVE_INFINITY,
  machineId: `mach_${"0".repeat(32)}` as Candidate["machineId"],
  approval: "given",
  draining: false,
  models: [servedModel()],
  slots: 2,
  running: 0,
  pace: unmeasured,
  conduct: blameless,
};

/** A connected machine whose lines are closed by hand. */
export class SampleMember implements Member {
  readonly providerId: ProviderId;
  readonly identityKey: string;
  wasReplaced = false;
  readonly lines: JobId[] = [];
  readonly #fleet: Fleet;
  #candidate: Candidate;

  constructor(fleet: Fleet, name: string, more: Partial<Candidate> = {}, identityKey = `key of ${name}`) {
    this.#fleet = fleet;
    this.providerId = name as ProviderId;
    this.identityKey = identityKey;
    this.#candidate = { ...idle, providerId: this.providerId, pins: [`serial of ${name}` as Serial], ...more };
  }

  candidate(): Candidate {
    return this.#candidate;
  }

  /** Something about it is otherwise from now on. */
  become(more: Partial<Candidate>): void {
    this.#candidate = { ...this.#candidate, ...more };
    this.#fleet.changed(this);
  }

  open(jobId: JobId): Line {
    this.lines.push(jobId);
    this.#candidate = { ...this.#candidate, running: this.lines.length };
    return {
      jobId,
      providerId: this.providerId,
      serial: `serial of ${this.providerId}` as Serial,
      sealing: unused,
      machine: unused,
      send: unused,
      take: unused,
      credit: unused,
      cancel: unused,
      began: unused,
      measured: unused,
      faulted: unused,
      wasBusy: unused,
      distrust: unused,
      [Symbol.dispose]: () => this.close(jobId),
    };
  }

  close(jobId: JobId): void {
    this.lines.splice(this.lines.indexOf(jobId), 1);
    this.become({ running: this.lines.length });
  }

  replaced(): void {
    this.wasReplaced = true;
  }
  approvalChanged(): void {
    this.become({ approval: "given" });
  }
  view = unused;
  prove = unused;
  distrust = unused;
}

function unused(): never {
  throw new RangeError("nothing asks a sample for this");
}
