import type { Clock, FromCoordinator, Verdict } from "@darkbloom/protocol";
import type { Candidate } from "../routing/eligibility.ts";
import { mayServe, servingChecks, type Floor } from "../trust/serving.ts";
import { standingCheck, type Standing } from "../trust/standing.ts";

/** What a machine's owner is told: the verdict on it, what it did, and whether requests may reach it now. */
export function trustStatusOf(
  { clock, floor }: { readonly clock: Clock; readonly floor: Floor },
  candidate: Candidate,
  verdict: Verdict,
  standing: Standing,
): Extract<FromCoordinator, { type: "trust_status" }> {
  const nowMs = clock.monotonicMs();
  return {
    type: "trust_status",
    trust_level: verdict.level,
    eligible: mayServe(candidate, floor, nowMs),
    checks: [
      ...verdict.checks,
      standingCheck(standing, nowMs, clock.now()),
      // What is asked of a machine that nobody knows yet says nothing to its owner.
      ...(nowMs <= candidate.attestedUntilMs ? servingChecks(candidate, floor, nowMs) : []),
    ],
  };
}
