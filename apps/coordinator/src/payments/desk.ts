import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type AccountId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { Clock, Random } from "@darkbloom/protocol/ports";
import type { Ledger } from "../ledger/port.ts";
import { timeOrderedId } from "../ledger/time-ordered-id.ts";
import type { Deposit, DepositStore, Refund } from "./deposits.ts";
import {
  PaymentsError,
  type CardPayments,
  type Checkout,
  type DepositId,
  type Notice,
  type RefundId,
  type TakenBack,
} from "./port.ts";
import { CHECKOUT_LIFE_MS, nextAskAt, OPENING_LIFE_MS, REFUND_RETRY_MS_MAX } from "./schedule.ts";

/** Payments that one account may have begun within an hour and not paid. */
export const UNPAID_PER_ACCOUNT_MAX = 10;
const UNPAID_WITHIN_MS = 60 * 60_000;

export interface DeskWorld {
  readonly cards: CardPayments;
  readonly deposits: DepositStore;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
}

/** What somebody pays in, and what is taken back of it: from the page on which they pay to the journal. */
export class DepositDesk {
  readonly #world: DeskWorld;
  readonly #turns = new Map<DepositId, Promise<unknown>>();

  constructor(world: DeskWorld) {
    this.#world = world;
  }

  get deposits(): DepositStore {
    return this.#world.deposits;
  }

