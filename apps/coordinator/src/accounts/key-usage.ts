import { formatUsd, microUsd, parseUsd, type MicroUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import { remainingOf, type Cap, type Counted } from "../ledger/caps.ts";
import type { Ledger } from "../ledger/port.ts";
import { resetsAt } from "../ledger/windows.ts";
import { capOf } from "./key-caps.ts";
import type { KeyRecord } from "./port.ts";

/** What a key has used in its present window, and what is left of its caps; null of what has none. */
export interface KeyUsage {
  readonly usedMicroUsd: MicroUsd;
  readonly usedTokens: number;
  readonly remainingMicroUsd: MicroUsd | null;
  readonly remainingTokens: number | null;
  /** Milliseconds since 1970; null: never. */
  readonly resetsAt: number | null;
}

const tokens = z.int().min(0);

/** The same as it goes over HTTP. */
export const keyUsageShape = {
  usage_usd: z.string().describe("Charged in the present window; without `limit_reset`, ever"),
  remaining_usd: z
    .string()
    .nullable()
    .describe("Left of `limit_usd`, without what running requests may still cost; null without a limit"),
  usage_tokens: tokens.describe("The same in tokens, of prompts and answers"),
  remaining_tokens: tokens.nullable(),
  resets_at: z.iso.datetime().nullable().describe("When the present window ends"),
} as const;
const wire = z.object(keyUsageShape);
type WireUsage = z.infer<typeof wire>;

/** Each of these keys with what it has used, out of the book by which its requests are refused. */
export async function withUsage<Key extends KeyRecord>(
  ledger: Pick<Ledger, "counted">,
  keys: readonly Key[],
  at: number,
): Promise<(Key & { readonly usage: KeyUsage })[]> {
  const counted = await ledger.counted(keys.map(capOf), at);
  return keys.map((key, n) => ({ ...key, usage: usageIn(capOf(key), counted[n], at) }));
}

/** The same of one. */
export async function usageOf(ledger: Pick<Ledger, "counted">, key: KeyRecord, at: number): Promise<KeyUsage> {
  const cap = capOf(key);
  const [counted] = await ledger.counted([cap], at);
  return usageIn(cap, counted, at);
}

function usageIn(cap: Cap, counted: Counted | undefined, at: number): KeyUsage {
  if (!counted) throw new RangeError("the ledger answers for fewer keys than it was asked for");
  const remaining = remainingOf(cap, counted);
  return {
    usedMicroUsd: microUsd(counted.used.microUsd),
    usedTokens: Number(counted.used.tokens),
    remainingMicroUsd: remaining.microUsd,
    remainingTokens: remaining.tokens === null ? null : Number(remaining.tokens),
    resetsAt: resetsAt(cap.reset, at),
  };
}

export const tellUsage = (usage: KeyUsage): WireUsage => ({
  usage_usd: formatUsd(usage.usedMicroUsd),
  remaining_usd: usage.remainingMicroUsd === null ? null : formatUsd(usage.remainingMicroUsd),
  usage_tokens: usage.usedTokens,
  remaining_tokens: usage.remainingTokens,
  resets_at: usage.resetsAt === null ? null : new Date(usage.resetsAt).toISOString(),
});

export const readUsage = (told: WireUsage): KeyUsage => ({
  usedMicroUsd: amountOf(told.usage_usd),
  usedTokens: told.usage_tokens,
  remainingMicroUsd: told.remaining_usd === null ? null : amountOf(told.remaining_usd),
  remainingTokens: told.remaining_tokens,
  resetsAt: told.resets_at === null ? null : Date.parse(told.resets_at),
});

function amountOf(told: string): MicroUsd {
  const amount = parseUsd(told);
  if (amount === undefined) throw new TypeError("what a key used is no amount");
  return amount;
}
