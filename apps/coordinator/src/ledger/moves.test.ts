import { NetworkError } from "@darkbloom/protocol/failures";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LedgerBook } from "./book.ts";
import { nothing, OUTSIDE, spendable, type Balances, type Entry } from "./journal.ts";
import { anna, lease, settlementOf, termsOf } from "./ledger.samples.ts";
import {
  ACCOUNT_CREDIT_MICRO_USD_MAX,
  creditedOf,
  creditRoom,
  moveOf,
  NETWORK_CREDIT_MICRO_USD_MAX,
  type AmountKind,
} from "./moves.ts";

const before = { account: 0n, network: 0n };
const told = ({ kind, postings }: Entry) => ({
  kind,
  ...Object.fromEntries(postings.map(({ account, sub, amount }) => [`${account}.${sub}`, amount])),
});
type Kind = AmountKind;
const of = (kind: Kind, amount: bigint, balances: Partial<Balances> = {}) =>
  moveOf({ kind, account: anna, amount }, { ...nothing, ...balances }, before);

describe("what comes in and is taken back", () => {
  /** Goal: each move goes where it says, and what comes in pays a debt first. Method: each on both sides of every border. */
  it.each<[what: string, Kind, amount: bigint, Partial<Balances>, moved: Record<string, bigint>, credited: bigint]>([
    ["a grant", "grant", 5n, {}, { "outside.granted": -5n, "acct_anna.granted": 5n }, 5n],
    ["a deposit", "deposit", 5n, {}, { "outside.paid_in": -5n, "acct_anna.paid_in": 5n }, 5n],
    [
      "a grant above a debt",
      "grant",
      5n,
      { debt: -4n },
      { "outside.granted": -5n, "acct_anna.granted": 1n, "acct_anna.debt": 4n },
      5n,
    ],
    ["a deposit of a debt", "deposit", 5n, { debt: -5n }, { "outside.paid_in": -5n, "acct_anna.debt": 5n }, 5n],
    ["a deposit below a debt", "deposit", 5n, { debt: -6n }, { "outside.paid_in": -5n, "acct_anna.debt": 5n }, 5n],
    [
      "a refund of what is there",
      "refund",
      5n,
      { paid_in: 5n },
      { "outside.paid_in": 5n, "acct_anna.paid_in": -5n },
      0n,
    ],
    [
      "a refund of what is partly spent",
      "refund",
      5n,
      { paid_in: 4n, granted: 9n, earned: 9n, held: 9n },
      { "outside.paid_in": 5n, "acct_anna.paid_in": -4n, "acct_anna.debt": -1n },
      0n,
    ],
    ["a dispute of what is spent", "dispute", 5n, {}, { "outside.paid_in": 5n, "acct_anna.debt": -5n }, 0n],
    ["what is won back", "reinstate", 5n, {}, { "outside.paid_in": -5n, "acct_anna.paid_in": 5n }, 0n],
    [
      "what is won back above a debt",
      "reinstate",
      5n,
      { debt: -2n },
      { "outside.paid_in": -5n, "acct_anna.paid_in": 3n, "acct_anna.debt": 2n },
      0n,
    ],
  ])("%s", (_what, kind, amount, balances, moved, credited) => {
    const done = of(kind, amount, balances);
    expect(told(done.entry)).toEqual({ kind, ...moved });
    expect(done.credited).toBe(credited);
  });

  /** Goal: what comes back from a hold pays the debt that arose meanwhile, and no more. Method: more and less than is owed, and nothing. */
  it.each<[paidIn: bigint, debt: bigint, repaid: bigint]>([
    [3n, -5n, 3n],
    [5n, -3n, 3n],
    [5n, 0n, 0n],
    [0n, -5n, 0n],
  ])("%d paid in and %d owed", (paid_in, debt, repaid) => {
    const { entry } = moveOf({ kind: "debt", account: anna }, { ...nothing, granted: 9n, paid_in, debt }, before);
    const moved = { "acct_anna.paid_in": -repaid, "acct_anna.debt": repaid };
    expect(told(entry)).toEqual({ kind: "debt", ...(repaid > 0n && moved) });
  });

  /** Goal: a refund that must not make a debt makes none. Method: all that was paid in, and one more beside granted money. */
  it("refunds what is still there", () => {
    const balances = { ...nothing, paid_in: 5n, granted: 9n };
    const refund = (amount: bigint) =>
      moveOf({ kind: "refund", account: anna, amount, upTo: "paid_in" }, balances, before);
    expect(told(refund(5n).entry)).toMatchObject({ "acct_anna.paid_in": -5n });
    expect(() => refund(6n)).toThrow(NetworkError);
    expect(() => refund(6n)).toThrow(
      expect.objectContaining({ failure: { code: "insufficient_funds", neededMicroUsd: 6n, availableMicroUsd: 5n } }),
    );
  });

  /** Goal: nothing is moved that is nothing, less, or more than an account can have. Method: both borders of each kind. */
  it.each<Kind>(["grant", "deposit", "refund", "dispute", "reinstate"])("%s is bounded", (kind) => {
    for (const amount of [0n, -1n, ACCOUNT_CREDIT_MICRO_USD_MAX + 1n])
      expect(() => of(kind, amount)).toThrow(RangeError);
    for (const amount of [1n, ACCOUNT_CREDIT_MICRO_USD_MAX]) expect(() => of(kind, amount)).not.toThrow();
  });

  /** Goal: neither an account nor all of them are credited above their bounds, by grants and deposits together. Method: both sides of every border. */
  it.each(["grant", "deposit"] as const)("a %s keeps what is credited below its bounds", (kind) => {
    expect([ACCOUNT_CREDIT_MICRO_USD_MAX, NETWORK_CREDIT_MICRO_USD_MAX]).toEqual([10n ** 17n, 4n * 10n ** 18n]);
    const credit = (amount: bigint, account: bigint, network: bigint) => () =>
      moveOf({ kind, account: anna, amount }, nothing, { account, network });
    expect(credit(10n ** 17n - 3n, 3n, 3n)).not.toThrow();
    expect(credit(10n ** 17n - 3n, 4n, 4n)).toThrow("an account is credited");
    const [amount, network] = [10n ** 17n, 39n * 10n ** 17n];
    expect(credit(amount, 0n, network)).not.toThrow();
    expect(credit(amount, 0n, network + 1n)).toThrow("the network is credited");
    expect(creditRoom({ account: 10n ** 17n - 7n, network: 10n ** 17n })).toBe(7n);
    expect(creditRoom({ account: 0n, network: 4n * 10n ** 18n - 5n })).toBe(5n);
    expect(creditedOf(3n, { ...nothing, granted: -20n, paid_in: -22n })).toEqual({ account: 3n, network: 42n });
  });
});