  /**
   * A page on which somebody can pay this much.
   *
   * @throws NetworkError `rate_limit_exceeded` where too many were begun
   */
  async open(account: AccountId, amount: MicroUsd, urls: { doneUrl: string; cancelledUrl: string }): Promise<Checkout> {
    const { cards, deposits, ledger, clock } = this.#world;
    const now = clock.now();
    if (amount > (await ledger.creditRoom(account)))
      throw new NetworkError({
        code: "body_invalid",
        param: null,
        expected: ourWords`the account takes no more money`,
      });
    if ((await deposits.unpaidSince(account, now - UNPAID_WITHIN_MS)) >= UNPAID_PER_ACCOUNT_MAX)
      throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec: UNPAID_WITHIN_MS / 1000 });
    const depositId = `deposit_${timeOrderedId(this.#world)}` as DepositId;
    // First of all, so that whatever becomes of the call, a payment finds whose it is.
    await deposits.add({
      depositId,
      account,
      amount,
      createdAt: now,
      state: "opening",
      sessionId: null,
      payment: null,
      refunded: microUsd(0n),
      disputed: microUsd(0n),
      askAt: now + OPENING_LIFE_MS,
      asked: 0,
    });
    const checkout = await cards.openCheckout({ depositId, amount, expiresAt: now + CHECKOUT_LIFE_MS, ...urls });
    await deposits.opened(depositId, checkout.sessionId);
    return checkout;
  }

  /** How a page stands that this account was shown; undefined where it was shown none such. What was paid is credited by then. */
  async show(account: AccountId, sessionId: string): Promise<{ deposit: Deposit; url: string | null } | undefined> {
    const deposit = await this.deposits.bySession(sessionId);
    if (deposit?.account !== account) return undefined;
    const checkout = await this.look(deposit.depositId);
    const now = await this.deposits.byId(deposit.depositId);
    return now && { deposit: now, url: checkout?.url ?? null };
  }

  /**
   * A notice of the processor's: where it is about a deposit of ours, how that stands is asked for. Nothing that it says itself is believed.
   *
   * @throws PaymentsError `forged`; `unclear` where it is to be sent again
   */
  async hear(bytes: Uint8Array, signature: string): Promise<void> {
    const { cards, clock } = this.#world;
    const now = clock.now();
    const notice = await cards.readNotice(bytes, signature, now);
    if (notice.isLive !== cards.isLive) throw new PaymentsError("forged");
    if (await this.deposits.knowsNotice(notice.id)) return;
    const depositId = await this.#meant(notice);
    if (depositId) await this.look(depositId);
    await this.deposits.addNotice(notice.id, now);
  }

  async #meant({ sessionId, depositId, payment }: Notice): Promise<DepositId | undefined> {
    const { deposits } = this;
    const known = sessionId
      ? await deposits.bySession(sessionId)
      : payment
        ? await deposits.byPayment(payment)
        : undefined;
    if (known) return known.depositId;
    // A page of which we were never told: its answer was lost.
    const lost = sessionId && depositId ? await deposits.byId(depositId) : undefined;
    if (!sessionId || lost?.state !== "opening") return undefined;
    await deposits.opened(lost.depositId, sessionId);
    return lost.depositId;
  }

  /**
   * Asks how a deposit stands, and books what it comes to: each thing once, by its own name, however often this is done and wherever it
   * is cut off.
   *
   * @returns the page as it stands; undefined where nobody was shown one
   */
  look(depositId: DepositId): Promise<Checkout | undefined> {
    // What was heard last is written last.
    const looked = (this.#turns.get(depositId) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#look(depositId));
    this.#turns.set(depositId, looked);
    const over = (): void => {
      if (this.#turns.get(depositId) === looked) this.#turns.delete(depositId);
    };
    looked.then(over, over);
    return looked;
  }

  async #look(depositId: DepositId): Promise<Checkout | undefined> {
    const { cards, ledger, deposits, clock } = this.#world;
    const deposit = await deposits.byId(depositId);
    if (!deposit?.sessionId) return undefined;
    const { account, amount } = deposit;
    const checkout = await cards.checkout(deposit.sessionId);
    assertMeant(deposit, checkout, cards.isLive);
    const isPaid = checkout.isPaid || deposit.state === "paid";
    const sums = { refunded: 0n, disputed: 0n };
    let isOwing = false;
    if (isPaid) {
      await ledger.book(depositId, { kind: "deposit", account, amount }, clock.now());
      const { refunds, disputes } = checkout.payment
        ? await cards.takenBack(checkout.payment)
        : { refunds: [], disputes: [] };
      for (const refund of refunds) sums.refunded += await this.#takeBack(account, "refund", refund);
      for (const dispute of disputes) sums.disputed += await this.#takeBack(account, "dispute", dispute);
      isOwing = await this.#payDebt(account);
    }
    const state = isPaid ? "paid" : checkout.status === "expired" ? "expired" : "open";
    const isNews = state !== deposit.state || sums.refunded !== deposit.refunded || sums.disputed !== deposit.disputed;
    const asked = isNews ? 0 : deposit.asked;
    await deposits.told(depositId, {
      state,
      payment: checkout.payment ?? deposit.payment,
      refunded: microUsd(sums.refunded),
      disputed: microUsd(sums.disputed),
      askAt: nextAskAt({ createdAt: deposit.createdAt, asked }, state, clock.now(), isOwing),
      asked,
    });
    return checkout;
  }

  /** @returns how much of it is gone */
  async #takeBack(account: AccountId, kind: "refund" | "dispute", taken: TakenBack): Promise<bigint> {
    const { ledger, clock } = this.#world;
    const { id, amount, refundId, isOver } = taken;
    if (amount === null || amount <= 0n) throw new RangeError("something was taken back that is not in US dollars");
    const own = refundId === null ? undefined : await this.deposits.refund(refundId);
    const ref = own?.refundId ?? id;
    await ledger.book(ref, { kind, account, amount }, clock.now());
    if (isOver) await ledger.book(ref, { kind: "reinstate", account, amount }, clock.now());
    if (own?.state === "asked") await this.deposits.endRefund(own.refundId, isOver ? "failed" : "made");
    return isOver ? 0n : amount;
  }

  /** Pays a debt with what came back from requests. @returns whether some of it stands, and more may come back */
  async #payDebt(account: AccountId): Promise<boolean> {
    const { ledger, clock } = this.#world;
    const { debt, paid_in: paidIn } = await ledger.balances(account);
    if (debt < 0n && paidIn > 0n)
      await ledger.book(`debt_${timeOrderedId(this.#world)}`, { kind: "debt", account }, clock.now());
    const after = await ledger.balances(account);
    return after.debt < 0n && after.held > 0n;
  }

  /**
   * Gives money of a deposit back: it leaves the account first, and comes back only where that has certainly failed.
   *
   * @throws NetworkError `insufficient_funds` where the account has less that was paid in
   * @throws PaymentsError `refused`, `unclear` where it goes on by itself
   */
  async refund({ depositId, payment }: Deposit & { readonly payment: string }, amount: MicroUsd): Promise<Refund> {
    const { deposits, clock } = this.#world;
    const refundId = `refund_${timeOrderedId(this.#world)}` as RefundId;
    const refund: Refund = { refundId, depositId, amount, createdAt: clock.now(), state: "asked" };
    await deposits.addRefund(refund);
    await this.#makeRefund(refund, payment);
    await this.look(depositId).catch(() => undefined);
    return { ...refund, state: "made" };
  }

  /** A refund of whose end nobody was told. */
  async pursueRefund(refund: Refund): Promise<void> {
    const { clock } = this.#world;
    const deposit = await this.deposits.byId(refund.depositId);
    if (!deposit?.payment) return;
    await this.look(refund.depositId);
    const now = await this.deposits.refund(refund.refundId);
    if (now?.state !== "asked") return;
    if (clock.now() - refund.createdAt < REFUND_RETRY_MS_MAX) await this.#makeRefund(refund, deposit.payment);
    // The processor has none, and nothing can still be on its way.
    else await this.#failRefund(refund, deposit.account);
  }

  async #makeRefund(refund: Refund, payment: string): Promise<void> {
    const { cards, ledger, deposits, clock } = this.#world;
    const { refundId, depositId, amount } = refund;
    const deposit = await deposits.byId(depositId);
    if (!deposit) return;
    const { account } = deposit;
    try {
      await ledger.book(refundId, { kind: "refund", account, amount, upTo: "paid_in" }, clock.now());
    } catch (error) {
      if (error instanceof NetworkError && error.failure.code === "insufficient_funds")
        await deposits.endRefund(refundId, "failed");
      throw error;
    }
    try {
      await cards.refund({ refundId, payment, amount });
    } catch (error) {
      if (error instanceof PaymentsError && error.fault === "refused") await this.#failRefund(refund, account);
      throw error;
    }
    await deposits.endRefund(refundId, "made");
  }

  async #failRefund({ refundId, amount }: Refund, account: AccountId): Promise<void> {
    const { ledger, deposits, clock } = this.#world;
    await ledger.book(refundId, { kind: "reinstate", account, amount }, clock.now());
    await deposits.endRefund(refundId, "failed");
  }
}

/** @throws RangeError for a page that is not the one that was asked for: nobody is credited by it */
function assertMeant({ depositId, amount }: Deposit, checkout: Checkout, isLive: boolean): void {
  if (checkout.depositId !== depositId || checkout.amount !== amount || checkout.isLive !== isLive)
    throw new RangeError("a payment is of another deposit, another amount or another mode than was asked for");
}
