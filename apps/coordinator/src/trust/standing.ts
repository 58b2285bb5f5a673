/**
 * What is remembered of a machine's challenges, and what follows. A refuted proof and silence are kept
 * apart: silence is never taken as a sign of bad behaviour.
 */
export interface Standing {
  readonly hardFailures: number;
  readonly timeouts: number;
  /** No longer trusted on this connection; `why` is the one reason. */
  readonly distrusted: false | "challenge" | "posture" | "answer";
}

export const freshStanding: Standing = { hardFailures: 0, timeouts: 0, distrusted: false };

/** Refuted proofs in a row before a machine is distrusted. */
export const HARD_FAILURES_MAX = 3;
/** Unanswered challenges in a row before it may no longer serve, until the next pass. */
export const TIMEOUTS_UNTIL_STALE = 3;
/** Unanswered challenges in a row before the connection is closed. */
export const TIMEOUTS_UNTIL_CLOSED = 6;

export type ChallengeOutcome = "pass" | "refuted" | "posture" | "timeout";

export function afterChallenge(standing: Standing, outcome: ChallengeOutcome): Standing {
  if (standing.distrusted) return standing;
  switch (outcome) {
    case "pass":
      return freshStanding;
    case "posture":
      return { ...standing, distrusted: "posture" };
    case "timeout":
      return { ...standing, timeouts: standing.timeouts + 1 };
    case "refuted": {
      const hardFailures = standing.hardFailures + 1;
      return { ...standing, hardFailures, distrusted: hardFailures >= HARD_FAILURES_MAX ? "challenge" : false };
    }
  }
}

/** Identities remembered as liars; the oldest is forgotten first. */
export const LIARS_MAX = 10_000;

/**
 * Machines whose answer did not match its own signature. Keyed to the identity key, so that a new
 * connection does not wash it off; it lasts as long as this process.
 */
export class Liars {
  readonly #identities = new Set<string>();

  has(identityKey: string): boolean {
    return this.#identities.has(identityKey);
  }

  add(identityKey: string): void {
    this.#identities.add(identityKey);
    for (const oldest of this.#identities) {
      if (this.#identities.size <= LIARS_MAX) break;
      this.#identities.delete(oldest);
    }
  }
}
