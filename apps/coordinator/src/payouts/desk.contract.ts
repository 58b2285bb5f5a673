import { NetworkError } from "@darkbloom/protocol/failures";
import { microUsd } from "@darkbloom/protocol/money";
import { systemRandom } from "@darkbloom/protocol/node";
import type { Clock } from "@darkbloom/protocol/ports";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLEARING_DAYS_DEFAULT } from "../ledger/clearing.ts";
import { OUTSIDE } from "../ledger/journal.ts";
import { bert } from "../ledger/ledger.samples.ts";
import type { Ledger } from "../ledger/port.ts";
import { OPENING_MS_MAX, PayoutDesk } from "./desk.ts";
import { earn } from "./earned.samples.ts";
import {
  isEnd,
  WITHDRAWAL_MICRO_USD_MAX,
  WITHDRAWALS_OPEN_MAX,
  type Withdrawal,
  type WithdrawalStore,
} from "./withdrawals.ts";

const MS_OF_DAY = 86_400_000;
/** What bert earned, long ago, from money that was paid in. */
const EARNED = 20_000_000n;

export interface PayoutsUnderTest extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly withdrawals: WithdrawalStore;
}

/** `before`: nothing was done. `behind`: it was, and nobody heard. */
type Fate = "fine" | "before" | "behind";
class Cut extends Error {}

/** The same, whose next calls are cut off as they are told. */
function losing<Port extends object>(port: Port, fates: Fate[]): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...given: unknown[]) => {
        const fate = fates.shift() ?? "fine";
        if (fate === "before") throw new Cut();
        const done: unknown = await member.apply(target, given);
        if (fate === "behind") throw new Cut();
        return done;
      };
    },
  });
}

