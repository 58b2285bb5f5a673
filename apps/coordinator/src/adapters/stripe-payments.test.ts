import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { microUsd } from "@darkbloom/protocol/money";
import StripeClient from "stripe";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { DepositId, RefundId } from "../payments/port.ts";
import { NOTICE_TOLERANCE_SEC, StripePayments } from "./stripe-payments.ts";

const key = "sk_test_123";
const secret = "whsec_test";
const depositId = "deposit_1" as DepositId;
const refundId = "refund_1" as RefundId;
const amount = microUsd(10_000_000n);
const ask = {
  depositId,
  amount,
  expiresAt: 1_900_000_000_000,
  doneUrl: "https://api.example.com/deposit?done",
  cancelledUrl: "https://api.example.com/deposit?cancelled",
};

const session = {
  id: "cs_1",
  object: "checkout.session",
  url: "https://checkout.stripe.com/c/1",
  client_reference_id: depositId,
  status: "open",
  payment_status: "unpaid",
  amount_total: 1000,
  currency: "usd",
  livemode: false,
  payment_intent: null,
  customer_details: { email: "somebody@example.com" },
};
const list = (data: readonly object[], more = false) => ({ object: "list", data, has_more: more, url: "/" });

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const json =
  (status: number, body: unknown): Answer =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const refusal = (type: string, code?: string) => ({ error: { type, code, message: "no" } });

