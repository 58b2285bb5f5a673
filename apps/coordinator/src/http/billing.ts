import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type AccountId, type ParamPath } from "@darkbloom/protocol/ids";
import { formatUsd, microUsd, parseUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import type { Deposit } from "../payments/deposits.ts";
import type { DepositDesk } from "../payments/desk.ts";
import {
  DEPOSIT_MICRO_USD_MAX,
  DEPOSIT_MICRO_USD_MIN,
  depositStates,
  MICRO_USD_PER_CENT,
  PaymentsError,
  type DepositId,
} from "../payments/port.ts";
import { callerOf, signedInOf } from "./access.ts";
import { goTo, pageSchema } from "./browser-session.ts";
import { parseJson, readBody } from "./body.ts";
import { ownOrigin } from "./credentials.ts";
import type { Door, Route } from "./door.ts";
import { html, sendPage } from "./page.ts";
import { peerOf } from "./peer.ts";

/** What is sent to begin a payment is one figure. 413 above it. */
export const CHECKOUT_BODY_BYTES_MAX = 4 * 1024;
/** One of Stripe's notices holds one object. 413 above it. */
export const NOTICE_BYTES_MAX = 256 * 1024;
/** Deposits of one page. */
export const DEPOSIT_ROWS_MAX = 100;
/** What callers are told where Stripe does not answer. */
const PAYMENTS_RETRY_SEC = 30;
/** Where Stripe's page leads back to. */
export const DEPOSIT_PATH = "/deposit";

const ofSession = { access: "session", limit: "rate" } as const;
const failsAsking = ["body_invalid", "payments_off", "payments_unavailable"] as const;

const checkoutAsk = z.strictObject({ amount_usd: z.string().describe("USD, whole cents, e.g. `10.00`") });
const checkout = z.object({
  session_id: z.string(),
  url: z.string().nullable().describe("Where it is paid; null once it cannot be any more"),
  amount_usd: z.string(),
  amount_micro_usd: z.int(),
});
const checkoutQuery = z.object({ id: z.string().describe("`session_id`") });
const deposit = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  amount_usd: z.string(),
  amount_micro_usd: z.int(),
  state: z.enum(depositStates).describe("`opening`: nobody was shown where it is paid"),
  refunded_micro_usd: z.int().describe("What was given back"),
  disputed_micro_usd: z.int().describe("What was demanded back from the bank, and is gone"),
});
const shownCheckout = checkout.extend({ state: deposit.shape.state });

const tellDeposit = (one: Deposit): z.infer<typeof deposit> => ({
  id: one.depositId,
  at: new Date(one.createdAt).toISOString(),
  amount_usd: formatUsd(one.amount),
  amount_micro_usd: Number(one.amount),
  state: one.state,
  refunded_micro_usd: Number(one.refunded),
  disputed_micro_usd: Number(one.disputed),
});

/** `POST /v1/billing/stripe/create-session`: a page of Stripe's on which the signed-in person pays into their own account. */
export const createCheckout = (door: Door): Route => ({
  schema: {
    summary: "Begin a payment by card into your account",
    tags: ["money"],
    body: checkoutAsk,
    response: { 200: checkout },
  },
  config: { ...ofSession, fails: [...failsAsking, "payload_too_large"] },
  handler: async (request): Promise<z.infer<typeof checkout>> => {
    const { person } = signedInOf(request);
    const { deps } = door;
    const amount = await amountIn(door, request, person.account);
    const page = ownOrigin(request.raw, deps.settings.trustProxy) + DEPOSIT_PATH;
    const { depositId, sessionId, url } = await asked(door, (desk) =>
      desk.open(person.account, amount, { doneUrl: `${page}?done`, cancelledUrl: `${page}?cancelled` }),
    );
    await deps.audit.add({
      at: deps.clock.now(),
      actor: person.personId,
      action: "deposits.open",
      subject: depositId ?? sessionId,
    });
    return { session_id: sessionId, url, amount_usd: formatUsd(amount), amount_micro_usd: Number(amount) };
  },
});

async function amountIn(door: Door, request: FastifyRequest, account: AccountId): Promise<MicroUsd> {
  using room = door.bodies.share(account);
  const most = door.deps.settings.depositMax ?? microUsd(DEPOSIT_MICRO_USD_MAX);
  const body = checkoutAsk.safeParse(parseJson(await readBody(request.raw, CHECKOUT_BODY_BYTES_MAX, room)));
  const amount = body.success ? parseUsd(body.data.amount_usd) : undefined;
  if (amount !== undefined && amount % MICRO_USD_PER_CENT === 0n && amount >= DEPOSIT_MICRO_USD_MIN && amount <= most)
    return amount;
  const [least, largest] = [DEPOSIT_MICRO_USD_MIN / MICRO_USD_PER_CENT, most / MICRO_USD_PER_CENT];
  throw new NetworkError({
    code: "body_invalid",
    param: "amount_usd" as ParamPath,
    expected: ourWords`it must be a text of whole cents such as "10.00", from ${least} to ${largest} cents`,
  });
}

