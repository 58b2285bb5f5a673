import type { AccountId } from "@darkbloom/protocol/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLEARING_DAYS_DEFAULT } from "./clearing.ts";
import { OUTSIDE, partsSum } from "./journal.ts";
import { anna, bert, machineId, settlementOf, termsOf } from "./ledger.samples.ts";
import type { LedgerUnderTest } from "./ledger.contract.ts";
import type { Ledger } from "./port.ts";

const MS_OF_DAY = 86_400_000;
const carl = "acct_carl" as AccountId;
/** Noon of a day. */
const on = (day: number): number => day * MS_OF_DAY + MS_OF_DAY / 2;
const CLEARED = CLEARING_DAYS_DEFAULT + 1;

async function answer(
  ledger: Ledger,
  one: { id: string; payer: AccountId; earner: AccountId; charge: bigint; earned?: bigint; day?: number },
): Promise<void> {
  const { id, payer, earner, charge, earned = charge, day = 0 } = one;
  const terms = termsOf(id, charge, payer);
  await ledger.hold(terms);
  const { job, ...settlement } = settlementOf(charge, { id, earned }, { at: on(day) });
  if (!job) throw new Error("the settlement has a job");
  await ledger.settle(terms.holdId, { ...settlement, job: { ...job, earner: { account: earner, machineId } } });
}

const payIn = (ledger: Ledger, account: AccountId, amount: bigint, ref: string, day = 0): Promise<void> =>
  ledger.book(ref, { kind: "deposit", account, amount }, on(day));
const withdraw = (ledger: Ledger, account: AccountId, amount: bigint, ref: string, day: number): Promise<void> =>
  ledger.book(ref, { kind: "withdraw", account, amount }, on(day));
const end = (ledger: Ledger, account: AccountId, amount: bigint, ref: string, isOut: boolean): Promise<void> =>
  ledger.book(ref, { kind: "withdrawn", account, amount, isOut }, on(99));
const short = (availableMicroUsd: bigint) => ({ failure: { code: "insufficient_funds", availableMicroUsd } });

