import type { AccountId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import { PAYOUT_ROWS_MAX, withdrawalStates, type Withdrawal, type WithdrawalId } from "../payouts/withdrawals.ts";
import { at, call, id, money, moneyOf, type CallOf } from "./call.ts";
import { payoutEnds, type PayoutAdmin } from "./payouts.ts";

const payout = z.object({
  withdrawal_id: z.string(),
  account: z.string(),
  amount_micro_usd: money,
  created_at: at,
  state: z.enum(withdrawalStates),
  changed_at: at,
  pay_to: z.string().nullable().describe("Where it is to be paid, in its owner's words; null once it is over"),
  booked: z.boolean().describe("Whether the journal has its end"),
});
const payouts = z.object({ payouts: z.array(payout) });

const tell = (one: Withdrawal): z.infer<typeof payout> => ({
  withdrawal_id: one.withdrawalId,
  account: one.account,
  amount_micro_usd: String(one.amount),
  created_at: one.createdAt,
  state: one.state,
  changed_at: one.changedAt,
  pay_to: one.payTo,
  booked: one.isBooked,
});
const read = (one: z.infer<typeof payout>): Withdrawal => ({
  withdrawalId: one.withdrawal_id as WithdrawalId,
  account: one.account as AccountId,
  amount: moneyOf(one.amount_micro_usd),
  createdAt: one.created_at,
  state: one.state,
  changedAt: one.changed_at,
  payTo: one.pay_to,
  isBooked: one.booked,
});
const tellAll = (found: readonly Withdrawal[]): z.infer<typeof payouts> => ({ payouts: found.map(tell) });
const readAll = (told: z.infer<typeof payouts>): Withdrawal[] => told.payouts.map(read);

/** In a query as text, in a body as a number. */
const listed = z.coerce.number<number>().int().min(1).max(PAYOUT_ROWS_MAX).default(PAYOUT_ROWS_MAX);
const taken = z.int().min(1).max(PAYOUT_ROWS_MAX).default(PAYOUT_ROWS_MAX);
const scope = "payouts:write";

export const payoutCalls: { readonly [Name in keyof PayoutAdmin]: CallOf<Name> } = {
  listPayouts: call("listPayouts", {
    method: "GET",
    path: "/v1/admin/payouts",
    summary: "Money on its way out, and what has left, newest first",
    scope,
    body: z.strictObject({
      rows: listed,
      state: z.enum(withdrawalStates).optional().describe("Only those that stand so"),
      before: id.optional().describe("Only what is older than this one"),
    }),
    answer: payouts,
    send: (asked) => ({ ...asked }),
    act: (admin, asked) => admin.listPayouts(asked),
    tell: tellAll,
    read: readAll,
  }),
  takePayouts: call("takePayouts", {
    method: "POST",
    path: "/v1/admin/payouts/take",
    summary:
      "Take withdrawals in hand that wait to be paid, the oldest first: nobody calls them off any more, and they are told this once",
    scope,
    body: z.strictObject({ rows: taken }),
    answer: payouts,
    send: (most) => ({ rows: most }),
    act: (admin, asked) => admin.takePayouts(asked.rows),
    tell: tellAll,
    read: readAll,
  }),
  markPayout: call("markPayout", {
    method: "POST",
    path: "/v1/admin/payouts/mark",
    summary: "Say how a withdrawal ended: `paid`, or `failed`, which gives its money back",
    scope,
    body: z.strictObject({ withdrawal_id: id, state: z.enum(payoutEnds) }),
    answer: payout,
    send: (withdrawalId, state) => ({ withdrawal_id: withdrawalId, state }),
    act: (admin, asked) => admin.markPayout(asked.withdrawal_id, asked.state),
    tell,
    read,
  }),
};
