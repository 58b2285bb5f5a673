import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId } from "@darkbloom/protocol/ids";
import { formatUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { Deposit, DepositStore } from "../payments/deposits.ts";
import type { DepositDesk } from "../payments/desk.ts";
import { MICRO_USD_PER_CENT, PaymentsError, type DepositId, type RefundId } from "../payments/port.ts";
import { AdminError } from "./fault.ts";

export interface MadeRefund {
  readonly refundId: RefundId;
  readonly depositId: DepositId;
  readonly account: AccountId;
  readonly amount: MicroUsd;
}

/** What an operator can do to what people have paid in. */
export interface DepositAdmin {
  /** Newest first. @param options.before only what is older than this one */
  listDeposits(options: { readonly rows: number; readonly before?: string | undefined }): Promise<Deposit[]>;
  /** Gives money back to whoever paid it in. */
  refundDeposit(depositId: string, amount: MicroUsd): Promise<MadeRefund>;
}

export interface DepositWorld {
  readonly deposits: DepositStore;
  /** None where no coordinator runs. */
  readonly desk?: DepositDesk | undefined;
}

export const depositAdminOf = ({ deposits, desk }: DepositWorld): DepositAdmin => ({
  listDeposits: ({ rows, before }) => deposits.list("everyone", { rows, before: before as DepositId | undefined }),

  async refundDeposit(depositId, amount) {
    if (amount <= 0n || amount % MICRO_USD_PER_CENT !== 0n)
      throw new AdminError("invalid", "A refund must be above zero and of whole cents, e.g. 5.00.");
    const deposit = await deposits.byId(depositId);
    if (!deposit)
      throw new AdminError("unknown_deposit", "There is no such deposit. GET /v1/admin/deposits lists them.");
    const { account, payment } = deposit;
    if (deposit.state !== "paid" || payment === null)
      throw new AdminError("invalid", "This deposit was not paid, so there is nothing to give back.");
    const left = deposit.amount - deposit.refunded - deposit.disputed;
    if (amount > left)
      throw tooMuch(`Of this deposit no more than ${formatUsd(left > 0n ? left : 0n)} USD can be given back.`);
    if (!desk) throw off();
    try {
      const { refundId } = await desk.refund({ ...deposit, payment }, amount);
      return { refundId, depositId: deposit.depositId, account, amount };
    } catch (error) {
      throw inWords(error);
    }
  },
});

const tooMuch = (sentence: string): AdminError => new AdminError("too_much", sentence);
const off = (): AdminError =>
  new AdminError(
    "unreachable",
    "A refund needs a coordinator that runs with a key of Stripe's (--stripe-key-file). Start it and try again.",
  );

function inWords(error: unknown): unknown {
  if (error instanceof NetworkError && error.failure.code === "insufficient_funds")
    return tooMuch(
      `Of the money that was paid into this account ${formatUsd(error.failure.availableMicroUsd)} USD are left; no more can be given back.`,
    );
  if (!(error instanceof PaymentsError)) return error;
  if (error.fault === "off") return off();
  return error.fault === "refused"
    ? new AdminError("invalid", "Stripe refused the refund. The money is back on the account.", { cause: error })
    : new AdminError(
        "unreachable",
        "Stripe has not said whether the refund was made. It is asked again; the money comes back to the account only where it was certainly not.",
        { cause: error },
      );
}