/** What any ledger must do with money that goes out. `open` gives a fresh, empty one. */
export function withdrawingContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(`withdrawing contract: ${name}`, () => {
    /** Goal: what was earned from money paid in is withdrawn once it has cleared, not a day before, once; and comes back, or is out, once. Method: both sides of the last day; each call twice; both ends of two withdrawals, and the other end behind each. */
    it("gives out what has cleared", async () => {
      await using test = await open();
      const { ledger } = test;
      await payIn(ledger, anna, 100n, "in");
      await answer(ledger, { id: "1", payer: anna, earner: bert, charge: 100n, earned: 90n });
      for (const day of [0, CLEARED - 1]) {
        expect(await ledger.withdrawable(bert, on(day))).toBe(0n);
        await expect(withdraw(ledger, bert, 1n, "early", day)).rejects.toMatchObject(short(0n));
      }
      expect(await ledger.withdrawable(bert, on(CLEARED))).toBe(90n);
      await expect(withdraw(ledger, bert, 91n, "over", CLEARED)).rejects.toMatchObject(short(90n));
      for (const ref of ["one", "one", "two"]) await withdraw(ledger, bert, 40n, ref, CLEARED);
      expect(await ledger.balances(bert)).toMatchObject({ payable: 10n, withdrawing: 80n });
      expect((await ledger.totals(bert)).balance).toBe(10n);
      for (const isOut of [true, true, false]) await end(ledger, bert, 40n, "one", isOut);
      for (const isOut of [false, true]) await end(ledger, bert, 40n, "two", isOut);
      await test.reopen?.();
      expect(await test.ledger.balances(bert)).toMatchObject({ payable: 50n, withdrawing: 0n });
      expect((await test.ledger.balances(OUTSIDE)).payable).toBe(40n);
      expect(await test.ledger.withdrawable(bert, on(CLEARED))).toBe(50n);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: many withdrawals at once take no more than there is. Method: eight at once on money for three. */
    it("gives out no micro-dollar twice", async () => {
      await using test = await open();
      await payIn(test.ledger, anna, 100n, "in");
      await answer(test.ledger, { id: "1", payer: anna, earner: bert, charge: 100n });
      const asked = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => withdraw(test.ledger, bert, 30n, `w${n}`, CLEARED)),
      );
      expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      expect(await test.ledger.balances(bert)).toMatchObject({ payable: 10n, withdrawing: 90n });
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: neither a grant, nor one's own machine, nor what is owed becomes cash; and what is spent is spent of what has cleared. Method: each, long after it cleared. */
    it("gives out nothing else", async () => {
      await using test = await open();
      const { ledger } = test;
      await ledger.credit("credit_1", anna, 50n as never, on(0));
      await answer(ledger, { id: "1", payer: anna, earner: bert, charge: 50n });
      await answer(ledger, { id: "2", payer: bert, earner: carl, charge: 20n });
      await payIn(ledger, anna, 100n, "in");
      await answer(ledger, { id: "3", payer: anna, earner: anna, charge: 40n });
      for (const account of [anna, bert, carl]) expect(await ledger.withdrawable(account, on(400))).toBe(0n);
      await answer(ledger, { id: "4", payer: anna, earner: bert, charge: 60n });
      expect(await ledger.withdrawable(bert, on(400))).toBe(60n);
      await answer(ledger, { id: "5", payer: bert, earner: carl, charge: 50n, day: 399 });
      expect(await ledger.withdrawable(bert, on(400))).toBe(40n);
      expect(await ledger.withdrawable(carl, on(400))).toBe(0n);
      expect(await ledger.withdrawable(carl, on(399 + CLEARED))).toBe(20n);
      await ledger.book("taken", { kind: "dispute", account: bert, amount: 5n }, on(400));
      expect(await ledger.withdrawable(bert, on(400))).toBe(0n);
      await expect(withdraw(ledger, bert, 1n, "owing", 400)).rejects.toMatchObject({
        failure: { code: "account_in_debt", owedMicroUsd: 5n },
      });
      expect(await ledger.check()).toEqual([]);
    });

    /** Goal: a stolen card becomes no cash, however many machines its money goes through; honest money beside it does. Method: stolen and honest money to one machine, what it earned on to another's; a dispute before it cleared, twice; then long after. */
    it("keeps what a stolen card paid", async () => {
      await using test = await open();
      const { ledger } = test;
      await payIn(ledger, anna, 100n, "stolen");
      await answer(ledger, { id: "1", payer: anna, earner: bert, charge: 100n });
      await answer(ledger, { id: "2", payer: bert, earner: carl, charge: 70n, day: 3 });
      for (const _ of [1, 2]) await ledger.book("taken", { kind: "dispute", account: anna, amount: 100n }, on(9));
      await test.reopen?.();
      for (const account of [bert, carl]) expect(await test.ledger.withdrawable(account, on(500))).toBe(0n);
      expect(await test.ledger.balances(carl)).toMatchObject({ payable: 70n });
      await payIn(test.ledger, "acct_dora" as AccountId, 300n, "honest", 20);
      await answer(test.ledger, { id: "3", payer: "acct_dora" as AccountId, earner: carl, charge: 300n, day: 20 });
      expect(await test.ledger.withdrawable(carl, on(500))).toBe(300n);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: what had cleared before the dispute is its earner's, and so is what somebody else paid; only as much is kept as was taken. Method: money of two payers on two days; a dispute of one, over a part. */
    it("keeps no more than was taken", async () => {
      await using test = await open();
      const { ledger } = test;
      for (const [account, amount] of [
        [anna, 200n],
        [carl, 50n],
      ] as const)
        await payIn(ledger, account, amount, `in_${account}`);
      await answer(ledger, { id: "1", payer: anna, earner: bert, charge: 100n, day: 0 });
      await answer(ledger, { id: "2", payer: anna, earner: bert, charge: 100n, day: 40 });
      await answer(ledger, { id: "3", payer: carl, earner: bert, charge: 50n, day: 40 });
      await ledger.book("taken", { kind: "dispute", account: anna, amount: 30n }, on(45));
      expect(await ledger.withdrawable(bert, on(45))).toBe(100n);
      expect(await ledger.withdrawable(bert, on(500))).toBe(220n);
      await ledger.book("more", { kind: "dispute", account: anna, amount: 170n }, on(46));
      expect(await ledger.withdrawable(bert, on(500))).toBe(150n);
    });

    /**
     * Goal: a dispute that was won gives free what it had frozen, once and nothing else; what clears by then has cleared. Method: two disputes of one payer over two machines' earnings, of which one machine
     * gets another owner meanwhile; one is won, twice; then the other.
     */
    it("gives free what a dispute that was won had frozen", async () => {
      await using test = await open();
      const { ledger } = test;
      const owner = "acct_owner" as AccountId;
      await payIn(ledger, anna, 100n, "in");
      await answer(ledger, { id: "1", payer: anna, earner: bert, charge: 60n, day: 0 });
      await answer(ledger, { id: "2", payer: anna, earner: carl, charge: 40n, day: 5 });
      await ledger.book("one", { kind: "dispute", account: anna, amount: 70n }, on(9));
      await ledger.book("two", { kind: "dispute", account: anna, amount: 30n }, on(9));
      const may = async (day: number) => [
        await test.ledger.withdrawable(bert, on(day)),
        await test.ledger.withdrawable(carl, on(day)),
        await test.ledger.withdrawable(owner, on(day)),
      ];
      expect(await may(500)).toEqual([0n, 0n, 0n]);
      await ledger.book("pass", { kind: "pass", account: carl, to: owner }, on(10));
      for (const _ of [1, 2]) await ledger.book("one", { kind: "reinstate", account: anna, amount: 70n }, on(11));
      await test.reopen?.();
      expect(await may(11)).toEqual([0n, 0n, 0n]);
      expect(await may(CLEARED)).toEqual([30n, 0n, 0n]);
      expect(await may(500)).toEqual([30n, 0n, 40n]);
      await test.ledger.book("two", { kind: "reinstate", account: anna, amount: 30n }, on(12));
      expect(await may(CLEARED)).toEqual([60n, 0n, 0n]);
      expect(await may(500)).toEqual([60n, 0n, 40n]);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: what was never taken back is not given free, and what a dispute keeps of money that the new owner had paid is that owner's to spend alone. Method: a dispute of which an account had all; a pass to whoever paid. */
    it("gives free no more than was frozen", async () => {
      await using test = await open();
      const { ledger } = test;
      await payIn(ledger, carl, 60n, "in_carl");
      await answer(ledger, { id: "early", payer: carl, earner: anna, charge: 30n, day: 0 });
      await payIn(ledger, anna, 100n, "in", 100);
      await ledger.book("whole", { kind: "dispute", account: anna, amount: 40n }, on(100));
      await answer(ledger, { id: "1", payer: anna, earner: bert, charge: 60n, day: 100 });
      await ledger.book("taken", { kind: "dispute", account: anna, amount: 50n }, on(101));
      await ledger.book("whole", { kind: "reinstate", account: anna, amount: 40n }, on(102));
      expect(await ledger.withdrawable(bert, on(500))).toBe(10n);
      await ledger.book("pass", { kind: "pass", account: bert, to: anna }, on(103));
      await ledger.book("taken", { kind: "reinstate", account: anna, amount: 50n }, on(104));
      // What others paid clears neither later by it nor sooner.
      await answer(ledger, { id: "late", payer: carl, earner: anna, charge: 30n, day: 499 });
      for (const day of [105, 500]) expect(await ledger.withdrawable(anna, on(day))).toBe(30n);
      expect(await ledger.check()).toEqual([]);
    });

    /**
     * Goal: whatever happens in whatever order, the journal balances, what goes out is at most what was paid in, and nothing that was granted, taken back before it cleared,
     * or paid to oneself is withdrawable; once no dispute stands, nothing is kept. Method: random days of grants, deposits, answers, disputes lost and won, withdrawals and their ends, restarts; all that was withdrawn beside plain sums.
     */
    it("adds up, whatever goes out", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          await using test = await open();
          const everybody = [anna, bert, carl];
          const sums = { in: 0n, out: 0n, withdrawing: 0n };
          const disputes: Named[] = [];
          const asked: Named[] = [];
          for (const [n, { op, from, to, amount }] of steps.entries()) {
            const day = n * 5;
            const [payer, earner] = [everybody[from] ?? anna, everybody[to] ?? bert];
            const { ledger } = test;
            if (op === "restart") await test.reopen?.();
            else if (op === "grant") await ledger.credit(`g${n}`, payer, amount as never, on(day));
            else if (op === "deposit") {
              await payIn(ledger, payer, amount, `in_${n}`, day);
              sums.in += amount;
            } else if (op === "dispute") {
              await ledger.book(`taken_${n}`, { kind: "dispute", account: payer, amount }, on(day));
              disputes.push({ ref: `taken_${n}`, account: payer, amount });
            } else if (op === "won") {
              const one = disputes.pop();
              if (one) for (const _ of [1, 2]) await win(ledger, one, day);
            } else if (op === "answer") {
              const { debt, ...balances } = await ledger.balances(payer);
              const balance = debt < 0n ? 0n : partsSum({ ...balances });
              await answer(ledger, { id: `${n}`, payer, earner, charge: amount < balance ? amount : balance, day });
            } else if (op === "withdraw") {
              const most = await ledger.withdrawable(payer, on(day));
              const done = await withdraw(ledger, payer, amount, `w_${n}`, day).then(
                () => true,
                () => false,
              );
              expect(done).toBe(amount <= most);
              if (done) asked.push({ ref: `w_${n}`, account: payer, amount });
              if (done) sums.withdrawing += amount;
            } else {
              const one = asked.pop();
              if (!one) continue;
              const isOut = op === "paid";
              for (const _ of [1, 2]) await end(ledger, one.account, one.amount, one.ref, isOut);
              await end(ledger, one.account, one.amount, one.ref, !isOut);
              sums.withdrawing -= one.amount;
              if (isOut) sums.out += one.amount;
            }
          }
          const figures = await Promise.all(everybody.map((account) => test.ledger.balances(account)));
          expect(figures.reduce((sum, { withdrawing }) => sum + withdrawing, 0n)).toBe(sums.withdrawing);
          expect((await test.ledger.balances(OUTSIDE)).payable).toBe(sums.out);
          expect(sums.out + sums.withdrawing <= sums.in).toBe(true);
          for (const account of everybody) {
            const may = await test.ledger.withdrawable(account, on(10_000));
            const { payable } = await test.ledger.balances(account);
            expect(may >= 0n && may <= payable).toBe(true);
          }
          for (const one of disputes) await win(test.ledger, one, 5 * steps.length);
          for (const account of everybody)
            expect(await test.ledger.withdrawable(account, on(10_000))).toBe(
              (await test.ledger.balances(account)).payable,
            );
          expect(await test.ledger.check()).toEqual([]);
        }),
        { numRuns: 40 },
      );
    });
  });
}

interface Named {
  readonly ref: string;
  readonly account: AccountId;
  readonly amount: bigint;
}

const win = (ledger: Ledger, { ref, account, amount }: Named, day: number): Promise<void> =>
  ledger.book(ref, { kind: "reinstate", account, amount }, on(day));

const step = fc.record({
  op: fc.constantFrom(
    "grant",
    "deposit",
    "deposit",
    "answer",
    "answer",
    "answer",
    "dispute",
    "won",
    "withdraw",
    "withdraw",
    "paid",
    "failed",
    "restart",
  ),
  from: fc.nat(2),
  to: fc.nat(2),
  amount: fc.bigInt(1n, 60n),
});
