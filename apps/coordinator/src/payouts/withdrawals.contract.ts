import { microUsd } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import { anna, bert } from "../ledger/ledger.samples.ts";
import {
  endsFrom,
  isEnd,
  type Withdrawal,
  type WithdrawalEnd,
  type WithdrawalId,
  type WithdrawalStore,
} from "./withdrawals.ts";

const withdrawal = (n: number, more: Partial<Withdrawal> = {}): Withdrawal => ({
  withdrawalId: `withdrawal_${n}` as WithdrawalId,
  account: anna,
  amount: microUsd(2_000_000n),
  createdAt: n,
  state: "opening",
  changedAt: n,
  payTo: "IBAN DE00 1234",
  isBooked: false,
  ...more,
});
const idsOf = (found: readonly Withdrawal[]): number[] => found.map(({ createdAt }) => createdAt);

/** What any store of withdrawals must do. `open` gives an empty one. */
export function withdrawalsContract(name: string, open: () => Promise<WithdrawalStore>): void {
  describe(`withdrawals contract: ${name}`, () => {
    /** Goal: one is opened, asked for, sent and over; where it is to be paid is known until then. Method: each step twice, and steps that come too late. */
    it("keeps what becomes of one", async () => {
      const store = await open();
      const one = withdrawal(1);
      await store.add(one);
      await store.add({ ...one, amount: microUsd(9n), payTo: "other" });
      expect(await store.byId("withdrawal_1")).toEqual(one);
      expect(await store.take(9, 5)).toEqual([]);
      expect(await store.end(one.withdrawalId, "paid", 5)).toBeUndefined();
      for (const _ of [1, 2]) await store.asked(one);
      await store.drop(one.withdrawalId);
      expect(await store.byId("withdrawal_1")).toEqual({ ...one, state: "asked" });
      expect(await store.take(9, 6)).toEqual([{ ...one, state: "sent", changedAt: 6 }]);
      expect(await store.take(9, 7)).toEqual([]);
      for (const _ of [1, 2]) await store.asked(one);
      await store.booked(one.withdrawalId);
      expect(await store.byId("withdrawal_1")).toEqual({ ...one, state: "sent", changedAt: 6 });
      const paid = { ...one, state: "paid", changedAt: 8, payTo: null };
      expect(await store.end(one.withdrawalId, "paid", 8)).toEqual(paid);
      for (const end of ["paid", "failed", "cancelled"] as const)
        expect([end, await store.end(one.withdrawalId, end, 9)]).toEqual([end, undefined]);
      for (const _ of [1, 2]) await store.booked(one.withdrawalId);
      await store.asked(one);
      expect(await store.byId("withdrawal_1")).toEqual({ ...paid, isBooked: true });
      expect(await store.byId("withdrawal_2")).toBeUndefined();
      expect(await store.end("withdrawal_2", "paid", 9)).toBeUndefined();
    });

    /** Goal: one whose money never left is no more; one whose money left is there, whatever was dropped. Method: a drop before each step. */
    it("drops what was not asked for", async () => {
      const store = await open();
      await store.add(withdrawal(1));
      await store.drop(withdrawal(1).withdrawalId);
      expect(await store.byId("withdrawal_1")).toBeUndefined();
      await store.asked(withdrawal(1));
      expect(await store.byId("withdrawal_1")).toEqual(withdrawal(1, { state: "asked" }));
    });

    /** Goal: each end is reached from where it may be, and from nowhere else. Method: all states by all ends. */
    it.each(Object.keys(endsFrom) as WithdrawalEnd[])("ends as %s where it can", async (end) => {
      const store = await open();
      const can = async (n: number, ...steps: readonly ("asked" | "sent" | WithdrawalEnd)[]) => {
        const one = withdrawal(n);
        await store.add(one);
        for (const step of steps)
          if (step === "asked") await store.asked(one);
          else if (step === "sent") await store.take(1, 50);
          else await store.end(one.withdrawalId, step, 50);
        return (await store.end(one.withdrawalId, end, 60)) !== undefined;
      };
      const from: readonly string[] = endsFrom[end];
      expect(await can(1)).toBe(false);
      expect(await can(2, "asked")).toBe(from.includes("asked"));
      expect(await can(3, "asked", "sent")).toBe(from.includes("sent"));
      for (const [n, before] of (["paid", "failed", "cancelled"] as const).entries())
        expect([before, await can(4 + n, "asked", before)]).toEqual([before, false]);
    });

    /** Goal: no two take the same one, the oldest first. Method: eight calls at once over five. */
    it("gives each to one who takes it", async () => {
      const store = await open();
      for (const n of [3, 1, 2, 5, 4]) {
        await store.add(withdrawal(n));
        await store.asked(withdrawal(n));
      }
      expect(idsOf(await store.take(2, 9))).toEqual([1, 2]);
      const taken = await Promise.all(Array.from({ length: 8 }, () => store.take(2, 9)));
      expect(idsOf([...taken.flat(), ...(await store.take(9, 9))]).toSorted((a, b) => a - b)).toEqual([3, 4, 5]);
    });

    /** Goal: an account sees its own, a page at a time, newest first; an operator all, or those in one state. Method: three of one, one of another, of which one is sent. */
    it("lists them", async () => {
      const store = await open();
      for (const n of [2, 1, 4]) await store.add(withdrawal(n));
      await store.add(withdrawal(3, { account: bert }));
      await store.asked(withdrawal(1));
      const before = withdrawal(4).withdrawalId;
      expect(idsOf(await store.list(anna, { rows: 9 }))).toEqual([4, 2, 1]);
      expect(idsOf(await store.list(anna, { rows: 1 }))).toEqual([4]);
      expect(idsOf(await store.list(anna, { rows: 9, before }))).toEqual([2, 1]);
      expect(idsOf(await store.list(bert, { rows: 9 }))).toEqual([3]);
      expect(idsOf(await store.list("everyone", { rows: 3 }))).toEqual([4, 3, 2]);
      expect(idsOf(await store.list("everyone", { rows: 3, state: "opening", before }))).toEqual([3, 2]);
      expect(idsOf(await store.list("everyone", { rows: 3, state: "asked" }))).toEqual([1]);
    });

    /** Goal: it is known how many of an account are not over, and which were cut off. Method: one in each state, both sides of the moment. */
    it("knows what is not over", async () => {
      const store = await open();
      const ends = ["paid", "failed", "cancelled"] as const;
      for (const n of [1, 2, 3, 4, 5, 6]) {
        await store.add(withdrawal(n));
        const end = ends[n - 4];
        if (n > 2) await store.asked(withdrawal(n));
        if (end) await store.end(withdrawal(n).withdrawalId, end, 50);
      }
      await store.add(withdrawal(7, { account: bert }));
      expect(await store.countOpen(anna)).toBe(3);
      expect(await store.countOpen(bert)).toBe(1);
      expect(idsOf(await store.unbooked(2, 9))).toEqual([4, 5, 6, 1]);
      expect(idsOf(await store.unbooked(3, 4))).toEqual([4, 5, 6, 1]);
      await store.booked(withdrawal(5).withdrawalId);
      expect(idsOf(await store.unbooked(0, 9))).toEqual([4, 6]);
      const [, , , , , ended] = (await store.list(anna, { rows: 9 })).toReversed();
      expect(ended && isEnd(ended.state)).toBe(true);
    });
  });
}
