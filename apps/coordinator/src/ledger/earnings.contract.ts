import type { AccountId, MachineId, ModelId } from "@darkbloom/protocol/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accountOfMachine, partsSum, PLATFORM } from "./journal.ts";
import { anna, bert, machine, machineId, settlementOf, termsOf } from "./ledger.samples.ts";
import type { LedgerUnderTest } from "./ledger.contract.ts";
import type { Ledger } from "./port.ts";

const MS_OF_DAY = 86_400_000;
const always = { fromDay: 0, untilDay: 100_000 };
const carl = "acct_carl" as AccountId;

/** One answer: what it costs, what the machine has of it, whose machine it was, and when. */
interface Answer {
  readonly id: string;
  readonly payer?: AccountId;
  readonly charge?: bigint;
  readonly earned: bigint;
  readonly earner?: AccountId;
  readonly machineId?: MachineId;
  readonly model?: string;
  readonly day?: number;
}

async function answer(ledger: Ledger, one: Answer): Promise<bigint> {
  const { id, payer = anna, charge = 10n, earned, earner = machine, model = "darkbloom-tiny", day = 0 } = one;
  const terms = { ...termsOf(id, charge, payer), model: model as ModelId };
  await ledger.hold(terms);
  const { job, ...settlement } = settlementOf(charge, { id, earned }, { at: day * MS_OF_DAY + 5 });
  if (!job) throw new Error("the settlement has a job");
  const by = { account: earner, machineId: one.machineId ?? machineId };
  return await ledger.settle(terms.holdId, { ...settlement, job: { ...job, earner: by } });
}

const payIn = (ledger: Ledger, amount: bigint, account = anna, ref = `paid_${account}`): Promise<void> =>
  ledger.book(ref, { kind: "deposit", account, amount }, 500);
const figures = async (ledger: Ledger, account: AccountId) => {
  const { earned, payable } = await ledger.balances(account);
  return { earned, payable, uncleared: await ledger.uncleared(account, 0) };
};

