import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import {
  ACCOUNT_CREDIT_MICRO_USD_MAX,
  assertCreditable,
  assertHoldable,
  duesOf,
  insufficientFunds,
  isStorageFailure,
  LedgerBook,
  setAside,
} from "./book.ts";
import { anna, bert, idempotencyOf, settlementOf, termsOf } from "./ledger.samples.ts";

describe("what a settlement moves", () => {
  /** Goal: nobody pays above the hold, nobody earns above what was paid, and the platform pays no more than it set aside. Method: a row on each side of every border. */
  it.each<[what: string, amount: bigint, isFree: boolean, charge: bigint, earned: bigint, dues: readonly bigint[]]>([
    ["less than the hold", 40n, false, 25n, 20n, [25n, 15n, 20n, 0n]],
    ["the whole hold", 40n, false, 40n, 40n, [40n, 0n, 40n, 0n]],
    ["more than the hold", 40n, false, 90n, 90n, [40n, 0n, 40n, 0n]],
    ["more than the hold, with a share below it", 40n, false, 90n, 39n, [40n, 0n, 39n, 0n]],
    ["nothing", 40n, false, 0n, 0n, [0n, 40n, 0n, 0n]],
    ["nothing of nothing", 0n, false, 0n, 0n, [0n, 0n, 0n, 0n]],
    ["more than a hold of nothing", 0n, false, 3n, 2n, [0n, 0n, 0n, 0n]],
    ["what the platform pays", 40n, true, 25n, 20n, [0n, 0n, 0n, 20n]],
    ["what the platform pays at most", 40n, true, 90n, 80n, [0n, 0n, 0n, 40n]],
  ])("%s", (_what, amount, isFree, charge, earned, [charged, rest, share, paidByPlatform]) => {
    const dues = duesOf(setAside(amount, isFree), settlementOf(charge, { id: "1", earned }));
    expect(dues).toEqual({ charge: charged, rest, earned: share, paidByPlatform });
  });

  /** Goal: an attempt that nobody is named for earns nothing. Method: a settlement without a job. */
  it("without a job", () => {
    const dues = duesOf(setAside(40n, false), settlementOf(25n));
    expect(dues).toEqual({ charge: 25n, rest: 15n, earned: 0n, paidByPlatform: 0n });
  });

  /** Goal: figures that cannot be right move nothing. Method: each by one. */
  it.each([
    ["a charge below nothing", -1n, undefined],
    ["a charge below nothing and its share", -1n, -1n],
    ["a share below nothing", 5n, -1n],
    ["a share above its charge", 5n, 6n],
  ])("refuses %s", (_what, charge, earned) => {
    const settlement = settlementOf(charge, earned === undefined ? undefined : { id: "1", earned });
    for (const isFree of [false, true]) expect(() => duesOf(setAside(40n, isFree), settlement)).toThrow(RangeError);
  });
});

/** Goal: no hold is below nothing, and no account is credited nothing or above its bound. Method: both sides of every border. */
it("bounds holds and credits", () => {
  expect(() => assertHoldable(0n)).not.toThrow();
  expect(() => assertHoldable(-1n)).toThrow(RangeError);
  expect(() => assertCreditable(1n, 0n)).not.toThrow();
  expect(() => assertCreditable(0n, 0n)).toThrow(RangeError);
  expect(() => assertCreditable(-1n, 5n)).toThrow(RangeError);
  expect(ACCOUNT_CREDIT_MICRO_USD_MAX).toBe(10n ** 17n);
  expect(() => assertCreditable(10n ** 17n - 3n, 3n)).not.toThrow();
  expect(() => assertCreditable(10n ** 17n - 3n, 4n)).toThrow(RangeError);
});

/** Goal: only where the storage took nothing is anything tried again. Method: that failure, another of the table, and an error of ours. */
it("knows a failure of the storage", () => {
  const full = new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 });
  expect(isStorageFailure(full)).toBe(true);
  expect(isStorageFailure(insufficientFunds(2n, 1n))).toBe(false);
  expect(isStorageFailure(new RangeError("a settlement without a hold"))).toBe(false);
});

