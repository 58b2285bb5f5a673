import type { KeyId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { assertFits, bounds, noUse, remainingOf, subjectsOf, useOf, type Cap, type Use } from "./caps.ts";

const key = "key_1" as KeyId;
const capOf = (limitMicroUsd: bigint | null, limitTokens: bigint | null): Cap => ({
  subject: key,
  limitMicroUsd,
  limitTokens,
  reset: "daily",
});
const use = (microUsd: bigint, tokens: bigint): Use => ({ microUsd, tokens });
const at = Date.parse("2026-11-30T10:00:00Z");

describe("a cap", () => {
  /** Goal: a hold fits to the last unit of either and not beyond, and both are told where it does not. Method: each side of each edge, with what is open and what was used, and caps below what was used. */
  it.each<[fits: boolean | "usd" | "tokens", cap: Cap, most: Use, used: Use, open: Use]>([
    [true, capOf(null, null), use(10n ** 18n, 10n ** 15n), noUse, noUse],
    [true, capOf(100n, null), use(100n, 10n ** 15n), noUse, noUse],
    ["usd", capOf(100n, null), use(101n, 0n), noUse, noUse],
    [true, capOf(100n, null), use(30n, 0n), use(40n, 9n), use(30n, 9n)],
    ["usd", capOf(100n, null), use(31n, 0n), use(40n, 0n), use(30n, 0n)],
    ["tokens", capOf(100n, 50n), use(1n, 51n), noUse, noUse],
    [true, capOf(100n, 50n), use(0n, 10n), use(0n, 20n), use(0n, 20n)],
    ["tokens", capOf(null, 50n), use(0n, 11n), use(0n, 20n), use(0n, 20n)],
    ["usd", capOf(5n, null), use(1n, 0n), use(90n, 0n), noUse],
    [true, capOf(5n, null), use(0n, 7n), use(90n, 0n), noUse],
  ])("fits: %s", (fits, cap, most, used, open) => {
    const act = (): void => assertFits(cap, most, { used, open }, at);
    if (fits === true) expect(act).not.toThrow();
    else
      expect(act).toThrow(
        expect.objectContaining({
          failure: {
            code: "key_limit_reached",
            limit: fits,
            needed: fits === "usd" ? most.microUsd : most.tokens,
            remaining: remainingOf(cap, { used, open })[fits === "usd" ? "microUsd" : "tokens"],
            reset: "daily",
            resetsAt: Date.parse("2026-12-01"),
          },
        }),
      );
  });

  /** Goal: what remains is never below zero, and of what is not bounded nothing is said. Method: a cap that was lowered, and none. */
  it("leaves what is not used, nor open", () => {
    expect(remainingOf(capOf(100n, 9n), { used: use(40n, 2n), open: use(30n, 3n) })).toEqual(use(30n, 4n));
    expect(remainingOf(capOf(50n, 4n), { used: use(40n, 2n), open: use(30n, 3n) })).toEqual(use(0n, 0n));
    expect(remainingOf(capOf(null, null), { used: use(1n, 1n), open: noUse })).toEqual({
      microUsd: null,
      tokens: null,
    });
    expect([capOf(null, null), capOf(0n, null), capOf(null, 1n)].map(bounds)).toEqual([false, true, true]);
  });
});

/** Goal: a settlement counts what it was, never above its hold, and no tokens of what the platform pays. Method: each case. */
it.each<[most: bigint, isFree: boolean, charge: bigint, tokens: [number, number] | undefined, counts: Use]>([
  [100n, false, 7n, [30, 40], use(7n, 70n)],
  [60n, false, 7n, [30, 40], use(7n, 60n)],
  [100n, true, 0n, [30, 40], use(0n, 0n)],
  [100n, false, 0n, undefined, use(0n, 0n)],
])("of at most %s tokens, free %s, charged %s, %s count", (tokens, isFree, charge, used, counts) => {
  const usage = used && { promptTokens: used[0], completionTokens: used[1], cachedTokens: 5, reasoningTokens: 6 };
  expect(useOf({ tokens }, isFree, charge, usage)).toEqual(counts);
});

/** Goal: a request counts once for each whose it is, in one order everywhere. Method: its key without a cap, under its own, and beside others. */
it("counts for its key and for whoever bounds it", () => {
  const capsOf = (...subjects: string[]): Cap[] => subjects.map((one) => ({ ...capOf(1n, 1n), subject: one as KeyId }));
  expect(subjectsOf({ keyId: key, caps: [] })).toEqual([key]);
  expect(subjectsOf({ keyId: key, caps: capsOf("key_1") })).toEqual([key]);
  expect(subjectsOf({ keyId: key, caps: capsOf("team", "key_1", "a") })).toEqual(["a", key, "team"]);
});
