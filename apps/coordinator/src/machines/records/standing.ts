import { checks, type Check } from "@darkbloom/protocol/evidence";

/** Why a machine is not trusted, whatever its evidence says. */
export type Distrust =
  /** Refuted proofs in a row. */
  | "challenge"
  /** It says that a protection is off. */
  | "posture"
  /** It says that it is another machine, or runs other software, than when it registered. */
  | "changed"
  /** An answer did not match its own signature. */
  | "answer";

/**
 * What is remembered of a machine's conduct, and what follows. A refuted proof and silence are kept
 * apart: silence is never taken as a sign of bad behaviour.
 */
export interface Standing {
  readonly hardFailures: number;
  readonly timeouts: number;
  /** `untilMs` on the monotonic clock. */
  readonly distrust?: { readonly why: Distrust; readonly untilMs: number };
}

export const freshStanding: Standing = { hardFailures: 0, timeouts: 0 };

/** Refuted proofs in a row before a machine is distrusted, and for how long, whichever connection it comes by. */
export const HARD_FAILURES_MAX = 3;
export const DISTRUST_MS = 20 * 60_000;
/** Unanswered challenges in a row before it may no longer serve, until the next pass. */
export const TIMEOUTS_UNTIL_STALE = 3;
/** Unanswered challenges in a row before the connection is closed. */
export const TIMEOUTS_UNTIL_CLOSED = 6;

/** `clock`: every proof holds by the machine's own clock, which is too far from ours. */
export type ChallengeOutcome = "pass" | "refuted" | "posture" | "timeout" | "clock";

export const isDistrusted = ({ distrust }: Standing, nowMs: number): boolean =>
  distrust !== undefined && nowMs < distrust.untilMs;

export const distrustedFor = (standing: Standing, why: Distrust): Standing => ({
  ...standing,
  distrust: { why, untilMs: Number.POSITIVE_INFINITY },
});

/** @param nowMs monotonic */
export function afterChallenge(standing: Standing, outcome: ChallengeOutcome, nowMs: number): Standing {
  if (isDistrusted(standing, nowMs)) return standing;
  switch (outcome) {
    case "pass":
      return freshStanding;
    case "posture":
      return distrustedFor(standing, "posture");
    case "clock":
      return { ...standing, timeouts: 0 };
    case "timeout":
      return { ...standing, timeouts: standing.timeouts + 1 };
    case "refuted": {
      const hardFailures = standing.hardFailures + 1;
      const failed = { hardFailures, timeouts: standing.timeouts };
      return hardFailures < HARD_FAILURES_MAX
        ? failed
        : { ...failed, distrust: { why: "challenge", untilMs: nowMs + DISTRUST_MS } };
    }
  }
}

/**
 * What a new connection of the same machine begins with. What it shows of itself is shown anew and judged
 * anew; what it did stays.
 */
export function afterReconnect({ hardFailures, distrust }: Standing): Standing {
  const stays = distrust?.why === "answer" || distrust?.why === "challenge";
  return { hardFailures, timeouts: 0, ...(stays && { distrust }) };
}

/** The same, as the machine's owner is told. @param now milliseconds since 1970 */
export function standingCheck({ distrust, timeouts }: Standing, nowMs: number, now: number): Check {
  if (distrust && nowMs < distrust.untilMs) return checks.fail("standing", ...words(distrust, nowMs, now));
  if (timeouts >= TIMEOUTS_UNTIL_STALE)
    return checks.fail(
      "standing",
      `${timeouts} challenges in a row were not answered`,
      "See that the machine is awake and its network works; the next answered challenge mends this.",
    );
  return checks.pass("standing", "nothing is held against this machine");
}

function words(
  { why, untilMs }: NonNullable<Standing["distrust"]>,
  nowMs: number,
  now: number,
): [seen: string, remedy: string] {
  switch (why) {
    case "challenge": {
      const until = new Date(now + untilMs - nowMs).toISOString();
      return [
        `${HARD_FAILURES_MAX} proofs in a row did not hold`,
        `Mend what the other checks say; it is trusted again after ${until}.`,
      ];
    }
    case "posture":
      return ["a protection of the machine is off", "Turn it on, then start the provider again."];
    case "changed":
      return ["the machine or its software changed while it was connected", "Start the provider again."];
    case "answer":
      return [
        "an answer did not match its own signature",
        "Ask the coordinator's operator, who can lift it with 'darkbloom machines forgive'.",
      ];
  }
}
