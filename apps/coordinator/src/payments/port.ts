import type { MicroUsd } from "@darkbloom/protocol/money";

/** One payment that somebody began, by our own name; also the reference of what it books. */
export type DepositId = string & { readonly of: "deposit" };
/** A refund that an operator asked for, by our own name. */
export type RefundId = string & { readonly of: "refund" };

/** `opening`: a page was asked for, and nobody was shown one. */
export const depositStates = ["opening", "open", "paid", "expired"] as const;
export type DepositState = (typeof depositStates)[number];

export interface CheckoutAsk {
  readonly depositId: DepositId;
  readonly amount: MicroUsd;
  /** Milliseconds since 1970: nobody can begin to pay after it. */
  readonly expiresAt: number;
  readonly doneUrl: string;
  readonly cancelledUrl: string;
}

/** A page on which somebody pays, as it stands now. */
export interface Checkout {
  readonly sessionId: string;
  /** Null once nobody can pay there. */
  readonly url: string | null;
  /** The deposit that it was made for; null for one that we have not made. */
  readonly depositId: string | null;
  /** `complete` is not yet paid where the bank takes its time. */
  readonly status: "open" | "complete" | "expired";
  readonly isPaid: boolean;
  /** Null where it is not in US dollars. */
  readonly amount: MicroUsd | null;
  readonly isLive: boolean;
  /** The payment itself, by which refunds and disputes are known; null before there is one. */
  readonly payment: string | null;
}

/** Of one payment, what was given back or demanded back: each by the processor's own name, whole, and not what changed since. */
export interface TakenBack {
  readonly id: string;
  /** Of a refund that we asked for. */
  readonly refundId: string | null;
  /** Null where it is not in US dollars. */
  readonly amount: MicroUsd | null;
  /** It is ours again: the refund failed, the dispute was won. */
  readonly isOver: boolean;
}

export interface AllTakenBack {
  readonly refunds: readonly TakenBack[];
  /** Without inquiries, which take nothing. */
  readonly disputes: readonly TakenBack[];
}

/** What a genuine notice is about: only a hint to ask how things stand. */
export interface Notice {
  readonly id: string;
  readonly isLive: boolean;
  readonly sessionId?: string | undefined;
  readonly depositId?: string | undefined;
  readonly payment?: string | undefined;
}

/**
 * Who takes cards for us. Calls that make something carry our own name for it, and come to the same when they are made twice.
 *
 * All throw PaymentsError.
 */
export interface CardPayments {
  /** Whether real money is meant. */
  readonly isLive: boolean;
  openCheckout(ask: CheckoutAsk): Promise<Checkout>;
  checkout(sessionId: string): Promise<Checkout>;
  takenBack(payment: string): Promise<AllTakenBack>;
  refund(ask: { readonly refundId: RefundId; readonly payment: string; readonly amount: MicroUsd }): Promise<void>;
  /** @param bytes as they came @throws PaymentsError `forged` */
  readNotice(bytes: Uint8Array, signature: string, now: number): Promise<Notice>;
}

/**
 * `refused`: it was certainly not done, and never will be. `unclear`: it may have been done. `forged`: a notice that nobody has
 * signed who may. `off`: this coordinator knows no secret of
 * theirs.
 */
export type PaymentsFault = "refused" | "unclear" | "forged" | "off";

export class PaymentsError extends Error {
  override readonly name = "PaymentsError";
  readonly fault: PaymentsFault;

  constructor(fault: PaymentsFault, options?: ErrorOptions) {
    super(fault, options);
    this.fault = fault;
  }
}

/** Less costs more than it brings. */
export const DEPOSIT_MICRO_USD_MIN = 500_000n;
/** Of one payment, where the operator says nothing. */
export const DEPOSIT_MICRO_USD_MAX = 1_000_000_000n;
/** A cent: what cards are charged in. */
export const MICRO_USD_PER_CENT = 10_000n;
