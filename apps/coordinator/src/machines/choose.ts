import type { Gate } from "@darkbloom/protocol/failures";
import type { ProviderId } from "@darkbloom/protocol/ids";
import { leastOf } from "@darkbloom/protocol/lists";
import { recentFaults } from "./records/conduct.ts";
import { expectedFirstContentMs } from "./records/pace.ts";
import { eligibleFor, hasFreeSlot, isOwn, type Want } from "./eligibility.ts";
import type { MachineView } from "./ports.ts";

export type Choice =
  | { readonly chosen: ProviderId }
  /** Machines could serve this, and every one of them is full. */
  | { readonly full: number }
  /** None may serve it: for each gate, how many machines it shut out. */
  | { readonly refused: Partial<Record<Gate, number>> };

/** Expected milliseconds of the answer's decoding are counted for no more tokens than this: few answers use their bound. */
const DECODE_TOKENS_COUNTED_MAX = 256;
/** What a recent fault costs a machine: about what a failed attempt costs a caller. */
const FAULT_COST_MS = 15_000;
/** How much each request that runs beside slows one down. Measured by others on one large machine (27–39 %). */
const CROWDING = 0.3;
/** Assumed where no machine of the model was measured. */
const DECODE_TOKENS_PER_SEC_UNMEASURED = 40;
const FIRST_CONTENT_MS_UNMEASURED = 300;
/** Machines this close to the best are equal; one of them is drawn, so that load spreads. Measurements differ by as much. */
const TIE_MS = 100;
const TIE_SHARE = 0.2;
/** Of all choices, so many go to the machine that was measured longest ago, if that is this long: it may have changed. */
const EXPLORING_SHARE = 0.05;
const MEASURED_ANEW_MS = 20_000;

/** What is assumed of a machine that was not measured: the best of the others, so that it is tried. */
export interface Assumed {
  readonly firstContentMs: number;
  readonly tokensPerSec: number;
}

function assumedFrom({ promptBytes }: Want, machines: readonly MachineView[]): Assumed {
  let firstContentMs = Number.POSITIVE_INFINITY;
  let tokensPerSec = 0;
  for (const { pace } of machines) {
    firstContentMs = Math.min(firstContentMs, expectedFirstContentMs(pace, promptBytes) ?? firstContentMs);
    tokensPerSec = Math.max(tokensPerSec, pace.decodeTokensPerSec ?? 0);
  }
  return {
    firstContentMs: Number.isFinite(firstContentMs) ? firstContentMs : FIRST_CONTENT_MS_UNMEASURED,
    tokensPerSec: tokensPerSec || DECODE_TOKENS_PER_SEC_UNMEASURED,
  };
}

/** What choosing this machine is expected to cost the caller, in milliseconds; lower wins. */
export function costMs(
  want: Want,
  { pace, conduct, running, far }: MachineView,
  assumed: Assumed,
  nowMs: number,
): number {
  const tokensPerSec = (pace.decodeTokensPerSec ?? assumed.tokensPerSec) / (1 + CROWDING * running);
  const tokens = Math.min(want.maxTokens, DECODE_TOKENS_COUNTED_MAX);
  return (
    (expectedFirstContentMs(pace, want.promptBytes) ?? assumed.firstContentMs) +
    (tokens / tokensPerSec) * 1000 +
    recentFaults(conduct, nowMs) * FAULT_COST_MS +
    // To ask for its slot. What its frames take is in its pace, as far as that was measured from afar.
    (far?.roundTripMs ?? 0)
  );
}

/**
 * Which machine serves next.
 *
 * @param nowMs monotonic
 * @param draw at least 0 and below 1; settles ties, and whether to explore
 */
export function choose(
  want: Want,
  candidates: Iterable<MachineView>,
  tried: ReadonlySet<ProviderId>,
  nowMs: number,
  draw: number,
): Choice {
  const { machines, refused } = eligibleFor(want, candidates, nowMs, tried);
  if (machines.length === 0) return { refused };

  const anyFree = machines.filter(hasFreeSlot);
  if (anyFree.length === 0) return { full: machines.length };
  const own = want.route === "prefer" ? anyFree.filter((machine) => isOwn(want, machine)) : [];
  const free = own.length > 0 ? own : anyFree;
  if (!(draw >= 0 && draw < 1)) throw new RangeError(`draw ${draw} is not at least 0 and below 1`);

  if (draw < EXPLORING_SHARE) {
    const stale = stalest(free, nowMs);
    if (stale) return { chosen: stale.providerId };
  }
  const assumed = assumedFrom(want, machines);
  const costs = free.map((candidate) => costMs(want, candidate, assumed, nowMs));
  const best = leastOf(costs);
  const tied = free.filter((_, n) => (costs[n] ?? 0) <= best + Math.max(TIE_MS, best * TIE_SHARE));
  // What is far costs two coordinators their work.
  const near = tied.filter(({ far }) => !far);
  const equals = near.length > 0 ? near : tied;
  const drawn = equals[Math.floor(draw * equals.length)];
  if (!drawn) throw new RangeError("no machine is as good as the best");
  return { chosen: drawn.providerId };
}

/** Of those that were measured too long ago and have no fresh fault, the one that waited longest. */
function stalest(free: readonly MachineView[], nowMs: number): MachineView | undefined {
  let found: MachineView | undefined;
  for (const machine of free) {
    if (nowMs - machine.pace.measuredAtMs < MEASURED_ANEW_MS || recentFaults(machine.conduct, nowMs) > 0) continue;
    if (!found || machine.pace.measuredAtMs < found.pace.measuredAtMs) found = machine;
  }
  return found;
}
