import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type Stripe from "stripe";
import * as z from "zod";
import {
  MICRO_USD_PER_CENT,
  PaymentsError,
  type AllTakenBack,
  type CardPayments,
  type Checkout,
  type CheckoutAsk,
  type Notice,
  type RefundId,
  type TakenBack,
} from "../payments/port.ts";

/** Of one call, twice at most. */
const STRIPE_CALL_MS_MAX = 8_000;
/** How old a notice may be: Stripe signs each sending anew. */
export const NOTICE_TOLERANCE_SEC = 300;
/** Of one payment; there are never near as many. */
const STRIPE_ROWS_MAX = 100;
/** What stands on the page and on the receipt. */
const PRODUCT_NAME = "Credit for answers";
/** Stripe's name for what we add to its objects. */
const DEPOSIT_FIELD = "darkbloom_deposit";
const REFUND_FIELD = "darkbloom_refund";

export interface StripeAccess {
  /** `sk_…` or `rk_…`. */
  readonly key: string;
  /** Any of them may have signed a notice; the newest first. */
  readonly webhookSecrets: readonly string[];
  /** In place of Stripe's own, for tests. */
  readonly apiBase?: string | undefined;
}

const named = z.union([z.string(), z.looseObject({ id: z.string() }).transform(({ id }) => id)]).nullish();
const checkoutShape = z.looseObject({
  id: z.string(),
  url: z.string().nullish(),
  client_reference_id: z.string().nullish(),
  status: z.enum(["open", "complete", "expired"]).nullish(),
  payment_status: z.enum(["paid", "unpaid", "no_payment_required"]),
  amount_total: z.int().nullish(),
  currency: z.string().nullish(),
  livemode: z.boolean(),
  payment_intent: named,
});
const refundShape = z.looseObject({
  id: z.string(),
  amount: z.int(),
  currency: z.string(),
  status: z.enum(["pending", "requires_action", "succeeded", "failed", "canceled"]).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
const inquiries = ["warning_needs_response", "warning_under_review", "warning_closed", "prevented"] as const;
const disputeShape = z.looseObject({
  id: z.string(),
  amount: z.int(),
  currency: z.string(),
  status: z.enum([...inquiries, "needs_response", "under_review", "won", "lost"]),
});
const noticeShape = z.looseObject({
  id: z.string(),
  livemode: z.boolean(),
  data: z.looseObject({
    object: z.looseObject({
      id: z.string().optional(),
      object: z.string().optional(),
      client_reference_id: z.string().nullish(),
      payment_intent: named,
    }),
  }),
});

/** Card payments by Stripe Checkout, over the official package, which is loaded with the first call. */
export class StripePayments implements CardPayments {
  readonly isLive: boolean;
  readonly #access: StripeAccess;
  #loaded: Promise<Stripe> | undefined;

  constructor(access: StripeAccess) {
    this.#access = access;
    this.isLive = /^.k_live_/.test(access.key);
  }

  async openCheckout({ depositId, amount, expiresAt, doneUrl, cancelledUrl }: CheckoutAsk): Promise<Checkout> {
    const metadata = { [DEPOSIT_FIELD]: depositId };
    const made = await this.#ask((stripe) =>
      stripe.checkout.sessions.create(
        {
          mode: "payment",
          client_reference_id: depositId,
          metadata,
          payment_intent_data: { metadata },
          line_items: [
            {
              quantity: 1,
              price_data: { currency: "usd", unit_amount: centsOf(amount), product_data: { name: PRODUCT_NAME } },
            },
          ],
          adaptive_pricing: { enabled: false },
          expires_at: Math.floor(expiresAt / 1000),
          success_url: doneUrl,
          cancel_url: cancelledUrl,
        },
        { idempotencyKey: depositId },
      ),
    );
    return checkoutOf(made);
  }

  async checkout(sessionId: string): Promise<Checkout> {
    return checkoutOf(await this.#ask((stripe) => stripe.checkout.sessions.retrieve(sessionId)));
  }

  async takenBack(payment: string): Promise<AllTakenBack> {
    const which = { payment_intent: payment, limit: STRIPE_ROWS_MAX };
    const [refunds, disputes] = await this.#ask((stripe) =>
      Promise.all([stripe.refunds.list(which), stripe.disputes.list(which)]),
    );
    if (refunds.has_more || disputes.has_more) throw new RangeError("a payment was taken back too often to be listed");
    return {
      refunds: refunds.data.map((one) => refundOf(read(refundShape, one))),
      disputes: disputes.data
        .map((one) => read(disputeShape, one))
        .filter(({ status }) => !inquiries.some((inquiry) => inquiry === status))
        .map(({ id, amount, currency, status }) => ({
          id,
          refundId: null,
          amount: amountOf(amount, currency),
          isOver: status === "won",
        })),
    };
  }

  async refund({
    refundId,
    payment,
    amount,
  }: {
    refundId: RefundId;
    payment: string;
    amount: MicroUsd;
  }): Promise<void> {
    const asked = { payment_intent: payment, amount: centsOf(amount), metadata: { [REFUND_FIELD]: refundId } };
    await this.#ask((stripe) => stripe.refunds.create(asked, { idempotencyKey: refundId }));
  }

  async readNotice(bytes: Uint8Array, signature: string, now: number): Promise<Notice> {
    if (this.#access.webhookSecrets.length === 0) throw new PaymentsError("off");
    const { webhooks } = await this.#stripe();
    const text = Buffer.from(bytes);
    const isGenuine = this.#access.webhookSecrets.some((secret) => {
      try {
        webhooks.constructEvent(text, signature, secret, NOTICE_TOLERANCE_SEC, undefined, now);
        return true;
      } catch {
        return false;
      }
    });
    if (!isGenuine) throw new PaymentsError("forged");
    const { id, livemode, data } = read(noticeShape, JSON.parse(text.toString("utf8")));
    const { object } = data;
    const isCheckout = object.object === "checkout.session";
    return {
      id,
      isLive: livemode,
      ...(isCheckout && { sessionId: object.id, depositId: object.client_reference_id ?? undefined }),
      payment: (object.object === "payment_intent" ? object.id : object.payment_intent) ?? undefined,
    };
  }

  async #ask<Answer>(call: (stripe: Stripe) => Promise<Answer>): Promise<Answer> {
    const stripe = await this.#stripe();
    return await call(stripe).catch((error: unknown) => {
      throw new PaymentsError(isCertain(error) ? "refused" : "unclear", { cause: error });
    });
  }

  #stripe(): Promise<Stripe> {
    return (this.#loaded ??= open(this.#access));
  }
}