async function openDesk(open: () => Promise<PayoutsUnderTest>) {
  const { ledger, withdrawals, ...test } = await open();
  await earn(ledger, bert, EARNED);
  let now = (CLEARING_DAYS_DEFAULT + 2) * MS_OF_DAY;
  const clock = { now: () => ++now } as Clock;
  const fates: Fate[] = [];
  const desk = new PayoutDesk({
    ledger: losing(ledger, fates),
    withdrawals: losing(withdrawals, fates),
    clock,
    random: systemRandom,
  });
  const failed: unknown[] = [];
  return {
    ...test,
    desk,
    ledger,
    withdrawals,
    fates,
    failed,
    clock,
    ask: (dollars: bigint) => desk.ask(bert, microUsd(dollars * 1_000_000n), "IBAN 1"),
    /** A round long enough after whatever was cut off. */
    async finish() {
      now += OPENING_MS_MAX + 1;
      await desk.finish(100, (error) => failed.push(error));
    },
    all: () => withdrawals.list("everyone", { rows: 500 }),
    sums: async () => {
      const [balances, outside] = await Promise.all([ledger.balances(bert), ledger.balances(OUTSIDE)]);
      return { payable: balances.payable, withdrawing: balances.withdrawing, out: outside.payable };
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

const sumOf = (rows: readonly Withdrawal[]): bigint => rows.reduce((sum, { amount }) => sum + amount, 0n);

/** What the rows and the journal are together, on any ledger and any store of withdrawals. @param runs of the property */
export function payoutDeskContract(name: string, open: () => Promise<PayoutsUnderTest>, runs: number): void {
  describe(`payout desk contract: ${name}`, () => {
    /** Goal: money leaves the balance when it is asked for, and the network, or comes back, by how that ends, once. Method: one to each end; ends behind them. */
    it("moves money once each way", async () => {
      await using test = await openDesk(open);
      for (const dollars of [1n, 2n, 3n]) await test.ask(dollars);
      expect(await test.sums()).toEqual({ payable: 14_000_000n, withdrawing: 6_000_000n, out: 0n });
      const [three, two, one] = await test.all();
      if (!one || !two || !three) throw new Error("three were asked for");
      expect(await test.desk.end(three.withdrawalId, "cancelled")).toMatchObject({ state: "cancelled", payTo: null });
      expect(await test.desk.take(9)).toHaveLength(2);
      expect(await test.desk.end(two.withdrawalId, "failed")).toMatchObject({ state: "failed" });
      expect(await test.desk.end(one.withdrawalId, "paid")).toMatchObject({ state: "paid" });
      for (const { withdrawalId } of [one, two, three])
        for (const end of ["paid", "failed", "cancelled"] as const)
          expect(await test.desk.end(withdrawalId, end)).toBeUndefined();
      await test.finish();
      expect(await test.sums()).toEqual({ payable: 19_000_000n, withdrawing: 0n, out: 1_000_000n });
      expect((await test.all()).every(({ isBooked }) => isBooked)).toBe(true);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: nobody withdraws more than there is, nor more at once than is bounded, and what was refused leaves no row. Method: eight at once on money for two; then one more than the bound. */
    it("refuses what is too much", async () => {
      await using test = await openDesk(open);
      const asked = await Promise.allSettled(Array.from({ length: 8 }, () => test.ask(9n)));
      expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
      expect(await test.all()).toHaveLength(2);
      for (const { withdrawalId } of await test.all()) await test.desk.end(withdrawalId, "cancelled");
      const many = await Promise.allSettled(Array.from({ length: WITHDRAWALS_OPEN_MAX + 1 }, () => test.ask(1n)));
      const refused = many.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
      expect(refused).toEqual([new NetworkError({ code: "withdrawals_too_many", most: WITHDRAWALS_OPEN_MAX })]);
      expect((await test.sums()).withdrawing).toBe(BigInt(WITHDRAWALS_OPEN_MAX) * 1_000_000n);
    });

    /** Goal: what nobody can withdraw leaves no row that nobody could end or read. Method: both sides of the bound, nothing, less than nothing; a journal that refuses for a reason of its own. */
    it("writes nothing of what cannot be meant", async () => {
      await using test = await openDesk(open);
      for (const dollars of [0n, -1n, WITHDRAWAL_MICRO_USD_MAX / 1_000_000n + 1n, 10n ** 12n])
        await expect(test.ask(dollars)).rejects.toThrow(RangeError);
      await expect(test.ask(WITHDRAWAL_MICRO_USD_MAX / 1_000_000n)).rejects.toThrow(NetworkError);
      const book = () => Promise.reject(new RangeError("not to be booked"));
      const odd = new PayoutDesk({
        ledger: { ...test.ledger, book },
        withdrawals: test.withdrawals,
        clock: test.clock,
        random: systemRandom,
      });
      await expect(odd.ask(bert, microUsd(1_000_000n), "IBAN 1")).rejects.toThrow(RangeError);
      expect(await test.all()).toEqual([]);
    });

    /** Goal: what is cut off at its very beginning is given up where its money is gone meanwhile, and never by whoever still books it. Method: a row without its booking; rounds on both sides of the bound, then with and without money. */
    it("finishes what was about to leave, or drops it", async () => {
      await using test = await openDesk(open);
      test.fates.push("fine", "fine", "before");
      await expect(test.ask(15n)).rejects.toThrow(Cut);
      await test.desk.finish(9, () => undefined);
      expect((await test.all()).map(({ state }) => state)).toEqual(["opening"]);
      await test.finish();
      expect((await test.all()).map(({ state }) => state)).toEqual(["asked"]);
      test.fates.push("fine", "fine", "before");
      await expect(test.ask(5n)).rejects.toThrow(Cut);
      await test.ask(4n);
      await test.finish();
      expect((await test.all()).map(({ state, amount }) => [state, amount])).toEqual([
        ["asked", 4_000_000n],
        ["asked", 15_000_000n],
      ]);
      expect(test.failed).toEqual([]);
    });

    /** Goal: wherever a process is cut off, no money is lost, made, or without a row once it was finished. Method: random calls, each cut before or behind any of its steps; rows beside balances. */
    it("adds up wherever it is cut off", async () => {
      const fate = fc.constantFrom<Fate>("fine", "fine", "fine", "before", "behind");
      const step = fc.record({
        op: fc.constantFrom("ask", "ask", "take", "paid", "failed", "cancelled", "finish" as const),
        at: fc.nat(9),
        fates: fc.array(fate, { maxLength: 6 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
          await using test = await openDesk(open);
          for (const { op, at, fates } of steps) {
            const rows = await test.all();
            test.fates.splice(0, test.fates.length, ...fates);
            const id = rows[at % Math.max(rows.length, 1)]?.withdrawalId ?? "none";
            const act = async (): Promise<unknown> => {
              if (op === "ask") return await test.ask(BigInt(at) + 1n);
              if (op === "take") return await test.desk.take(at);
              if (op === "finish") return await test.finish();
              return await test.desk.end(id, op);
            };
            await act().catch((error: unknown) => {
              if (!(error instanceof Cut || error instanceof NetworkError)) throw error;
            });
          }
          test.fates.length = 0;
          await test.finish();
          await test.finish();
          const rows = await test.all();
          expect(rows.filter(({ state, isBooked }) => state === "opening" || isEnd(state) !== isBooked)).toEqual([]);
          const withdrawing = sumOf(rows.filter(({ state }) => !isEnd(state)));
          const out = sumOf(rows.filter(({ state }) => state === "paid"));
          expect(await test.sums()).toEqual({ payable: EARNED - withdrawing - out, withdrawing, out });
          expect(await test.ledger.check()).toEqual([]);
        }),
        { numRuns: runs },
      );
    });
  });
}