describe("the book", () => {
  const funded = (): LedgerBook => {
    const book = new LedgerBook();
    book.credit("credit_1", anna, microUsd(100n));
    return book;
  };

  /** Goal: every figure moves by what was said, once. Method: each entry twice, the second with another figure, and the figures after each. */
  it("takes each entry once", () => {
    const book = funded();
    book.credit("credit_1", anna, microUsd(7n));
    expect(book.totals(anna)).toEqual({ balance: 100n, held: 0n, charged: 0n, credited: 100n });
    for (const amount of [60n, 61n]) book.hold(termsOf("1", amount));
    expect(book.totals(anna)).toEqual({ balance: 40n, held: 60n, charged: 0n, credited: 100n });
    const { holdId } = termsOf("1", 60n);
    for (const charge of [25n, 30n]) expect(book.settle(holdId, settlementOf(charge, { id: "1" }))).toBe(25n);
    book.hold(termsOf("1", 60n));
    expect(book.totals(anna)).toEqual({ balance: 75n, held: 0n, charged: 25n, credited: 100n });
    expect(book.totals(bert)).toEqual({ balance: 0n, held: 0n, charged: 0n, credited: 0n });
    expect(book.accounts).toEqual([anna]);
  });

  /** Goal: a balance is spent to its last and not beyond. Method: a hold of all of it, and one of one more. */
  it("holds what there is", () => {
    const book = funded();
    expect(() => book.hold(termsOf("1", 101n))).toThrow(NetworkError);
    expect(book.holds).toEqual([]);
    book.hold(termsOf("1", 100n));
    expect(() => book.hold(termsOf("2", 1n))).toThrow(NetworkError);
    expect(book.totals(anna)).toEqual({ balance: 0n, held: 100n, charged: 0n, credited: 100n });
  });

  /** Goal: no settlement without its hold, and no job under two. Method: both, and what is left untouched by them. */
  it("refuses what does not belong together", () => {
    const book = funded();
    expect(() => book.settle(termsOf("1", 1n).holdId, settlementOf(1n))).toThrow("without a hold");
    for (const hold of ["1", "2"]) book.hold(termsOf(hold, 10n));
    book.settle(termsOf("1", 10n).holdId, settlementOf(5n, { id: "1" }));
    expect(() => book.settle(termsOf("2", 10n).holdId, settlementOf(5n, { id: "1" }))).toThrow("two holds");
    expect(book.totals(anna)).toEqual({ balance: 85n, held: 10n, charged: 5n, credited: 100n });
    expect(book.settle(termsOf("2", 10n).holdId, settlementOf(6n, { id: "2" }))).toBe(6n);
  });

  /** Goal: what was settled last stands last, and what is charged is split without a rest. Method: three holds, two of them settled the other way round. */
  it("orders holds by settlement, and splits what is charged", () => {
    const book = funded();
    for (const hold of ["1", "2", "3"]) book.hold(termsOf(hold, 10n));
    expect(book.shares()).toEqual({ machines: 0n, platform: 0n });
    book.settle(termsOf("2", 10n).holdId, settlementOf(5n, { id: "2", earned: 4n }));
    book.settle(termsOf("1", 10n).holdId, settlementOf(10n, { id: "1", earned: 3n }));
    const order = book.holds.map(({ terms, settled }) => [terms.holdId, settled?.settlement.job?.jobId as JobId]);
    expect(order).toEqual([
      ["hold_3", undefined],
      ["hold_2", "job_2"],
      ["hold_1", "job_1"],
    ]);
    expect(book.shares()).toEqual({ machines: 7n, platform: 8n });
  });

  /** Goal: what is said of a key moves the key of that hold alone. Method: say it of holds that are unknown, without a key, and of another account. */
  it("finds the key of a hold", () => {
    const book = funded();
    book.credit("credit_2", bert, microUsd(100n));
    const keyed = (hold: string, account = anna) => ({
      ...termsOf(hold, 10n, account),
      idempotency: idempotencyOf("k"),
    });
    book.spendKey(termsOf("none", 1n).holdId);
    book.loseAnswer(termsOf("none", 1n).holdId);
    book.hold(termsOf("plain", 10n));
    book.spendKey(termsOf("plain", 1n).holdId);
    book.loseAnswer(termsOf("plain", 1n).holdId);
    book.hold(keyed("1"));
    book.hold(keyed("2", bert));
    for (const hold of ["1", "2"]) book.settle(termsOf(hold, 10n).holdId, settlementOf(10n, { id: hold }));
    book.settle(termsOf("plain", 1n).holdId, settlementOf(10n, { id: "plain" }));
    book.loseAnswer(termsOf("plain", 1n).holdId);
    expect(() => book.hold(keyed("3"))).toThrow(NetworkError);
    book.loseAnswer(termsOf("1", 1n).holdId);
    expect(() => book.hold(keyed("4", bert))).toThrow(NetworkError);
    book.hold(keyed("3"));
    // The platform's: nothing more is set aside of hers.
    expect(book.totals(anna)).toEqual({ balance: 80n, held: 0n, charged: 20n, credited: 100n });
    book.spendKey(termsOf("2", 1n).holdId);
    book.hold(keyed("4", bert));
    expect(book.totals(bert).held).toBe(10n);
  });
});
