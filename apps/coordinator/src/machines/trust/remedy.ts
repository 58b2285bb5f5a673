import { failuresOf, type Check } from "@darkbloom/protocol/evidence";
import type { Gate } from "@darkbloom/protocol/failures";
import type { Clock } from "@darkbloom/protocol/ports";
import type { MachineView } from "../ports.ts";
import { freshStanding, standingCheck, type Standing } from "../records/standing.ts";
import { servingChecks, type Floor } from "./serving.ts";

const NO_ANSWER = "See that the machine is awake and its network works; the next answered challenge mends this.";

/** What its owner can do about the gate that keeps requests from a machine: what the check behind that gate says, where one does. */
export function remedyOf(
  gate: Gate,
  machine: MachineView,
  { clock, floor }: { readonly clock: Pick<Clock, "now" | "monotonicMs">; readonly floor: Floor },
  standing: Standing = freshStanding,
): string {
  const nowMs = clock.monotonicMs();
  const serving = (id: string): Check | undefined =>
    servingChecks(machine, floor, nowMs).find((check) => check.id === id && check.status === "fail");
  switch (gate) {
    case "model_not_served":
    case "context_too_small":
      return told(serving("serving.models")) ?? "Serve a model of this coordinator's catalog.";
    case "trust_below_minimum":
      return told(serving("serving.trust")) ?? "";
    case "not_approved":
      return told(serving("serving.approval")) ?? "";
    case "ejected":
      return told(serving("serving.faults")) ?? "It serves again by itself.";
    case "evidence_failed":
      return told(failuresOf(machine.verdict.checks, machine.platform)[0]) ?? "Its checks say what fails.";
    case "untrusted":
    case "challenge_stale": {
      const check = standingCheck(standing, nowMs, clock.now());
      return (check.status === "fail" ? told(check) : undefined) ?? NO_ANSWER;
    }
    case "draining":
      return "It was told to stop, and ends once what it answers is whole. Start it again: 'darkbloom provider start'.";
    // Of a request, and not of the machine: they keep nobody's plain request away.
    case "pinned_elsewhere":
    case "not_a_candidate":
    case "not_own":
    case "owner_only":
    case "already_tried":
      return "";
  }
}

/** What was seen, and what mends it. */
function told(check: Check | undefined): string | undefined {
  if (!check) return undefined;
  const seen = check.seen.charAt(0).toUpperCase() + check.seen.slice(1);
  return `${seen}. ${check.remedy}`.trim();
}
