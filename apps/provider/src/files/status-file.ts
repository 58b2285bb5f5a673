import { checkSchema, trustLevels } from "@darkbloom/protocol/evidence";
import type { Clock } from "@darkbloom/protocol/ports";
import { engineRefusals } from "@darkbloom/protocol/provider-words";
import type { DataFolder } from "@darkbloom/protocol/node";
import * as z from "zod";
import type { AnswerOutcome, EngineState, LossReason, TrustFacts } from "../events/events.ts";
import type { PostureEntry } from "../posture/posture.ts";

export const STATUS_FILE = "status.json";
/** Counters are written at most this often; what changes eligibility is written at once. */
const WRITE_EVERY_MS = 2_000;
/** Written at least this often, so that its age tells whether the provider lives. */
const STATUS_BEAT_MS = 10_000;
/** A status that is older was written by a provider that hangs, or is gone: three beats were missed. */
export const STATUS_SILENT_MS = 3 * STATUS_BEAT_MS + WRITE_EVERY_MS;

/** What `darkbloom provider status` shows: whether this machine may earn, and if not, why. */
export const providerStatus = z.object({
  pid: z.int(),
  serial: z.string(),
  /** What a revocation list names: SHA-256 of the identity key's 65 bytes, lower-case hex. */
  identity_sha256: z.string(),
  /** What its evidence says in its place, while connected to a network that gives pseudonyms. */
  serial_alias: z.string().nullable(),
  coordinator: z.string(),
  connected: z.boolean(),
  provider_id: z.string().nullable(),
  /** How the last connection ended, while there is none. */
  lost: z.string().nullable(),
  /** Whether the model is there; `restarting` and `failed` with the reason. */
  engine: z.enum(["ready", "restarting", "failed"]),
  engine_reason: z.string().nullable(),
  trust_level: z.enum(trustLevels),
  eligible: z.boolean(),
  /** The account that it belongs to, as the coordinator says; of an older version's file nothing is known. */
  owner: z.string().nullable().default(null),
  checks: z.array(checkSchema),
  /** What protects this machine and its process, as they say it themselves. */
  posture: z.array(checkSchema.omit({ id: true }).extend({ name: z.string() })),
  answered: z.int(),
  failed: z.int(),
  last_failure: z.string().nullable(),
  at: z.iso.datetime(),
});
export type ProviderStatus = z.infer<typeof providerStatus>;

/** Outcomes that are no fault of this machine: nobody's, or the request's own. */
const harmless = new Set<AnswerOutcome>([
  "complete",
  "over_share",
  "busy",
  "draining",
  "cancelled",
  "lost",
  ...engineRefusals,
]);

/** Keeps `status.json` true while the provider runs, and takes it away when it stops. */
export class StatusFile implements Disposable {
  readonly #folder: DataFolder;
  readonly #clock: Clock;
  readonly #posture: () => readonly PostureEntry[];
  #status: ProviderStatus;
  #writtenAtMs = -Infinity;
  readonly #over = new AbortController();
  #writeIsDue = false;

  constructor(
    folder: DataFolder,
    clock: Clock,
    self: { serial: string; identity_sha256: string; coordinator: string },
    posture: () => readonly PostureEntry[],
  ) {
    this.#folder = folder;
    this.#clock = clock;
    this.#posture = posture;
    this.#status = {
      pid: process.pid,
      ...self,
      serial_alias: null,
      connected: false,
      provider_id: null,
      lost: null,
      engine: "ready",
      engine_reason: null,
      trust_level: "none",
      eligible: false,
      owner: null,
      checks: [],
      posture: [],
      answered: 0,
      failed: 0,
      last_failure: null,
      at: new Date(clock.now()).toISOString(),
    };
    this.#write({});
    void this.#beat();
  }

  async #beat(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#clock.sleep(STATUS_BEAT_MS, signal).catch(() => {});
      if (!signal.aborted) this.#write({});
    }
  }

  joined({ providerId, serialAlias }: { providerId: string; serialAlias: string | undefined }): void {
    this.#write({ connected: true, provider_id: providerId, serial_alias: serialAlias ?? null, lost: null });
  }

  lost({ reason }: { reason: LossReason }): void {
    this.#write({
      connected: false,
      provider_id: null,
      serial_alias: null,
      lost: reason,
      trust_level: "none",
      eligible: false,
      owner: null,
    });
  }

  engine(state: EngineState): void {
    this.#write({ engine: state.state, engine_reason: "why" in state ? state.why : null });
  }

  trusted({ trustLevel, eligible, checks, owner }: TrustFacts): void {
    this.#write({ trust_level: trustLevel, eligible, owner: owner ?? null, checks: [...checks] });
  }

  answered({ outcome }: { outcome: AnswerOutcome }): void {
    const { answered, failed } = this.#status;
    const failure = !harmless.has(outcome);
    this.#status = {
      ...this.#status,
      answered: answered + (outcome === "complete" ? 1 : 0),
      failed: failed + (failure ? 1 : 0),
      last_failure: failure ? outcome : this.#status.last_failure,
    };
    const waitMs = this.#writtenAtMs + WRITE_EVERY_MS - this.#clock.monotonicMs();
    if (waitMs <= 0) return this.#write({});
    if (this.#writeIsDue) return;
    this.#writeIsDue = true;
    void this.#clock
      .sleep(waitMs, this.#over.signal)
      .then(() => this.#write({}))
      .catch(() => {})
      .finally(() => void (this.#writeIsDue = false));
  }

  #write(changed: Partial<ProviderStatus>): void {
    const posture = [...this.#posture()];
    this.#status = { ...this.#status, ...changed, posture, at: new Date(this.#clock.now()).toISOString() };
    this.#writtenAtMs = this.#clock.monotonicMs();
    this.#put(`${JSON.stringify(this.#status, null, 2)}\n`);
  }

  #put(text: string): void {
    try {
      this.#folder.write(STATUS_FILE, text);
    } catch {
      // A full disk makes this file old; it is no reason to stop serving.
    }
  }

  [Symbol.dispose](): void {
    this.#over.abort(new Error("stopping"));
    this.#put("");
  }
}
