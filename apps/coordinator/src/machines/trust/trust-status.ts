import { checks, type Check, type Verdict } from "@darkbloom/protocol/evidence";
import { CLOCK_SKEW_MS } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import type { FromCoordinator } from "@darkbloom/protocol/wire";
import type { MachineView } from "../ports.ts";
import { isAttested } from "../eligibility.ts";
import { mayServe, servingChecks, type Floor } from "./serving.ts";
import type { MachineClock } from "./machine-clock.ts";
import { standingCheck, type Standing } from "../records/standing.ts";

/** What a machine's owner is told: the verdict on it, what it did, and whether requests may reach it now. */
export function trustStatusOf(
  { clock, floor }: { readonly clock: Clock; readonly floor: Floor },
  candidate: MachineView,
  verdict: Verdict,
  standing: Standing,
  machineClock: Pick<MachineClock, "isOff" | "offsetMs">,
): Extract<FromCoordinator, { type: "trust_status" }> {
  const nowMs = clock.monotonicMs();
  return {
    type: "trust_status",
    trust_level: verdict.level,
    eligible: mayServe(candidate, floor, nowMs),
    ...(candidate.owner !== undefined && { owner: candidate.owner }),
    checks: [
      ...(machineClock.isOff ? [clockCheck(machineClock.offsetMs)] : []),
      ...verdict.checks,
      standingCheck(standing, nowMs, clock.now()),
      // What is asked of a machine that nobody knows yet says nothing to its owner.
      ...(isAttested(candidate, nowMs) ? servingChecks(candidate, floor, nowMs) : []),
    ],
  };
}

function clockCheck(offsetMs: number): Check {
  const seconds = Math.abs(Math.round(offsetMs / 1000));
  return checks.fail(
    "clock.offset",
    `this machine's clock is ${seconds} s ${offsetMs > 0 ? "ahead of" : "behind"} the coordinator's; ${CLOCK_SKEW_MS / 1000} s may be between them`,
    "Set this machine's clock (turn on network time); the next challenge sees it. If it is right, tell the coordinator's operator.",
  );
}