/** `GET /v1/billing/stripe/session?id=`: how that payment stands. */
export const showCheckout = (door: Door): Route => ({
  schema: {
    summary: "How a payment of yours stands; once it is paid, it is on your account",
    tags: ["money"],
    querystring: checkoutQuery,
    response: { 200: shownCheckout },
  },
  config: { ...ofSession, fails: [...failsAsking, "deposit_not_found"] },
  handler: async (request): Promise<z.infer<typeof shownCheckout>> => {
    const query = checkoutQuery.safeParse(request.query);
    if (!query.success) throw wrongQuery("id");
    const { id } = query.data;
    const { account } = signedInOf(request).person;
    // PostgreSQL refuses some texts that are not printable.
    const shown = await asked(door, (desk) => desk.show(account, isPrintable(id) ? id : ""));
    if (!shown) throw new NetworkError({ code: "deposit_not_found" });
    const { amount_usd, amount_micro_usd, state } = tellDeposit(shown.deposit);
    return { session_id: id, url: shown.url, amount_usd, amount_micro_usd, state };
  },
});

const heard = z.object({ received: z.literal(true) });

/** `POST /v1/billing/stripe/webhook`: Stripe says that something changed, and is then asked how it stands. */
export const hearStripe = (door: Door): Route => ({
  schema: { summary: "For Stripe's signed notices", tags: ["money"], response: { 200: heard } },
  config: { access: "open", limit: "rate", fails: [...failsAsking, "webhook_invalid", "payload_too_large"] },
  handler: async (request): Promise<z.infer<typeof heard>> => {
    const { deps, bodies } = door;
    const { "content-type": type = "", "stripe-signature": signature } = request.headers;
    if (!/^application\/json\s*(;|$)/i.test(type))
      throw new NetworkError({
        code: "body_invalid",
        param: null,
        expected: ourWords`its content-type must be application/json`,
      });
    using room = bodies.share(peerOf(request.raw, deps.settings.trustProxy).bucket);
    const bytes = await readBody(request.raw, NOTICE_BYTES_MAX, room);
    await asked(door, (desk) => desk.hear(bytes, typeof signature === "string" ? signature : ""));
    return { received: true };
  },
});

const page = z.object({
  limit: z.coerce.number().int().min(1).max(DEPOSIT_ROWS_MAX).default(DEPOSIT_ROWS_MAX),
  after: z.string().optional().describe("The `id` of the last one of the page before"),
});
const depositList = z.object({ data: z.array(deposit), has_more: z.boolean().describe("Whether a page follows") });

/** `GET /v1/payments/deposits`, newest first. */
export const listDeposits = (door: Door): Route => ({
  schema: {
    summary: "What was paid into the account, newest first",
    tags: ["money"],
    querystring: page,
    response: { 200: depositList },
  },
  config: { access: "key or session", limit: "rate", fails: ["body_invalid"] },
  handler: async (request): Promise<z.infer<typeof depositList>> => {
    const asking = page.safeParse(request.query);
    if (!asking.success || !isPrintable(asking.data.after ?? "")) throw wrongQuery("limit");
    const { limit, after } = asking.data;
    // One more than is shown says whether there are more.
    const found = await door.deps.deposits.list(callerOf(request).account, {
      rows: limit + 1,
      before: after as DepositId | undefined,
    });
    return { data: found.slice(0, limit).map(tellDeposit), has_more: found.length > limit };
  },
});

/** `GET /deposit`: where Stripe's page leads back to; the console asks how the payment stands. */
export const showDeposited = ({ deps }: Door): Route => ({
  schema: pageSchema("Where a payment's page leads back to"),
  config: { access: "open", limit: "rate" },
  handler: async (request, reply) => {
    const isCancelled = Object.hasOwn(Object(request.query), "cancelled");
    if (deps.console) return goTo(reply, `/console/credits?payment=${isCancelled ? "cancelled" : "done"}`);
    return isCancelled
      ? sendPage(reply, "Nothing was paid", html`<p>The payment was called off. You can close this page.</p>`)
      : sendPage(
          reply,
          "Thank you",
          html`<p>
            As soon as the payment is confirmed it is on your account: with a card within a minute, with a bank within
            days. You can close this page.
          </p>`,
        );
  },
});

const wrongQuery = (param: "id" | "limit"): NetworkError =>
  new NetworkError({
    code: "body_invalid",
    param: param as ParamPath,
    expected:
      param === "id"
        ? ourWords`it must be sent once`
        : ourWords`it must be a whole number from 1 to ${DEPOSIT_ROWS_MAX}, and after an id of this list`,
  });

/** @throws NetworkError for what whoever takes payments did not do */
async function asked<Answer>({ deps }: Door, act: (desk: DepositDesk) => Promise<Answer>): Promise<Answer> {
  if (!deps.desk) throw new NetworkError({ code: "payments_off" });
  try {
    return await act(deps.desk);
  } catch (error) {
    if (!(error instanceof PaymentsError)) throw error;
    switch (error.fault) {
      case "off":
        throw new NetworkError({ code: "payments_off" });
      case "forged":
        throw new NetworkError({ code: "webhook_invalid" });
      case "refused":
      case "unclear":
        throw new NetworkError({ code: "payments_unavailable", retryAfterSec: PAYMENTS_RETRY_SEC }, { cause: error });
    }
  }
}
