import { unbound } from "@darkbloom/coordinator/accounts/key-terms";
import type { KeyUsage } from "@darkbloom/coordinator/accounts/key-usage";
import type { KeyRecord, KeyTerms } from "@darkbloom/coordinator/accounts/port";
import type { AccountId, KeyId, Serial } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { boundsOf, keyTold, stateOf, termsOf, usedWords } from "./key-terms.ts";
import { timeOf } from "./output.ts";

const NOW = Date.UTC(2030, 0, 1);

beforeEach(() => void vi.spyOn(Date, "now").mockReturnValue(NOW));
afterEach(() => vi.restoreAllMocks());

type Given = Parameters<typeof termsOf>[0];
const noFlag: Given = {
  name: undefined,
  models: [],
  minTrust: undefined,
  providerSerial: [],
  privacy: undefined,
  selfRouteOnly: undefined,
  expires: undefined,
  limitUsd: undefined,
  limitTokens: undefined,
  limitReset: undefined,
  rpm: undefined,
  itpm: undefined,
  otpm: undefined,
};

/** Goal: a key becomes what the flags say, and keeps what none of them names. Method: each flag alone, with each kind of word. */
it.each<[flags: Partial<Given>, terms: Partial<KeyTerms>]>([
  [{}, {}],
  [{ name: "" }, { name: "" }],
  [{ name: "laptop" }, { name: "laptop" }],
  [{ models: ["a"] }, { allowedModels: ["a"] }],
  [{ models: ["any"] }, { allowedModels: [] }],
  [{ models: ["any", "a"] }, { allowedModels: ["any", "a"] }],
  [{ minTrust: "hardware" }, { minTrust: "hardware" }],
  [{ providerSerial: ["SW-1"] }, { pins: ["SW-1" as Serial] }],
  [{ providerSerial: ["any"] }, { pins: [] }],
  [{ privacy: "sealed" }, { privacy: "sealed" }],
  [{ selfRouteOnly: true }, { selfRouteOnly: true }],
  [{ selfRouteOnly: false }, { selfRouteOnly: false }],
  [{ expires: "never" }, { expiresAt: null }],
  [{ limitUsd: microUsd(5n) }, { limitMicroUsd: microUsd(5n) }],
  [{ limitUsd: "none" }, { limitMicroUsd: null }],
  [{ limitTokens: 7 }, { limitTokens: 7 }],
  [{ limitTokens: "none" }, { limitTokens: null }],
  [{ limitReset: "weekly" }, { limitReset: "weekly" }],
  [{ rpm: 7 }, { rpmLimit: 7 }],
  [
    { itpm: 7, otpm: "none" },
    { itpmLimit: 7, otpmLimit: null },
  ],
  [
    { rpm: "none", itpm: "none", otpm: 7 },
    { rpmLimit: null, itpmLimit: null, otpmLimit: 7 },
  ],
  [{ expires: { at: 5 } }, { expiresAt: 5 }],
  [{ expires: { inMs: 7 } }, { expiresAt: NOW + 7 }],
])("of %o changes %o", (flags, terms) => {
  expect(termsOf({ ...noFlag, ...flags })).toStrictEqual(terms);
});

const key: KeyRecord = {
  ...unbound,
  keyId: "key_1" as KeyId,
  account: "acct_1" as AccountId,
  label: "eigeninference-…",
  createdAt: NOW,
  createdBy: null,
  lastUsedAt: null,
  revokedAt: null,
};

/** Goal: whoever reads a key's state learns whether it works. Method: each reason why not, alone and beside a lesser one, and a key at its last moment. */
it.each<[state: string, of: Partial<KeyRecord>]>([
  ["works", {}],
  ["works", { expiresAt: NOW + 1 }],
  ["expired 2030-01-01T00:00:00.000Z", { expiresAt: NOW }],
  ["expired 2029-12-31T23:59:59.999Z", { expiresAt: NOW - 1 }],
  ["disabled", { disabled: true, expiresAt: NOW }],
  ["revoked 1970-01-01T00:00:00.000Z", { revokedAt: 0, disabled: true }],
])("says %s", (state, of) => {
  expect(stateOf({ ...key, ...of })).toBe(state);
});

/** Goal: nothing that bounds a key is left unsaid. Method: each bound alone, and none. */
it.each<[words: string[], of: Partial<KeyTerms>]>([
  [[], {}],
  [["models a, b"], { allowedModels: ["a", "b"] }],
  [["at least hardware"], { minTrust: "hardware" }],
  [["only SW-1, SW-2"], { pins: ["SW-1" as Serial, "SW-2" as Serial] }],
  [["5.000000 USD"], { limitMicroUsd: microUsd(5_000_000n) }],
  [
    ["5.000000 USD a day", "7 tokens a day"],
    { limitMicroUsd: microUsd(5_000_000n), limitTokens: 7, limitReset: "daily" },
  ],
  [["7 tokens a week"], { limitTokens: 7, limitReset: "weekly" }],
  [["7 tokens a month"], { limitTokens: 7, limitReset: "monthly" }],
  [["7 requests a minute"], { rpmLimit: 7 }],
  [["7 prompt tokens a minute", "8 answer tokens a minute"], { itpmLimit: 7, otpmLimit: 8 }],
  [["sealed requests"], { privacy: "sealed" }],
  [["the account's own machines"], { selfRouteOnly: true }],
  [["until 2030-01-01T00:00:00.000Z"], { expiresAt: NOW }],
])("is bound to %j", (words, of) => {
  expect(boundsOf({ ...unbound, ...of })).toEqual(words);
});

/** Goal: what a key has used is told for its window, and what is left where there is a limit. Method: each window, with and without limits. */
it.each<[words: string, reset: KeyTerms["limitReset"], usage: Partial<KeyUsage>]>([
  ["0.000007 USD and 9 tokens in all", "none", {}],
  ["0.000007 USD and 9 tokens in all; 0.000005 USD remain", "none", { remainingMicroUsd: microUsd(5n) }],
  [
    "0.000007 USD and 9 tokens today; 0.000005 USD and 3 tokens remain; counts afresh at 2030-01-01T00:00:00.000Z",
    "daily",
    { remainingMicroUsd: microUsd(5n), remainingTokens: 3, resetsAt: NOW },
  ],
  ["0.000007 USD and 9 tokens this week; 3 tokens remain", "weekly", { remainingTokens: 3 }],
  ["0.000007 USD and 9 tokens this month", "monthly", {}],
])("says: %s", (words, limitReset, some) => {
  const usage = {
    usedMicroUsd: microUsd(7n),
    usedTokens: 9,
    remainingMicroUsd: null,
    remainingTokens: null,
    resetsAt: null,
  };
  expect(usedWords({ ...key, limitReset, balance: microUsd(0n), usage: { ...usage, ...some } })).toBe(words);
});

/** Goal: programs read times as such, and no time as null. Method: one key, never used. */
it("tells times to programs", () => {
  expect(keyTold(key)).toMatchObject({ created_at: timeOf(NOW), last_used_at: null, revoked_at: null });
  expect(timeOf(0)).toBe("1970-01-01T00:00:00.000Z");
});
