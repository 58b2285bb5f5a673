import { leastOf, type Gate, type ProviderId } from "@darkbloom/protocol";
import { recentFaults } from "../fleet/pace.ts";
import { eligibleFor, hasFreeSlot, type Candidate, type Want } from "./eligibility.ts";

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
/** Assumed until a machine was measured: neither the first nor the last choice. */
const DECODE_TOKENS_PER_SEC_UNMEASURED = 40;
const FIRST_CONTENT_MS_UNMEASURED = 300;
/** Machines this close to the best are equal; one of them is drawn, so that load spreads. */
const TIE_MS = 100;

/** What choosing this machine is expected to cost the caller, in milliseconds; lower wins. */
export function costMs(want: Want, { pace, running }: Candidate, nowMs: number): number {
  const tokensPerSec = (pace.decodeTokensPerSec ?? DECODE_TOKENS_PER_SEC_UNMEASURED) / (1 + CROWDING * running);
  const tokens = Math.min(want.maxTokens, DECODE_TOKENS_COUNTED_MAX);
  return (
    (pace.firstContentMs ?? FIRST_CONTENT_MS_UNMEASURED) +
    (tokens / tokensPerSec) * 1000 +
    recentFaults(pace, nowMs) * FAULT_COST_MS
  );
}

/**
 * Which machine serves next.
 *
 * @param nowMs monotonic
 * @param draw at least 0 and below 1; settles ties
 */
export function choose(
  want: Want,
  candidates: Iterable<Candidate>,
  tried: ReadonlySet<ProviderId>,
  nowMs: number,
  draw: number,
): Choice {
  const { machines, refused } = eligibleFor(want, candidates, nowMs, tried);
  if (machines.length === 0) return { refused };

  const free = machines.filter(hasFreeSlot).map((candidate) => ({ candidate, cost: costMs(want, candidate, nowMs) }));
  if (free.length === 0) return { full: machines.length };

  const best = leastOf(free.map(({ cost }) => cost));
  const equals = free.filter(({ cost }) => cost <= best + TIE_MS);
  const drawn = equals[Math.floor(draw * equals.length)];
  if (!drawn) throw new RangeError(`draw ${draw} is not at least 0 and below 1`);
  return { chosen: drawn.candidate.providerId };
}
