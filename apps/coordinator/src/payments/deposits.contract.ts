import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import { anna, bert } from "../ledger/ledger.samples.ts";
import type { Deposit, DepositStore, Refund } from "./deposits.ts";
import type { DepositId, RefundId } from "./port.ts";

const deposit = (n: number, more: Partial<Deposit> = {}): Deposit => ({
  depositId: `deposit_${n}` as DepositId,
  account: anna,
  amount: microUsd(10_000_000n),
  createdAt: n,
  state: "opening",
  sessionId: null,
  payment: null,
  refunded: microUsd(0n),
  disputed: microUsd(0n),
  askAt: n + 100,
  asked: 0,
  ...more,
});
const refund = (n: number, more: Partial<Refund> = {}): Refund => ({
  refundId: `refund_${n}` as RefundId,
  depositId: deposit(1).depositId,
  amount: microUsd(3_000_000n),
  createdAt: n,
  state: "asked",
  ...more,
});
const paid = {
  state: "paid",
  payment: "pi_1",
  refunded: microUsd(0n),
  disputed: microUsd(0n),
  askAt: 500,
  asked: 2,
} as const;

/** What any store of deposits must do. `open` gives an empty one. */
export function depositsContract(name: string, open: () => Promise<DepositStore>): void {
  describe(`deposits contract: ${name}`, () => {
    /** Goal: a deposit goes its way, is found by each of its names, and what is paid stays paid. Method: each step twice; then one that would undo it. */
    it("keeps what becomes of a deposit", async () => {
      const store = await open();
      await store.add(deposit(1));
      await store.add(deposit(1, { amount: microUsd(1n) }));
      expect(await store.byId("deposit_1")).toEqual(deposit(1));
      for (const session of ["cs_1", "cs_2"]) await store.opened(deposit(1).depositId, session);
      const opened = deposit(1, { state: "open", sessionId: "cs_1", askAt: 1 });
      expect(await store.bySession("cs_1")).toEqual(opened);
      expect(await store.bySession("cs_2")).toBeUndefined();
      expect(await store.byPayment("pi_1")).toBeUndefined();
      await store.told(opened.depositId, paid);
      expect(await store.byPayment("pi_1")).toEqual({ ...opened, ...paid });
      await store.told(opened.depositId, {
        ...paid,
        state: "expired",
        refunded: microUsd(4n),
        disputed: microUsd(5n),
        askAt: null,
      });
      await store.opened(opened.depositId, "cs_3");
      expect(await store.byId("deposit_1")).toEqual({
        ...opened,
        ...paid,
        refunded: 4n,
        disputed: 5n,
        askAt: null,
      });
      await store.told("deposit_9" as DepositId, paid);
      expect(await store.byId("deposit_9")).toBeUndefined();
    });

    /** Goal: an account sees its own, a page at a time, newest first; an operator all. Method: three of one, one of another. */
    it("lists them", async () => {
      const store = await open();
      for (const n of [2, 1, 4]) await store.add(deposit(n));
      await store.add(deposit(3, { account: bert }));
      const ids = async (account: AccountId | "everyone", rows: number, before?: number) =>
        (await store.list(account, { rows, before: before === undefined ? undefined : deposit(before).depositId })).map(
          ({ createdAt }) => createdAt,
        );
      expect(await ids(anna, 9)).toEqual([4, 2, 1]);
      expect(await ids(anna, 1)).toEqual([4]);
      expect(await ids(anna, 9, 4)).toEqual([2, 1]);
      expect(await ids(bert, 9)).toEqual([3]);
      expect(await ids("everyone", 3)).toEqual([4, 3, 2]);
      expect(await ids("everyone", 9, 3)).toEqual([2, 1]);
    });

    /** Goal: who begins and does not pay is counted. Method: both sides of the moment, one that is paid, another's. */
    it("counts what is not paid", async () => {
      const store = await open();
      for (const n of [1, 2, 3, 4]) await store.add(deposit(n));
      await store.add(deposit(5, { account: bert }));
      await store.told(deposit(4).depositId, paid);
      expect(await store.unpaidSince(anna, 1)).toBe(2);
      expect(await store.unpaidSince(anna, 0)).toBe(3);
      expect(await store.unpaidSince(bert, 0)).toBe(1);
    });

    /** Goal: it is known how many of an account may still be paid. Method: one in each state, and another's. */
    it("counts what may still be paid", async () => {
      const store = await open();
      for (const n of [1, 2, 3, 4]) await store.add(deposit(n));
      await store.add(deposit(5, { account: bert }));
      await store.opened(deposit(2).depositId, "cs_2");
      await store.told(deposit(3).depositId, paid);
      await store.told(deposit(4).depositId, { ...paid, state: "expired", payment: null });
      expect(await store.countOpen(anna)).toBe(2);
      expect(await store.countOpen("acct_nobody" as AccountId)).toBe(0);
    });

    /** Goal: whoever waited longest is asked about first, and nobody before their time. Method: three times and one that is never asked about. */
    it("says whose time has come", async () => {
      const store = await open();
      for (const [n, askAt] of [
        [1, 30],
        [2, 10],
        [3, 20],
        [4, null],
      ] as const)
        await store.add(deposit(n, { askAt }));
      const due = async (now: number, rows = 9) => (await store.due(now, rows)).map(({ createdAt }) => createdAt);
      expect(await due(9)).toEqual([]);
      expect(await due(10)).toEqual([2]);
      expect(await due(99)).toEqual([2, 3, 1]);
      expect(await due(99, 2)).toEqual([2, 3]);
    });

    /** Goal: a refund ends once, as it was said first. Method: two; each ended twice, differently. */
    it("keeps what becomes of a refund", async () => {
      const store = await open();
      for (const n of [2, 1]) await store.addRefund(refund(n));
      await store.addRefund(refund(1, { amount: microUsd(1n) }));
      expect(await store.openRefunds(9)).toEqual([refund(1), refund(2)]);
      expect(await store.openRefunds(1)).toEqual([refund(1)]);
      await store.endRefund(refund(1).refundId, "made");
      await store.endRefund(refund(1).refundId, "failed");
      await store.endRefund(refund(2).refundId, "failed");
      expect(await store.refund("refund_1")).toEqual(refund(1, { state: "made" }));
      expect(await store.refund("refund_2")).toEqual(refund(2, { state: "failed" }));
      expect(await store.refund("refund_3")).toBeUndefined();
      expect(await store.openRefunds(9)).toEqual([]);
    });

    /** Goal: notices, and what is old, are known for their time and no longer. Method: both sides of each border, with the refunds of what goes; a step of one. */
    it("forgets what is old", async () => {
      const store = await open();
      for (const n of [1, 2, 3]) await store.addNotice(`evt_${n}`, n);
      await store.addNotice("evt_1", 99);
      for (const n of [1, 2, 3, 4]) await store.add(deposit(n));
      for (const n of [1, 2]) await store.told(deposit(n).depositId, { ...paid, payment: `pi_${n}` });
      for (const n of [1, 2]) await store.addRefund(refund(n, { depositId: deposit(n).depositId }));
      expect(await store.forget({ notices: 0, unpaid: 0, paid: 0 }, 9)).toBe(0);
      expect(await store.forget({ notices: 3, unpaid: 4, paid: 2 }, 9)).toBe(4);
      const known = await Promise.all(["evt_1", "evt_2", "evt_3"].map((id) => store.knowsNotice(id)));
      expect(known).toEqual([false, false, true]);
      expect((await store.list("everyone", { rows: 9 })).map(({ createdAt }) => createdAt)).toEqual([4, 2]);
      expect(await store.openRefunds(9)).toEqual([refund(2, { depositId: deposit(2).depositId })]);
      expect(await store.forget({ notices: 9, unpaid: 9, paid: 9 }, 1)).toBe(2);
      expect((await store.list("everyone", { rows: 9 })).map(({ createdAt }) => createdAt)).toEqual([4]);
    });
  });
}
