import type { AccountId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import type { Deposit } from "../payments/deposits.ts";
import { depositStates, type DepositId, type RefundId } from "../payments/port.ts";
import { amount, at, call, id, money, moneyOf, type CallOf } from "./call.ts";
import type { DepositAdmin } from "./deposits.ts";
import { ADMIN_DEPOSIT_ROWS_MAX } from "./limits.ts";

const deposit = z.object({
  deposit_id: z.string(),
  account: z.string(),
  amount_micro_usd: money,
  created_at: at,
  state: z.enum(depositStates),
  session_id: z.string().nullable().describe("Stripe's name for the page on which it is paid"),
  payment: z.string().nullable().describe("Stripe's name for the payment"),
  refunded_micro_usd: money,
  disputed_micro_usd: money,
  ask_at: at.nullable().describe("When Stripe is asked about it next, without a notice"),
  asked: z.int(),
});

const tell = (one: Deposit): z.infer<typeof deposit> => ({
  deposit_id: one.depositId,
  account: one.account,
  amount_micro_usd: String(one.amount),
  created_at: one.createdAt,
  state: one.state,
  session_id: one.sessionId,
  payment: one.payment,
  refunded_micro_usd: String(one.refunded),
  disputed_micro_usd: String(one.disputed),
  ask_at: one.askAt,
  asked: one.asked,
});
const read = (one: z.infer<typeof deposit>): Deposit => ({
  depositId: one.deposit_id as DepositId,
  account: one.account as AccountId,
  amount: moneyOf(one.amount_micro_usd),
  createdAt: one.created_at,
  state: one.state,
  sessionId: one.session_id,
  payment: one.payment,
  refunded: moneyOf(one.refunded_micro_usd),
  disputed: moneyOf(one.disputed_micro_usd),
  askAt: one.ask_at,
  asked: one.asked,
});

export const depositCalls: { readonly [Name in keyof DepositAdmin]: CallOf<Name> } = {
  listDeposits: call("listDeposits", {
    method: "GET",
    path: "/v1/admin/deposits",
    summary: "What people have paid in, newest first",
    scope: "money:write",
    body: z.strictObject({
      rows: z.coerce.number<number>().int().min(1).max(ADMIN_DEPOSIT_ROWS_MAX).default(ADMIN_DEPOSIT_ROWS_MAX),
      before: id.optional().describe("Only what is older than this one"),
    }),
    answer: z.object({ deposits: z.array(deposit) }),
    send: ({ rows, before }) => ({ rows, before }),
    act: (admin, { rows, before }) => admin.listDeposits({ rows, before }),
    tell: (deposits) => ({ deposits: deposits.map(tell) }),
    read: ({ deposits }) => deposits.map(read),
  }),
  refundDeposit: call("refundDeposit", {
    method: "POST",
    path: "/v1/admin/deposits/refund",
    summary: "Give money of a deposit back to whoever paid it in: no more than is left of what was paid in",
    scope: "money:write",
    body: z.strictObject({ deposit_id: id, amount_micro_usd: amount }),
    answer: z.object({ refund_id: z.string(), deposit_id: z.string(), account: z.string(), amount_micro_usd: money }),
    send: (depositId, given) => ({ deposit_id: depositId, amount_micro_usd: String(given) }),
    act: (admin, { deposit_id: depositId, amount_micro_usd: given }) => admin.refundDeposit(depositId, moneyOf(given)),
    tell: ({ refundId, depositId, account, amount: given }) => ({
      refund_id: refundId,
      deposit_id: depositId,
      account,
      amount_micro_usd: String(given),
    }),
    read: (made) => ({
      refundId: made.refund_id as RefundId,
      depositId: made.deposit_id as DepositId,
      account: made.account as AccountId,
      amount: moneyOf(made.amount_micro_usd),
    }),
  }),
};
