import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import {
  PaymentsError,
  type AllTakenBack,
  type CardPayments,
  type Checkout,
  type CheckoutAsk,
  type Notice,
  type RefundId,
  type TakenBack,
} from "./port.ts";

type Step = "openCheckout" | "checkout" | "takenBack" | "refund";
/** `before`: nothing was done. `behind`: it was, and nobody heard. */
type Loss = "before" | "behind" | "refused";

/** A processor of cards that keeps what it was asked for, as one would, and fails as it is told. */
export class FakeCards implements CardPayments {
  readonly isLive = false;
  readonly #checkouts = new Map<string, Checkout>();
  readonly #refunds = new Map<string, TakenBack & { payment: string }>();
  readonly #disputes = new Map<string, TakenBack & { payment: string }>();
  readonly #losses: (readonly [Step, Loss])[] = [];
  readonly asked: Step[] = [];

  /** The next such call fails so. */
  lose(step: Step, how: Loss): void {
    this.#losses.push([step, how]);
  }

  openCheckout({ depositId, amount }: CheckoutAsk): Promise<Checkout> {
    return this.#call("openCheckout", () => {
      const sessionId = `cs_${depositId}`;
      const url = `https://pay.example/${sessionId}`;
      const known = this.#checkouts.get(sessionId);
      const made = {
        sessionId,
        url,
        depositId,
        status: "open",
        isPaid: false,
        amount,
        isLive: false,
        payment: null,
      } as const;
      return this.#keep(known ?? made);
    });
  }

  checkout(sessionId: string): Promise<Checkout> {
    return this.#call("checkout", () => this.#known(sessionId));
  }

  takenBack(payment: string): Promise<AllTakenBack> {
    return this.#call("takenBack", () => ({
      refunds: [...this.#refunds.values()].filter((one) => one.payment === payment),
      disputes: [...this.#disputes.values()].filter((one) => one.payment === payment),
    }));
  }

  refund({ refundId, payment, amount }: { refundId: RefundId; payment: string; amount: MicroUsd }): Promise<void> {
    return this.#call("refund", () => {
      if (this.#refunds.has(refundId)) return;
      this.#refunds.set(refundId, { id: `re_${refundId}`, refundId, payment, amount, isOver: false });
    });
  }

  /** A notice is told in clear here: signatures are the adapter's. */
  async readNotice(bytes: Uint8Array, signature: string): Promise<Notice> {
    if (signature !== "genuine") throw new PaymentsError("forged");
    return JSON.parse(Buffer.from(bytes).toString()) as Notice;
  }

  /** What its owner sees of a page, or changes. */
  change(sessionId: string, change: Partial<Checkout>): Checkout {
    return this.#keep({ ...this.#known(sessionId), ...change });
  }

  /** Somebody pays. */
  pay(sessionId: string): string {
    const payment = `pi_${sessionId}`;
    this.change(sessionId, { status: "complete", isPaid: true, payment, url: null });
    return payment;
  }

  /** Its owner gives back by hand, or a payer demands it; the same again says how that stands. */
  takeBack(kind: "refund" | "dispute", id: string, payment: string, cents: bigint, isOver = false): void {
    const all = kind === "refund" ? this.#refunds : this.#disputes;
    all.set(id, { id, refundId: all.get(id)?.refundId ?? null, payment, amount: microUsd(cents * 10_000n), isOver });
  }

  get refunds(): readonly TakenBack[] {
    return [...this.#refunds.values()];
  }

  #known(sessionId: string): Checkout {
    const known = this.#checkouts.get(sessionId);
    if (!known) throw new PaymentsError("refused");
    return known;
  }

  #keep(checkout: Checkout): Checkout {
    this.#checkouts.set(checkout.sessionId, checkout);
    return checkout;
  }

  async #call<Answer>(step: Step, act: () => Answer): Promise<Answer> {
    this.asked.push(step);
    const at = this.#losses.findIndex(([lost]) => lost === step);
    const [loss] = at < 0 ? [] : this.#losses.splice(at, 1);
    if (loss?.[1] === "refused") throw new PaymentsError("refused");
    if (loss?.[1] === "before") throw new PaymentsError("unclear");
    const answer = act();
    if (loss?.[1] === "behind") throw new PaymentsError("unclear");
    return answer;
  }
}
