import type { BuildId, JobId, ModelId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import type { TrustLevel, Verdict } from "@darkbloom/protocol/evidence";
import type { CatalogEntry } from "../catalog/catalog.ts";
import { hasFreeSlot, type Want } from "./eligibility.ts";
import type { MachineCourse, MachineView, Line, Member } from "./ports.ts";
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

export const servedModel = (name = "m"): MachineView["models"][number] => {
  const { build, weightsSha256, contextTokens } = entryOf(name);
  return { build, weightsSha256, contextTokens };
};

export const verdictOf = (level: TrustLevel): Verdict => ({ level, checks: [], at: "2026-01-01T00:00:00.000Z" });

/** A machine with nothing against it, idle. */
export const idle: MachineView = {
  providerId: "p1" as ProviderId,
  pins: ["S1" as Serial],
  identityKey: "",
  serial: "S1" as Serial,
  toldSerial: "S1" as Serial,
  chipName: "sample",
  hardwareModel: "sample",
  engine: { name: "sample", version: "1" },
  platform: "other",
  evidenceSha256: "e".repeat(64) as Sha256Hex,
  openers: [],
  verdict: verdictOf("self_signed"),
  attestedUntilMs: Number.POSITIVE_INFINITY,
  failing: false,
  distrustedUntilMs: Number.NEGATIVE_INFINITY,
  machineId: `mach_${"0".repeat(32)}` as MachineView["machineId"],
  approval: "given",
  owner: undefined,
  ownerOnly: false,
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
  wasReplaced = false;
  wasDistrusted = false;
  readonly lines: JobId[] = [];
  readonly #fleet: Fleet;
  #view: MachineView;

  constructor(fleet: Fleet, name: string, more: Partial<MachineView> = {}, identityKey = `key of ${name}`) {
    this.#fleet = fleet;
    this.providerId = name as ProviderId;
    const serial = `serial of ${name}` as Serial;
    this.#view = { ...idle, providerId: this.providerId, identityKey, serial, pins: [serial], ...more };
  }

  get view(): MachineView {
    return this.#view;
  }

  /** Something about it is otherwise from now on. */
  become(more: Partial<MachineView>): void {
    this.#view = { ...this.#view, ...more };
    this.#fleet.changed(this);
  }

  async reserve(jobId: JobId): Promise<Line | "full"> {
    if (!hasFreeSlot(this.#view)) return "full";
    this.lines.push(jobId);
    this.#view = { ...this.#view, running: this.lines.length };
    return {
      jobId,
      providerId: this.providerId,
      serial: `serial of ${this.providerId}` as Serial,
      sealing: unused,
      machine: unused,
      send: unused,
      take: unused,
      interrupt: unused,
      credit: unused,
      cancel: unused,
      began: unused,
      measured: unused,
      faulted: unused,
      declined: unused,
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
  decidedOn(): void {
    this.become({ approval: "given" });
  }
  unlinked(): void {
    this.become({ owner: undefined });
  }
  course = (): MachineCourse => ({ gate: undefined, since: 0 });
  published = unused;
  now = unused;
  prove = unused;
  distrust(): void {
    this.wasDistrusted = true;
  }
}

function unused(): never {
  throw new RangeError("nothing asks a sample for this");
}
