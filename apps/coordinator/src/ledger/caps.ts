import { NetworkError } from "@darkbloom/protocol/failures";
import type { KeyId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd, type Usage } from "@darkbloom/protocol/money";
import { resetsAt, type LimitReset } from "./windows.ts";

/** What is spent, or can be: money, and tokens of prompt and answer together. */
export interface Use {
  readonly microUsd: bigint;
  readonly tokens: bigint;
}

export const noUse: Use = { microUsd: 0n, tokens: 0n };

/** Whose use is counted. */
export type Subject = KeyId;

/** The most that a subject may use in a window. Null bounds nothing. */
export interface Cap {
  readonly subject: Subject;
  readonly limitMicroUsd: bigint | null;
  readonly limitTokens: bigint | null;
  readonly reset: LimitReset;
}

/** Of a subject in one window: what was used, and the most that its open holds can use. */
export interface Counted {
  readonly used: Use;
  readonly open: Use;
}

/** What is left of a cap; null of what it does not bound. */
export interface Remaining {
  readonly microUsd: MicroUsd | null;
  readonly tokens: bigint | null;
}

export const remainingOf = (
  { limitMicroUsd, limitTokens }: Pick<Cap, "limitMicroUsd" | "limitTokens">,
  { used, open }: Counted,
): Remaining => ({
  microUsd: limitMicroUsd === null ? null : microUsd(left(limitMicroUsd, used.microUsd, open.microUsd)),
  tokens: limitTokens === null ? null : left(limitTokens, used.tokens, open.tokens),
});

/** A cap may be set below what was used before. */
function left(limit: bigint, used: bigint, open: bigint): bigint {
  const rest = limit - used - open;
  return rest > 0n ? rest : 0n;
}

export const bounds = ({ limitMicroUsd, limitTokens }: Cap): boolean => limitMicroUsd !== null || limitTokens !== null;

/**
 * Whether a hold fits what is left of a cap in the window in which it is taken.
 *
 * @throws NetworkError `key_limit_reached`
 */
export function assertFits(cap: Cap, most: Use, counted: Counted, at: number): void {
  const rest = remainingOf(cap, counted);
  const told = { reset: cap.reset, resetsAt: resetsAt(cap.reset, at) };
  if (rest.microUsd !== null && most.microUsd > rest.microUsd)
    throw new NetworkError({
      code: "key_limit_reached",
      limit: "usd",
      needed: most.microUsd,
      remaining: rest.microUsd,
      ...told,
    });
  if (rest.tokens !== null && most.tokens > rest.tokens)
    throw new NetworkError({
      code: "key_limit_reached",
      limit: "tokens",
      needed: most.tokens,
      remaining: rest.tokens,
      ...told,
    });
}

/** The same of all that bounds a request, by what counts against each. */
export function assertAllFit(
  { amount, tokens, caps, at }: { amount: bigint; tokens: bigint; caps: readonly Cap[]; at: number },
  counted: (cap: Cap) => Counted,
): void {
  for (const cap of caps) if (bounds(cap)) assertFits(cap, { microUsd: amount, tokens }, counted(cap), at);
}

/** A request's key, and whoever else has a cap on it: each once, in one order everywhere. */
export const subjectsOf = ({ keyId, caps }: { readonly keyId: KeyId; readonly caps: readonly Cap[] }): Subject[] =>
  caps.length === 0 ? [keyId] : [...new Set([keyId, ...caps.map(({ subject }) => subject)])].toSorted();

export const sumOfUse = (one: Use, other: Use): Use => ({
  microUsd: one.microUsd + other.microUsd,
  tokens: one.tokens + other.tokens,
});

/** What a settlement counts for: no more than its hold could, and nothing where the platform pays. */
export function useOf(most: Pick<Use, "tokens">, isFree: boolean, charge: bigint, usage: Usage | undefined): Use {
  if (isFree || !usage) return { microUsd: charge, tokens: 0n };
  const tokens = BigInt(usage.promptTokens + usage.completionTokens);
  return { microUsd: charge, tokens: tokens < most.tokens ? tokens : most.tokens };
}