/** Something that answers in Stripe's place, and keeps what it was asked. */
async function stripeLike(...answers: readonly Answer[]) {
  const asked: {
    method: string | undefined;
    path: string | undefined;
    body: string;
    headers: IncomingMessage["headers"];
  }[] = [];
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    asked.push({ method: request.method, path: request.url, body, headers: request.headers });
    (answers[asked.length - 1] ?? answers.at(-1))?.(request, response);
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    payments: new StripePayments({ key, webhookSecrets: [secret], apiBase: `http://127.0.0.1:${port}` }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("what Stripe is asked", () => {
  /** Goal: a page is asked for by our own name, in cents, with our own addresses and at one version. Method: what is sent, field by field. */
  it("is a page to pay on", async () => {
    await using stripe = await stripeLike(json(200, session));
    expect(await stripe.payments.openCheckout(ask)).toEqual({
      sessionId: "cs_1",
      url: session.url,
      depositId,
      status: "open",
      isPaid: false,
      amount,
      isLive: false,
      payment: null,
    });
    const [sent] = stripe.asked;
    expect(sent).toMatchObject({
      method: "POST",
      path: "/v1/checkout/sessions",
      headers: { "idempotency-key": depositId, "stripe-version": "2026-10-28.endive", authorization: `Bearer ${key}` },
    });
    expect(sent?.headers["x-stripe-client-telemetry"]).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({
      mode: "payment",
      client_reference_id: depositId,
      "metadata[darkbloom_deposit]": depositId,
      "payment_intent_data[metadata][darkbloom_deposit]": depositId,
      "line_items[0][quantity]": "1",
      "line_items[0][price_data][currency]": "usd",
      "line_items[0][price_data][unit_amount]": "1000",
      "line_items[0][price_data][product_data][name]": "Credit for answers",
      "adaptive_pricing[enabled]": "false",
      expires_at: "1900000000",
      success_url: ask.doneUrl,
      cancel_url: ask.cancelledUrl,
    });
  });

  /** Goal: a page is told as it stands, and nobody's name with it. Method: each state, another currency, a payment as a text and as an object. */
  it.each([
    [{}, { status: "open", isPaid: false }],
    [
      { status: "complete", payment_status: "paid", payment_intent: "pi_1", url: null },
      { status: "complete", isPaid: true, payment: "pi_1", url: null },
    ],
    [
      { status: "complete", payment_intent: { id: "pi_2", object: "payment_intent" } },
      { isPaid: false, payment: "pi_2" },
    ],
    [{ payment_status: "no_payment_required" }, { isPaid: false }],
    [{ status: "expired" }, { status: "expired" }],
    [{ currency: "eur" }, { amount: null }],
    [{ amount_total: 999 }, { amount: microUsd(9_990_000n) }],
    [{ client_reference_id: null }, { depositId: null }],
    [{ livemode: true }, { isLive: true }],
  ])("is how a page stands: %j", async (change, told) => {
    await using stripe = await stripeLike(json(200, { ...session, ...change }));
    const checkout = await stripe.payments.checkout("cs_1");
    expect(checkout).toMatchObject(told);
    expect(
      JSON.stringify(checkout, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
    ).not.toContain("somebody");
    expect(stripe.asked[0]).toMatchObject({ method: "GET", path: "/v1/checkout/sessions/cs_1" });
  });

  /** Goal: refunds and disputes are told whole, without inquiries, and with our own name where it is ours. Method: one of each state. */
  it("is what was taken back", async () => {
    const refund = (id: string, status: string, metadata = {}) => ({
      id,
      amount: 100,
      currency: "usd",
      status,
      metadata,
    });
    const dispute = (id: string, status: string) => ({ id, amount: 1000, currency: "usd", status });
    const refunds = ["pending", "succeeded", "requires_action", "failed", "canceled"].map((status) =>
      refund(`re_${status}`, status),
    );
    const disputes = [
      "needs_response",
      "under_review",
      "lost",
      "won",
      "warning_needs_response",
      "warning_under_review",
      "warning_closed",
      "prevented",
    ];
    await using stripe = await stripeLike((request, response) =>
      json(
        200,
        request.url?.startsWith("/v1/refunds")
          ? list([...refunds, refund("re_own", "succeeded", { darkbloom_refund: refundId })])
          : list(disputes.map((status) => dispute(`dp_${status}`, status))),
      )(request, response),
    );
    const taken = await stripe.payments.takenBack("pi_1");
    const told = (all: typeof taken.refunds) => all.map(({ id, isOver }) => `${id}${isOver ? " over" : ""}`);
    expect(told(taken.refunds)).toEqual([
      "re_pending",
      "re_succeeded",
      "re_requires_action",
      "re_failed over",
      "re_canceled over",
      "re_own",
    ]);
    expect(taken.refunds.at(-1)).toEqual({ id: "re_own", refundId, amount: 1_000_000n, isOver: false });
    expect(told(taken.disputes)).toEqual(["dp_needs_response", "dp_under_review", "dp_lost", "dp_won over"]);
    for (const { path } of stripe.asked) expect(path).toContain("payment_intent=pi_1");
  });

  /** Goal: nothing is overlooked, and nothing guessed. Method: more than one page; a state that this version does not have. */
  it("is read whole or not at all", async () => {
    await using long = await stripeLike(json(200, list([], true)));
    await expect(long.payments.takenBack("pi_1")).rejects.toThrow(RangeError);
    await using strange = await stripeLike(json(200, { ...session, status: "paused" }));
    await expect(strange.payments.checkout("cs_1")).rejects.toThrow(TypeError);
  });

  /** Goal: a refund is asked for by our own name. Method: what is sent. */
  it("is a refund", async () => {
    await using stripe = await stripeLike(json(200, { id: "re_1" }));
    await stripe.payments.refund({ refundId, payment: "pi_1", amount: microUsd(2_500_000n) });
    const [sent] = stripe.asked;
    expect(sent).toMatchObject({ path: "/v1/refunds", headers: { "idempotency-key": refundId } });
    expect(sent?.body).toBe("payment_intent=pi_1&amount=250&metadata[darkbloom_refund]=refund_1");
    await expect(stripe.payments.refund({ refundId, payment: "pi_1", amount: microUsd(1n) })).rejects.toThrow(
      RangeError,
    );
  });
});

describe("what Stripe does not do", () => {
  const cut: Answer = (request) => void request.socket.destroy();

  /** Goal: only what Stripe has looked at and refused was certainly not done. Method: each kind of refusal and of silence; whatever may help is asked again under the same name. */
  it.each<[what: string, answers: Answer[], fault: string, calls: number]>([
    [
      "a request that cannot be",
      [json(400, refusal("invalid_request_error", "charge_already_refunded"))],
      "refused",
      1,
    ],
    ["something that is not there", [json(404, refusal("invalid_request_error", "resource_missing"))], "refused", 1],
    ["a card's refusal", [json(402, refusal("card_error", "card_declined"))], "refused", 1],
    ["a key that is not known", [json(401, refusal("invalid_request_error"))], "unclear", 1],
    ["a key that may not", [json(403, refusal("invalid_request_error"))], "unclear", 1],
    ["two at once", [json(409, refusal("idempotency_error"))], "unclear", 2],
    ["other words under one name", [json(400, refusal("idempotency_error"))], "unclear", 1],
    ["too many", [json(429, refusal("invalid_request_error", "rate_limit"))], "unclear", 1],
    ["an error of its own", [json(500, refusal("api_error"))], "unclear", 2],
    ["a cut connection", [cut], "unclear", 2],
    ["no JSON", [(_, response) => void response.writeHead(200).end("<html>")], "unclear", 1],
  ])("%s", async (_what, answers, fault, calls) => {
    await using stripe = await stripeLike(...answers);
    await expect(stripe.payments.refund({ refundId, payment: "pi_1", amount })).rejects.toMatchObject({
      name: "PaymentsError",
      fault,
    });
    expect(new Set(stripe.asked.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set([refundId]));
    expect(stripe.asked).toHaveLength(calls);
  });

  /** Goal: what was cut off once is asked again, and done. Method: one cut, then an answer. */
  it("is asked again", async () => {
    await using stripe = await stripeLike(cut, json(200, { id: "re_1" }));
    await stripe.payments.refund({ refundId, payment: "pi_1", amount });
    expect(stripe.asked).toHaveLength(2);
  });
});

describe("a notice", () => {
  const now = 1_900_000_000_000;
  const payments = new StripePayments({ key, webhookSecrets: ["whsec_new", secret] });
  const event = (object: object, more: object = {}) => ({
    id: "evt_1",
    object: "event",
    livemode: false,
    type: "x",
    data: { object },
    ...more,
  });
  const signed = (body: string, { by = secret, at = now } = {}) =>
    StripeClient.webhooks.generateTestHeaderString({ payload: body, secret: by, timestamp: Math.floor(at / 1000) });
  const readAs = (body: string, signature: string) => payments.readNotice(Buffer.from(body), signature, now);
  const plain = JSON.stringify(event(session));

  /** Goal: it says what it is about, and nothing of a person. Method: one of each kind of object, and one of a kind that nobody knows. */
  it.each([
    [session, { sessionId: "cs_1", depositId }],
    [
      { ...session, payment_intent: "pi_1" },
      { sessionId: "cs_1", depositId, payment: "pi_1" },
    ],
    [{ ...session, client_reference_id: null }, { sessionId: "cs_1" }],
    [{ id: "ch_1", object: "charge", payment_intent: "pi_1" }, { payment: "pi_1" }],
    [{ id: "dp_1", object: "dispute", payment_intent: "pi_1" }, { payment: "pi_1" }],
    [{ id: "re_1", object: "refund", payment_intent: null }, {}],
    [{ id: "pi_9", object: "payment_intent" }, { payment: "pi_9" }],
    [{ object: "balance", available: [] }, {}],
  ])("of %j", async (object, about) => {
    const body = JSON.stringify(event(object));
    expect(await readAs(body, signed(body))).toEqual({ id: "evt_1", isLive: false, payment: undefined, ...about });
  });

  /** Goal: any of the secrets may have signed, within the tolerance, these very bytes. Method: both secrets, a third; both sides of the tolerance; one byte more; no signature, and what is none. */
  it("is genuine or not", async () => {
    const late = now - NOTICE_TOLERANCE_SEC * 1000;
    for (const good of [signed(plain), signed(plain, { by: "whsec_new" }), signed(plain, { at: late })])
      expect((await readAs(plain, good)).id).toBe("evt_1");
    for (const bad of [
      signed(plain, { by: "whsec_old" }),
      signed(plain, { at: late - 1000 }),
      "",
      "t=1",
      "t=,v1=",
      `t=${now / 1000},v1=${"0".repeat(64)}`,
    ])
      await expect(readAs(plain, bad)).rejects.toMatchObject({ fault: "forged" });
    await expect(readAs(`${plain} `, signed(plain))).rejects.toMatchObject({ fault: "forged" });
    const none = new StripePayments({ key, webhookSecrets: [] });
    await expect(none.readNotice(Buffer.from(plain), signed(plain), now)).rejects.toMatchObject({ fault: "off" });
  });

  /** Goal: live money is told from tests. Method: both, by the notice and by the key. */
  it("says in which mode it is", async () => {
    const live = JSON.stringify(event(session, { livemode: true }));
    expect((await readAs(live, signed(live))).isLive).toBe(true);
    const modes = ["sk_test_1", "rk_test_1", "sk_live_1", "rk_live_1"].map(
      (one) => new StripePayments({ key: one, webhookSecrets: [] }).isLive,
    );
    expect(modes).toEqual([false, false, true, true]);
  });

  /** Goal: bytes that somebody signed and that are no notice are refused. Method: no JSON, and another object. */
  it("has its shape", async () => {
    for (const body of ["", "text", "{}", JSON.stringify({ id: "evt_1" })])
      await expect(readAs(body, signed(body))).rejects.toThrow();
  });
});

const program = process.env["DARKBLOOM_TEST_STRIPE_MOCK"];

/** Goal: our calls have Stripe's own shape. Method: Stripe's own mock, which checks each request against the published description and answers from it. */
describe.skipIf(program === undefined)("against stripe-mock (DARKBLOOM_TEST_STRIPE_MOCK)", () => {
  let payments: StripePayments;
  const started = new AsyncDisposableStack();
  beforeAll(async () => {
    const found = createServer().listen(0, "127.0.0.1");
    await once(found, "listening");
    const { port } = found.address() as AddressInfo;
    found.close();
    const mock = spawn(program ?? "", ["-http-port", String(port)], { stdio: "ignore" });
    started.defer(() => void mock.kill());
    await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/`), { timeout: 20_000 });
    payments = new StripePayments({ key, webhookSecrets: [], apiBase: `http://127.0.0.1:${port}` });
  }, 30_000);
  afterAll(() => started.disposeAsync());

  it("opens a page", async () => {
    expect((await payments.openCheckout(ask)).sessionId).toMatch(/^cs_/);
  });

  it("asks how it stands", async () => {
    expect(await payments.checkout("cs_1")).toMatchObject({ isLive: false });
  });

  it("lists what was taken back", async () => {
    const { refunds } = await payments.takenBack("pi_1");
    expect(refunds[0]?.id).toMatch(/^re_/);
  });

  it("refunds", () => payments.refund({ refundId, payment: "pi_1", amount }));
});