async function open({ key, apiBase }: StripeAccess): Promise<Stripe> {
  const { default: StripeClient } = await import("stripe");
  const base = apiBase === undefined ? undefined : new URL(apiBase);
  return new StripeClient(key, {
    // The shapes above are of this version, whatever the account's own is.
    apiVersion: "2026-10-28.endive",
    maxNetworkRetries: 1,
    timeout: STRIPE_CALL_MS_MAX,
    telemetry: false,
    ...(base && {
      protocol: base.protocol === "http:" ? "http" : "https",
      host: base.hostname,
      port: base.port === "" ? (base.protocol === "http:" ? 80 : 443) : base.port,
    }),
  });
}

/** A call that Stripe has looked at and refused. Who is not known, asks too fast or at once may have asked before. */
function isCertain(error: unknown): boolean {
  if (!(error instanceof Error) || !("type" in error) || !("statusCode" in error)) return false;
  const isRefusal = error.type === "StripeInvalidRequestError" || error.type === "StripeCardError";
  return isRefusal && (error.statusCode === 400 || error.statusCode === 402 || error.statusCode === 404);
}

function read<Shape extends z.ZodType>(shape: Shape, answer: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(answer);
  if (!parsed.success) throw new TypeError("Stripe's answer is not as its version has it");
  return parsed.data;
}

function checkoutOf(answer: unknown): Checkout {
  const { id, url, client_reference_id: depositId, ...session } = read(checkoutShape, answer);
  return {
    sessionId: id,
    url: url ?? null,
    depositId: depositId ?? null,
    status: session.status ?? "open",
    isPaid: session.payment_status === "paid",
    amount: amountOf(session.amount_total ?? 0, session.currency ?? ""),
    isLive: session.livemode,
    payment: session.payment_intent ?? null,
  };
}

const refundOf = ({ id, amount, currency, status, metadata }: z.infer<typeof refundShape>): TakenBack => ({
  id,
  refundId: metadata?.[REFUND_FIELD] ?? null,
  amount: amountOf(amount, currency),
  isOver: status === "failed" || status === "canceled",
});

const amountOf = (cents: number, currency: string): MicroUsd | null =>
  currency === "usd" ? microUsd(BigInt(cents) * MICRO_USD_PER_CENT) : null;

/** @throws RangeError for what is no whole number of cents */
function centsOf(amount: MicroUsd): number {
  if (amount % MICRO_USD_PER_CENT !== 0n) throw new RangeError("cards are charged in whole cents");
  return Number(amount / MICRO_USD_PER_CENT);
}