/** What any ledger must know of what machines earned. `open` gives a fresh, empty one. */
export function earningsContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(`earnings contract: ${name}`, () => {
    /** Goal: what was earned is told by machine, by model and by day, for its own account, also after a restart. Method: five answers of two machines, two models and three days; every grouping, and days on both sides of each border. */
    it("tells earnings apart", async () => {
      await using test = await open();
      await test.ledger.credit("credit_1", anna, 10n as never, 500);
      await payIn(test.ledger, 100n);
      const [one, two] = ["mach_a", "mach_b"] as MachineId[];
      const answers: Answer[] = [
        { id: "1", earned: 9n, earner: bert, machineId: one!, model: "large", day: 1 },
        { id: "2", earned: 8n, earner: bert, machineId: one!, model: "small", day: 1 },
        { id: "3", earned: 8n, earner: bert, machineId: two!, model: "small", day: 2 },
        { id: "4", earned: 5n, earner: bert, machineId: one!, model: "large", day: 3 },
        { id: "5", earned: 7n, day: 3 },
      ];
      for (const each of answers) await answer(test.ledger, each);
      await test.reopen?.();
      const { ledger } = test;
      const tokens = (count: bigint) => ({ answers: count, promptTokens: 11n * count, completionTokens: 7n * count });
      expect(await ledger.earnings(bert, { by: "machine", ...always })).toEqual([
        { key: "mach_a", ...tokens(3n), earned: 9n, payable: 13n },
        { key: "mach_b", ...tokens(1n), earned: 0n, payable: 8n },
      ]);
      expect(await ledger.earnings(bert, { by: "model", ...always })).toEqual([
        { key: "small", ...tokens(2n), earned: 0n, payable: 16n },
        { key: "large", ...tokens(2n), earned: 9n, payable: 5n },
      ]);
      expect(await ledger.earnings(bert, { by: "day", ...always })).toEqual([
        { key: "3", ...tokens(1n), earned: 0n, payable: 5n },
        { key: "2", ...tokens(1n), earned: 0n, payable: 8n },
        { key: "1", ...tokens(2n), earned: 9n, payable: 8n },
      ]);
      const days = async (fromDay: number, untilDay: number) =>
        (await ledger.earnings(bert, { by: "day", fromDay, untilDay })).map(({ key }) => key);
      expect([await days(1, 3), await days(2, 4), await days(4, 9), await days(3, 3)]).toEqual([
        ["2", "1"],
        ["3", "2"],
        [],
        [],
      ]);
      expect(await ledger.earnings(machine, { by: "machine", ...always })).toEqual([
        { key: "mach_1", ...tokens(1n), earned: 0n, payable: 7n },
      ]);
      expect(await ledger.earnings(anna, { by: "day", ...always })).toEqual([]);
      expect([
        await ledger.uncleared(bert, 0),
        await ledger.uncleared(bert, 2),
        await ledger.uncleared(bert, 4),
      ]).toEqual([21n, 13n, 0n]);
      expect(await ledger.check()).toEqual([]);
    });

    /** Goal: answers of one moment are all in it. Method: 64 of one machine, settled in parallel. */
    it("counts what is settled at once", async () => {
      await using test = await open();
      await payIn(test.ledger, 640n);
      await Promise.all(
        Array.from({ length: 64 }, (_, n) => answer(test.ledger, { id: `${n}`, earned: 9n, earner: bert })),
      );
      const [row] = await test.ledger.earnings(bert, { by: "machine", ...always });
      expect(row).toMatchObject({ answers: 64n, earned: 0n, payable: 576n });
      expect(await figures(test.ledger, bert)).toEqual({ earned: 0n, payable: 576n, uncleared: 576n });
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: what a machine earned while it was nobody's is its owner's, once, whoever says so how often; of it, what the owner paid is never withdrawn. Method: answers that both paid for; eight passes at once beside a ninth answer; then the rest; a second owner gets nothing. */
    it("passes what a machine earned to whose it is", async () => {
      await using test = await open();
      const { ledger } = test;
      for (const account of [anna, bert]) await payIn(ledger, 100n, account);
      await ledger.credit("credit_1", carl, 10n as never, 500);
      await answer(ledger, { id: "1", earned: 9n });
      await answer(ledger, { id: "2", payer: bert, earned: 8n });
      await answer(ledger, { id: "3", payer: carl, earned: 7n });
      const pass = (ref: string, to: AccountId) =>
        ledger.book(ref, { kind: "pass", account: accountOfMachine(machineId), to }, 800);
      await Promise.all([
        ...Array.from({ length: 8 }, (_, n) => pass(`pass_${n}`, bert)),
        answer(ledger, { id: "4", earned: 6n }),
      ]);
      await pass("pass_8", bert);
      await pass("pass_9", carl);
      await test.reopen?.();
      expect(await figures(test.ledger, machine)).toEqual({ earned: 0n, payable: 0n, uncleared: 0n });
      expect(await figures(test.ledger, bert)).toEqual({ earned: 15n, payable: 15n, uncleared: 15n });
      expect(await figures(test.ledger, carl)).toEqual({ earned: 0n, payable: 0n, uncleared: 0n });
      expect(await test.ledger.earnings(machine, { by: "machine", ...always })).toEqual([]);
      expect(await test.ledger.earnings(bert, { by: "machine", ...always })).toMatchObject([
        { key: "mach_1", answers: 4n, earned: 7n, payable: 23n },
      ]);
      expect(await test.ledger.check()).toEqual([]);
    });

    /**
     * Goal: shares add up to charges, nothing is payable that nobody paid in, and the books hold. Method: random answers of accounts that
     * pay each other with whatever they have, passes and restarts, against plain sums.
     */
    it("shares what is charged, whoever pays whom", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await using test = await open();
          const everybody = [anna, bert, carl, machine];
          const sums = { paidIn: 0n, charged: 0n, shares: 0n };
          for (const [n, { op, from, to, amount, percent }] of steps.entries()) {
            const [payer, earner] = [everybody[from % 3]!, everybody[to]!];
            if (op === "restart") await test.reopen?.();
            else if (op === "grant") await test.ledger.credit(`credit_${n}`, payer, amount as never, 500);
            else if (op === "deposit") {
              await payIn(test.ledger, amount, payer, `paid_${n}`);
              sums.paidIn += amount;
            } else if (op === "pass")
              await test.ledger.book(`pass_${n}`, { kind: "pass", account: machine, to: payer }, 800);
            else {
              const balance = partsSum(await test.ledger.balances(payer));
              const charge = amount < balance ? amount : balance;
              const earned = (charge * BigInt(percent)) / 100n;
              sums.charged += await answer(test.ledger, { id: `${n}`, payer, charge, earned, earner });
              sums.shares += earned;
            }
          }
          const { ledger } = test;
          let payable = 0n;
          for (const account of everybody) {
            const { payable: theirs, earned } = await ledger.balances(account);
            expect(theirs >= 0n && earned >= 0n).toBe(true);
            payable += theirs;
          }
          expect(payable <= sums.paidIn).toBe(true);
          expect(await ledger.shares()).toEqual({ machines: sums.shares, platform: sums.charged - sums.shares });
          expect((await ledger.balances(PLATFORM)).payable).toBe(0n);
          const rows = await Promise.all(
            everybody.map((account) => ledger.earnings(account, { by: "day", ...always })),
          );
          expect(rows.flat().reduce((sum, row) => sum + row.earned + row.payable, 0n)).toBe(sums.shares);
          expect(await ledger.check()).toEqual([]);
        }),
        { numRuns: 25 },
      );
    });
  });
}

const step = fc.record({
  op: fc.constantFrom("grant", "deposit", "answer", "answer", "answer", "pass", "restart"),
  from: fc.nat(2),
  to: fc.nat(3),
  amount: fc.bigInt(1n, 60n),
  percent: fc.nat(100),
});