const step = fc.record({
  op: fc.constantFrom("grant", "deposit", "refund", "dispute", "reinstate", "debt", "hold", "settle"),
  n: fc.nat(4),
  amount: fc.bigInt(1n, 40n),
});

/**
 * Goal: whatever is paid in, given, taken back, won back and spent, in any order and twice, no micro-dollar counts twice, and a
 * debt is exactly what was taken beyond what was there. Method: random steps of one account, against plain sums of what each said
 * the first time.
 */
it("adds up, whatever comes in and goes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const book = new LedgerBook();
      const done = new Set<string>();
      const sums = { in: 0n, taken: 0n, charged: 0n, repaid: 0n };
      for (const [at, { op, n, amount }] of steps.entries()) {
        const was = book.balances(anna);
        const isNew = !done.has(`${op} ${n}`);
        if (op === "hold") {
          const isTaken = spendable(was) >= amount && isNew;
          if (isTaken) done.add(`hold ${n}`);
          if (isTaken || !isNew) book.hold(termsOf(`${n}`, amount), lease);
          else expect(() => book.hold(termsOf(`${n}`, amount), lease)).toThrow(NetworkError);
        } else if (op === "settle") {
          if (!done.has(`hold ${n}`)) continue;
          const charge = book.settle(
            termsOf(`${n}`, 1n).holdId,
            settlementOf(amount, { id: `${n}`, earned: amount / 2n }),
          );
          if (isNew) sums.charged += charge;
          done.add(`settle ${n}`);
        } else if (op === "debt") {
          book.move(`at_${at}`, { kind: op, account: anna });
          const now = book.balances(anna);
          expect(now.debt === 0n || now.paid_in === 0n).toBe(true);
          expect(now.paid_in + now.debt).toBe(was.paid_in + was.debt);
        } else {
          book.move(`ref_${n}`, { kind: op, account: anna, amount });
          if (isNew) {
            const isTaken = op === "refund" || op === "dispute";
            if (isTaken) sums.taken += amount;
            else sums.in += amount;
            const there = was.paid_in < amount ? was.paid_in : amount;
            const paid = -was.debt < amount ? -was.debt : amount;
            expect(book.balances(anna).debt).toBe(isTaken ? was.debt - (amount - there) : was.debt + paid);
          }
          done.add(`${op} ${n}`);
        }
        const { granted, paid_in, earned, held, debt } = book.balances(anna);
        expect(granted >= 0n && paid_in >= 0n && earned === 0n && held >= 0n && debt <= 0n).toBe(true);
        expect(granted + paid_in + held + debt).toBe(sums.in - sums.taken - sums.charged);
        const outside = book.balances(OUTSIDE);
        expect(-outside.granted - outside.paid_in).toBe(sums.in - sums.taken);
        expect(book.check()).toEqual([]);
      }
    }),
  );
});
