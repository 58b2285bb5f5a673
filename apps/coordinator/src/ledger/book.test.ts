import { microUsd } from "@darkbloom/protocol/money";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { LedgerBook } from "./book.ts";
import { nothing, OUTSIDE, PLATFORM } from "./journal.ts";
import { anna, bert, idempotencyOf, lease, machine, settlementOf, termsOf } from "./ledger.samples.ts";
import type { Totals } from "./settlement.ts";

describe("the book", () => {
  const funded = (): LedgerBook => {
    const book = new LedgerBook();
    book.move("credit_1", { kind: "grant", account: anna, amount: 100n });
    return book;
  };

  /** Goal: every figure moves by what was said, once. Method: each entry twice, the second with another figure, and the figures after each. */
  it("takes each entry once", () => {
    const book = funded();
    book.move("credit_1", { kind: "grant", account: anna, amount: 7n });
    expect(book.totals(anna)).toEqual({ balance: 100n, held: 0n, charged: 0n, credited: 100n });
    for (const amount of [60n, 61n]) book.hold(termsOf("1", amount), lease);
    expect(book.totals(anna)).toEqual({ balance: 40n, held: 60n, charged: 0n, credited: 100n });
    const { holdId } = termsOf("1", 60n);
    for (const charge of [25n, 30n]) expect(book.settle(holdId, settlementOf(charge, { id: "1" }))).toBe(25n);
    book.hold(termsOf("1", 60n), lease);
    expect(book.totals(anna)).toEqual({ balance: 75n, held: 0n, charged: 25n, credited: 100n });
    expect(book.totals(bert)).toEqual({ balance: 0n, held: 0n, charged: 0n, credited: 0n });
    expect(book.journal.map(({ kind }) => kind)).toEqual(["grant", "hold", "settle"]);
    expect(book.balances(OUTSIDE)).toEqual({ ...nothing, granted: -100n });
    expect(book.balances(PLATFORM)).toEqual({ ...nothing, earned: 25n });
  });

  /** Goal: a balance is spent to its last and not beyond. Method: a hold of all of it, and one of one more. */
  it("holds what there is", () => {
    const book = funded();
    expect(() => book.hold(termsOf("1", 101n), lease)).toThrow(NetworkError);
    expect(book.holds).toEqual([]);
    book.hold(termsOf("1", 100n), lease);
    expect(() => book.hold(termsOf("2", 1n), lease)).toThrow(NetworkError);
    expect(book.totals(anna)).toEqual({ balance: 0n, held: 100n, charged: 0n, credited: 100n });
  });

  /** Goal: no settlement without its hold, and no job under two. Method: both, and what is left untouched by them. */
  it("refuses what does not belong together", () => {
    const book = funded();
    expect(() => book.settle(termsOf("1", 1n).holdId, settlementOf(1n))).toThrow("without a hold");
    for (const hold of ["1", "2"]) book.hold(termsOf(hold, 10n), lease);
    book.settle(termsOf("1", 10n).holdId, settlementOf(5n, { id: "1" }));
    expect(() => book.settle(termsOf("2", 10n).holdId, settlementOf(5n, { id: "1" }))).toThrow("two holds");
    expect(book.totals(anna)).toEqual({ balance: 85n, held: 10n, charged: 5n, credited: 100n });
    expect(book.settle(termsOf("2", 10n).holdId, settlementOf(6n, { id: "2" }))).toBe(6n);
  });

  /** Goal: what was settled last stands last, and what is charged is split without a rest. Method: three holds, two of them settled the other way round. */
  it("orders holds by settlement, and splits what is charged", () => {
    const book = funded();
    for (const hold of ["1", "2", "3"]) book.hold(termsOf(hold, 10n), lease);
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
    expect(book.balances(machine)).toEqual({ ...nothing, earned: 7n });
  });

  /** Goal: what moves no money is no entry. Method: a hold of nothing, settled. */
  it("writes nothing down where nothing moves", () => {
    const book = funded();
    book.hold(termsOf("1", 0n), lease);
    book.settle(termsOf("1", 0n).holdId, settlementOf(3n, { id: "1" }));
    expect(book.journal).toHaveLength(1);
    expect(book.holds).toHaveLength(1);
  });

  /** Goal: the check knows every figure. Method: a sound book after each kind of entry; then one whose rows say otherwise. */
  it("checks itself", () => {
    class Altered extends LedgerBook {
      isAltered = false;

      override totals(account: AccountId): Totals {
        const totals = super.totals(account);
        return this.isAltered ? { ...totals, credited: microUsd(totals.credited + 3n) } : totals;
      }

      override get holds() {
        return this.isAltered ? [] : super.holds;
      }
    }
    const book = new Altered();
    book.move("credit_1", { kind: "grant", account: anna, amount: 100n });
    expect(book.check()).toEqual([]);
    for (const hold of ["1", "2", "3"]) book.hold(termsOf(hold, 10n), lease);
    book.settle(termsOf("1", 10n).holdId, settlementOf(5n, { id: "1", earned: 4n }));
    book.settle(termsOf("2", 10n).holdId, settlementOf(0n, { id: "2" }));
    expect(book.check()).toEqual([]);
    book.isAltered = true;
    expect(book.check()).toEqual([
      { account: anna, part: "open holds", offBy: 10n },
      { account: anna, part: "charged", offBy: 5n },
      { account: anna, part: "credited", offBy: 3n },
      { account: PLATFORM, part: "credited", offBy: 3n },
      { account: machine, part: "credited", offBy: 3n },
      { account: "key_1", part: "used", offBy: 5n },
      { account: "key_1", part: "used tokens", offBy: 36n },
      { account: "darkbloom-tiny", part: "earnings", offBy: 4n },
    ]);
  });

  /** Goal: what is said of a key moves the key of that hold alone. Method: say it of holds that are unknown, without a key, and of another account. */
  it("finds the key of a hold", () => {
    const book = funded();
    book.move("credit_2", { kind: "grant", account: bert, amount: 100n });
    const keyed = (hold: string, account = anna) => ({
      ...termsOf(hold, 10n, account),
      idempotency: idempotencyOf("k"),
    });
    book.spendKey(termsOf("none", 1n).holdId);
    book.loseAnswer(termsOf("none", 1n).holdId);
    book.hold(termsOf("plain", 10n), lease);
    book.spendKey(termsOf("plain", 1n).holdId);
    book.loseAnswer(termsOf("plain", 1n).holdId);
    book.hold(keyed("1"), lease);
    book.hold(keyed("2", bert), lease);
    for (const hold of ["1", "2"]) book.settle(termsOf(hold, 10n).holdId, settlementOf(10n, { id: hold }));
    book.settle(termsOf("plain", 1n).holdId, settlementOf(10n, { id: "plain" }));
    book.loseAnswer(termsOf("plain", 1n).holdId);
    expect(() => book.hold(keyed("3"), lease)).toThrow(NetworkError);
    book.loseAnswer(termsOf("1", 1n).holdId);
    expect(() => book.hold(keyed("4", bert), lease)).toThrow(NetworkError);
    book.hold(keyed("3"), lease);
    // The platform's: nothing more is set aside of hers.
    expect(book.totals(anna)).toEqual({ balance: 80n, held: 0n, charged: 20n, credited: 100n });
    book.spendKey(termsOf("2", 1n).holdId);
    book.hold(keyed("4", bert), lease);
    expect(book.totals(bert).held).toBe(10n);
  });
});
