import type { PayoutDesk } from "../payouts/desk.ts";
import type { Withdrawal, WithdrawalId, WithdrawalState } from "../payouts/withdrawals.ts";
import { AdminError } from "./fault.ts";

/** What the operator has found out of one that was sent. */
export const payoutEnds = ["paid", "failed"] as const;
export type PayoutEnd = (typeof payoutEnds)[number];

/** Which are listed: so many, in one state or in any, older than one. */
export interface PayoutsAsked {
  readonly rows: number;
  readonly state?: WithdrawalState | undefined;
  readonly before?: string | undefined;
}

/** What an operator can do to money that is on its way out. */
export interface PayoutAdmin {
  /** Newest first. */
  listPayouts(asked: PayoutsAsked): Promise<Withdrawal[]>;
  /** Takes those that wait in hand, the oldest first: from now on nobody calls them off, and no other call has them. */
  takePayouts(rows: number): Promise<Withdrawal[]>;
  /** Says how one ended. */
  markPayout(withdrawalId: string, end: PayoutEnd): Promise<Withdrawal>;
}

export const payoutAdminOf = (desk: PayoutDesk): PayoutAdmin => ({
  listPayouts: ({ rows, state, before }) =>
    desk.withdrawals.list("everyone", { rows, state, before: before as WithdrawalId | undefined }),

  takePayouts: (rows) => desk.take(rows),

  async markPayout(withdrawalId, end) {
    const ended = await desk.end(withdrawalId, end);
    if (ended) return ended;
    const known = await desk.withdrawals.byId(withdrawalId);
    if (!known)
      throw new AdminError(
        "unknown_withdrawal",
        "There is no such withdrawal. 'darkbloom account payouts' lists them.",
      );
    if (known.state === end) return known;
    throw new AdminError("invalid", `This withdrawal is ${wordsOf[known.state]}, which lasts.`);
  },
});

const wordsOf: Readonly<Record<WithdrawalState, string>> = {
  opening: "not yet out of its balance",
  asked: "waiting",
  sent: "being paid",
  paid: "paid",
  failed: "marked as failed, and its money back in the balance",
  cancelled: "called off, and its money back in the balance",
};
