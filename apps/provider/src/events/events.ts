import type { Check, EngineRefusalCode, ProviderFault, TrustLevel } from "@darkbloom/protocol";

/**
 * What a provider tells its owner, one function per event. Ids, counts, codes and durations only: no
 * field can hold a prompt or an answer.
 */
export interface ProviderEvents {
  /** @param facts `serialAlias` is what that network calls this machine in place of its serial */
  joined(facts: { providerId: string; coordinator: string; serialAlias: string | undefined }): void;
  /** `reason` is one of our own words for how the connection ended. */
  lost(facts: { reason: LossReason; retryInMs: number }): void;
  trust(facts: TrustFacts): void;
  answered(facts: { jobId: string; outcome: AnswerOutcome; durationMs: number; running: number }): void;
  bug(facts: { where: "session" | "answer" }, error: unknown): void;
}

/** How a connection ended, or why there was none. */
export type LossReason =
  | "unreachable"
  /** Something answers at that address, and it is no coordinator. */
  | "no_coordinator"
  | "closed"
  /** The coordinator does not take this machine in. */
  | "refused"
  /** The same identity has joined from somewhere else. */
  | "replaced"
  | "silent"
  | "not_registered";
export type AnswerOutcome = "complete" | "busy" | "draining" | "cancelled" | "lost" | EngineRefusalCode | ProviderFault;

/** What the coordinator decided about this machine, and why. */
export interface TrustFacts {
  readonly trustLevel: TrustLevel;
  readonly eligible: boolean;
  readonly checks: readonly Check[];
}
