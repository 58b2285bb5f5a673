import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUsd, microUsd, parseUsd, priceOf, type Price } from "./money.ts";

const price = (input: bigint, output: bigint, cached: bigint): Price => ({
  inputPerMtok: microUsd(input),
  outputPerMtok: microUsd(output),
  cachedInputPerMtok: microUsd(cached),
});
const tokens = (promptTokens: number, cachedTokens: number, completionTokens: number) => ({
  promptTokens,
  cachedTokens,
  completionTokens,
});

describe("a price", () => {
  it.each([
    [price(1_000_000n, 2_000_000n, 500_000n), tokens(10, 0, 0), 10n],
    [price(1_000_000n, 2_000_000n, 500_000n), tokens(10, 4, 0), 8n],
    [price(1_000_000n, 2_000_000n, 500_000n), tokens(10, 4, 3), 14n],
    [price(1n, 1n, 0n), tokens(0, 0, 0), 0n],
    [price(1n, 1n, 0n), tokens(1, 0, 0), 1n],
    [price(1n, 1n, 0n), tokens(1, 0, 1), 1n],
    [price(1n, 1n, 0n), tokens(1_000_000, 0, 0), 1n],
    [price(1n, 1n, 0n), tokens(1_000_000, 0, 1), 2n],
    [price(1n, 1n, 0n), tokens(1, 1, 0), 0n],
  ])("is rounded up once, on the sum: row %#", (each, usage, expected) => {
    expect(priceOf(each, usage)).toBe(expected);
  });
});

describe("an amount", () => {
  it.each([
    [0n, "0.000000"],
    [1n, "0.000001"],
    [-1n, "-0.000001"],
    [999_999n, "0.999999"],
    [1_000_000n, "1.000000"],
    [-1_000_000n, "-1.000000"],
    [5_250_000n, "5.250000"],
    [123_456_789_012n, "123456.789012"],
  ])("of %s micro-USD is written %s", (amount, text) => {
    expect(formatUsd(amount)).toBe(text);
  });

  it.each([
    ["5", 5_000_000n],
    ["5.00", 5_000_000n],
    ["0.000001", 1n],
    ["0.1", 100_000n],
    ["007", 7_000_000n],
    ["999999999999.999999", 999_999_999_999_999_999n],
  ])("is read from %j", (text, amount) => {
    expect(parseUsd(text)).toBe(amount);
  });

  it.each(["", "-1", "+1", "1e3", ".5", "5.", "1.0000001", "1,5", " 1", "1 ", "1\n", "0x1", "1000000000000", "١"])(
    "is not read from %j",
    (text) => {
      expect(parseUsd(text)).toBeUndefined();
    },
  );

  it("is read as it was written", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 17n), (amount) => {
        expect(parseUsd(formatUsd(amount))).toBe(amount);
      }),
    );
  });
});
