/** Money in micro-US-dollars (1 USD = 1_000_000). Integers only: no float ever holds money here. */
export type MicroUsd = bigint & { readonly unit: "micro-usd" };
export const microUsd = (amount: bigint): MicroUsd => amount as MicroUsd;

/** What a model costs, in micro-USD per million tokens; frozen when the hold is taken. */
export interface Price {
  readonly inputPerMtok: MicroUsd;
  readonly outputPerMtok: MicroUsd;
  /** For prompt tokens that the provider did not have to compute again. Never above `inputPerMtok`. */
  readonly cachedInputPerMtok: MicroUsd;
}

/** Tokens as the provider's own tokenizer counted them. `cachedTokens` is part of `promptTokens`,
 * `reasoningTokens` of `completionTokens`. */
export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
}

const PER_MTOK = 1_000_000n;

/**
 * Price of a generation, rounded up once, on the sum: a rounded-down price would let a caller split
 * one request into many free ones.
 *
 * @returns micro-USD, never below zero
 */
export function priceOf(
  price: Price,
  usage: Pick<Usage, "promptTokens" | "cachedTokens" | "completionTokens">,
): MicroUsd {
  const scaled =
    BigInt(usage.promptTokens - usage.cachedTokens) * price.inputPerMtok +
    BigInt(usage.cachedTokens) * price.cachedInputPerMtok +
    BigInt(usage.completionTokens) * price.outputPerMtok;
  return microUsd((scaled + PER_MTOK - 1n) / PER_MTOK);
}

/** `5000000n` → `"5.000000"`. */
export function formatUsd(amount: bigint): string {
  const digits = amount.toString().replace("-", "").padStart(7, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** `"5"`, `"5.00"` or `"0.000001"` → micro-USD; undefined for anything else, signs and exponents included. */
export function parseUsd(text: string): MicroUsd | undefined {
  const parts = /^(?<whole>\d{1,12})(?:\.(?<part>\d{1,6}))?$/.exec(text)?.groups;
  if (!parts) return undefined;
  return microUsd(BigInt(parts["whole"] ?? "0") * 1_000_000n + BigInt((parts["part"] ?? "").padEnd(6, "0")));
}
