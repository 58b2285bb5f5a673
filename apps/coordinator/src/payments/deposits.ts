import type { AccountId } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";
import type { DepositId, DepositState, RefundId } from "./port.ts";

/** A payment as we know it. Of who pays and with what it holds nothing. */
export interface Deposit {
  readonly depositId: DepositId;
  readonly account: AccountId;
  readonly amount: MicroUsd;
  readonly createdAt: number;
  readonly state: DepositState;
  /** The processor's names of the page and of the payment. */
  readonly sessionId: string | null;
  readonly payment: string | null;
  /** What is given back, and demanded back, by what the processor said last. */
  readonly refunded: MicroUsd;
  readonly disputed: MicroUsd;
  /** When the processor is asked next without a notice; null: never. */
  readonly askAt: number | null;
  /** How often it was asked since something changed. */
  readonly asked: number;
}

/** What may change of it. What is paid stays paid. */
export type Told = Pick<Deposit, "state" | "payment" | "refunded" | "disputed" | "askAt" | "asked">;

export type RefundState = "asked" | "made" | "failed";

export interface Refund {
  readonly refundId: RefundId;
  readonly depositId: DepositId;
  readonly amount: MicroUsd;
  readonly createdAt: number;
  readonly state: RefundState;
}

/** A page of a list: newest first. */
export interface DepositPage {
  readonly rows: number;
  /** Only what is older than this one. */
  readonly before?: DepositId | undefined;
}

/**
 * Payments, refunds and the notices that were dealt with. An adapter passes `depositsContract`. Each call comes to the same when it is
 * made twice.
 */
export interface DepositStore {
  add(deposit: Deposit): Promise<void>;
  /** Of one that is `opening`: somebody can pay on that page. */
  opened(depositId: DepositId, sessionId: string): Promise<void>;
  told(depositId: DepositId, told: Told): Promise<void>;
  byId(depositId: string): Promise<Deposit | undefined>;
  bySession(sessionId: string): Promise<Deposit | undefined>;
  byPayment(payment: string): Promise<Deposit | undefined>;
  /** Of one account, or of all. */
  list(account: AccountId | "everyone", page: DepositPage): Promise<Deposit[]>;
  /** How many of an account were begun since then and are not paid. */
  unpaidSince(account: AccountId, since: number): Promise<number>;
  /** How many of an account may still be paid. */
  countOpen(account: AccountId): Promise<number>;
  /** Those whose time to be asked about has come, the longest waiting first. */
  due(now: number, rows: number): Promise<Deposit[]>;

  addRefund(refund: Refund): Promise<void>;
  refund(refundId: string): Promise<Refund | undefined>;
  /** Of one that is `asked`. */
  endRefund(refundId: RefundId, state: Exclude<RefundState, "asked">): Promise<void>;
  /** Those whose end nobody knows, oldest first. */
  openRefunds(rows: number): Promise<Refund[]>;

  knowsNotice(id: string): Promise<boolean>;
  addNotice(id: string, at: number): Promise<void>;
  /** Forgets so many at most of what is older: notices, what was never paid, and what was. @returns how many */
  forget(
    before: { readonly notices: number; readonly unpaid: number; readonly paid: number },
    rows: number,
  ): Promise<number>;
}
