import type { Gate, ProviderId, Serial, TrustLevel } from "@darkbloom/protocol";
import { leastOf, atLeast } from "@darkbloom/protocol";
import type { CatalogEntry } from "../catalog/catalog.ts";

/** What a request needs of a machine. */
export interface Want {
  readonly entry: CatalogEntry;
  readonly pins: readonly Serial[];
  readonly minTrust: TrustLevel;
  readonly maxTokens: number;
}

/** A connected machine, as routing sees it. */
export interface Candidate {
  readonly providerId: ProviderId;
  /** Names by which a pin means this machine. */
  readonly pins: readonly Serial[];
  readonly trustLevel: TrustLevel;
  /** Passed its latest challenge, recently enough. */
  readonly attested: boolean;
  /** A check fails without whose mending it serves nobody. */
  readonly failing: boolean;
  readonly distrusted: boolean;
  readonly draining: boolean;
  readonly models: readonly {
    readonly build: string;
    readonly weightsSha256: string;
    readonly contextTokens: number;
    /** Of its longest token, as the machine says; undefined where it does not. */
    readonly tokenBytesMax?: number;
  }[];
  readonly slots: number;
  readonly running: number;
  /** Faults of this machine in the last minute. */
  readonly recentFaults: number;
  /** Measured here, not reported; undefined until the first answer. */
  readonly decodeTokensPerSec: number | undefined;
  readonly firstContentMs: number | undefined;
}

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

/** The first gate that shuts a machine out, or undefined: it may serve. Evaluated in this order. */
export function gateOf(want: Want, candidate: Candidate, tried: ReadonlySet<ProviderId>): Gate | undefined {
  if (want.pins.length > 0 && !candidate.pins.some((name) => want.pins.includes(name))) return "pinned_elsewhere";
  if (tried.has(candidate.providerId)) return "already_tried";
  const model = candidate.models.find(
    ({ build, weightsSha256 }) => build === want.entry.build && weightsSha256 === want.entry.weightsSha256,
  );
  if (!model) return "model_not_served";
  if (candidate.distrusted) return "untrusted";
  if (candidate.failing) return "evidence_failed";
  if (!candidate.attested) return "challenge_stale";
  if (!atLeast(candidate.trustLevel, want.minTrust)) return "trust_below_minimum";
  if (candidate.draining) return "draining";
  if (model.contextTokens < want.entry.contextTokens) return "context_too_small";
  return undefined;
}

/** What choosing this machine is expected to cost the caller, in milliseconds; lower wins. */
export function costMs(want: Want, candidate: Candidate): number {
  const tokensPerSec =
    (candidate.decodeTokensPerSec ?? DECODE_TOKENS_PER_SEC_UNMEASURED) / (1 + CROWDING * candidate.running);
  const tokens = Math.min(want.maxTokens, DECODE_TOKENS_COUNTED_MAX);
  return (
    (candidate.firstContentMs ?? FIRST_CONTENT_MS_UNMEASURED) +
    (tokens / tokensPerSec) * 1000 +
    candidate.recentFaults * FAULT_COST_MS
  );
}

/**
 * Which machine serves next.
 *
 * @param draw at least 0 and below 1; settles ties
 */
export function choose(
  want: Want,
  candidates: readonly Candidate[],
  tried: ReadonlySet<ProviderId>,
  draw: number,
): Choice {
  const refused: Partial<Record<Gate, number>> = {};
  const eligible: Candidate[] = [];
  for (const candidate of candidates) {
    const gate = gateOf(want, candidate, tried);
    if (gate) refused[gate] = (refused[gate] ?? 0) + 1;
    else eligible.push(candidate);
  }
  if (eligible.length === 0) return { refused };

  const free = eligible
    .filter(({ running, slots }) => running < slots)
    .map((candidate) => ({ candidate, cost: costMs(want, candidate) }));
  if (free.length === 0) return { full: eligible.length };

  const best = leastOf(free.map(({ cost }) => cost));
  const equals = free.filter(({ cost }) => cost <= best + TIE_MS);
  const drawn = equals[Math.floor(draw * equals.length)];
  if (!drawn) throw new RangeError(`draw ${draw} is not at least 0 and below 1`);
  return { chosen: drawn.candidate.providerId };
}
