import { microUsd } from "@darkbloom/protocol/money";
import { systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { ACCOUNT, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { MemoryDeposits } from "../adapters/memory-deposits.ts";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import { FakeCards } from "../payments/card-payments.samples.ts";
import { DepositDesk } from "../payments/desk.ts";
import { CHECKOUT_BODY_BYTES_MAX, DEPOSIT_ROWS_MAX, NOTICE_BYTES_MAX } from "./billing.ts";
import type { HttpDeps } from "./deps.ts";

/** What the routes under test answer, each with a part of it. */
interface Said {
  readonly session_id: string;
  readonly url: string | null;
  readonly data: readonly { readonly id: string }[];
  readonly has_more: boolean;
  readonly deposits: readonly { readonly deposit_id: string }[];
  readonly error?: { readonly code: string };
}

async function openTill(more: Partial<HttpDeps> = {}) {
  const cards = new FakeCards();
  const ledger = new MemoryLedger();
  const deposits = new MemoryDeposits();
  const desk = new DepositDesk({
    cards,
    deposits,
    ledger,
    clock: systemClock,
    random: systemRandom,
  });
  const edge = await openEdge({ ledger, deposits, desk, ...more });
  const anna = await signIn(edge.deps, personOf("anna"));
  const asking = async (path: string, bearer: Record<string, string> = anna.bearer, body?: unknown) => {
    const response = await edge.get(path, {
      headers: { ...bearer, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return {
      status: response.status,
      body: (await response.json()) as Said,
    };
  };
  return {
    edge,
    cards,
    desk,
    anna,
    asking,
    begin: (amount_usd: unknown, bearer = anna.bearer) =>
      asking("/v1/billing/stripe/create-session", bearer, { amount_usd }),
    hear: (notice: object, signature = "genuine") =>
      asking("/v1/billing/stripe/webhook", { "stripe-signature": signature }, { isLive: false, ...notice }),
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  };
}

describe("a payment", () => {
  /** Goal: somebody pays in and sees it, step by step. Method: begin, look, pay, Stripe's notice, look again; the balance and the list by session, and by a key of the account; the audit log. */
  it("goes from a page to the balance", async () => {
    await using till = await openTill();
    const { status, body } = await till.begin("10.00");
    expect(status).toBe(200);
    const { session_id: id, url } = body;
    expect(body).toEqual({ session_id: id, url, amount_usd: "10.000000", amount_micro_usd: 10_000_000 });
    const shown = () => till.asking(`/v1/billing/stripe/session?id=${id}`);
    expect(await shown()).toEqual({ status: 200, body: { ...body, state: "open" } });
    till.cards.pay(id);
    expect(await till.hear({ id: "evt_1", sessionId: id })).toEqual({ status: 200, body: { received: true } });
    expect(await shown()).toEqual({ status: 200, body: { ...body, url: null, state: "paid" } });
    await till.edge.ledger.credit("grant", till.anna.person.account, microUsd(1n), 1);
    const none = { granted_micro_usd: 0, granted_usd: "0.000000", earned_micro_usd: 0, earned_usd: "0.000000" };
    expect((await till.asking("/v1/payments/balance")).body).toMatchObject({
      ...none,
      balance_micro_usd: 10_000_000,
      balance_usd: "10.000000",
      paid_in_micro_usd: 10_000_000,
      paid_in_usd: "10.000000",
      debt_micro_usd: 0,
      debt_usd: "0.000000",
    });
    const { data } = (await till.asking("/v1/payments/deposits")).body;
    expect(data).toMatchObject([
      { amount_usd: "10.000000", state: "paid", refunded_micro_usd: 0, disputed_micro_usd: 0 },
    ]);
    const [entry] = await till.edge.deps.audit.list(1);
    expect(entry).toMatchObject({
      actor: till.anna.person.personId,
      action: "deposits.open",
      subject: data[0]?.id,
    });
  });

  /** Goal: what was spent and taken back is told as a debt. Method: a deposit that is disputed whole while a grant is there. */
  it("that is taken back stands as a debt", async () => {
    await using till = await openTill();
    const { session_id: sessionId } = (await till.begin("10.00")).body;
    const payment = till.cards.pay(sessionId);
    await till.hear({ id: "evt_1", sessionId });
    await till.desk.deposits.byPayment(payment);
    till.cards.takeBack("dispute", "dp_1", payment, 1250n);
    await till.hear({ id: "evt_2", payment });
    expect((await till.asking("/v1/payments/balance")).body).toMatchObject({
      balance_micro_usd: 0,
      paid_in_micro_usd: 0,
      debt_micro_usd: 2_500_000,
      debt_usd: "2.500000",
    });
    expect((await till.asking("/v1/payments/deposits")).body).toMatchObject({
      data: [{ disputed_micro_usd: 12_500_000 }],
    });
  });

  /** Goal: only whole cents between the bounds. Method: both sides of each, as the operator sets the most and where nobody does; other types and forms. */
  it("is of so much", async () => {
    await using till = await openTill();
    for (const good of ["0.50", "0.5", "1", "1000.00", "12.340000"])
      expect([good, (await till.begin(good)).status]).toEqual([good, 200]);
    for (const bad of ["0.49", "1000.01", "0.505", "1e2", "-1.00", " 1", "", 10, null, undefined]) {
      const { status, body } = await till.begin(bad);
      expect([bad, status, body.error?.code]).toEqual([bad, 400, "body_invalid"]);
    }
    await using small = await openTill({ settings: { ...till.edge.settings, depositMax: microUsd(5_000_000n) } });
    expect((await small.begin("5.00")).status).toBe(200);
    expect((await small.begin("5.01")).status).toBe(400);
    for (const body of ["", "text", "[]", '{"amount_usd":"1.00","account":"acct_other"}'])
      expect((await till.asking("/v1/billing/stripe/create-session", till.anna.bearer, body)).status).toBe(400);
    const long = `{"amount_usd":"${" ".repeat(CHECKOUT_BODY_BYTES_MAX)}"}`;
    expect((await till.asking("/v1/billing/stripe/create-session", till.anna.bearer, long)).status).toBe(413);
  });

  /** Goal: Stripe's page leads back to us and nowhere else. Method: what it is asked with, behind a proxy and without one; the page itself. */
  it("leads back here", async () => {
    await using till = await openTill();
    const urls: string[] = [];
    const open = till.cards.openCheckout.bind(till.cards);
    till.cards.openCheckout = (ask) => {
      urls.push(ask.doneUrl, ask.cancelledUrl);
      return open(ask);
    };
    await till.begin("1.00");
    expect(urls).toEqual([`${till.edge.origin}/deposit?done`, `${till.edge.origin}/deposit?cancelled`]);
    for (const [path, title] of [
      ["/deposit?done", "Thank you"],
      ["/deposit?cancelled", "Nothing was paid"],
    ] as const) {
      const page = await till.edge.get(path);
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(title)]);
    }
  });

  /** Goal: nobody sees another's. Method: Bert asks for Anna's page by its name and lists his own; unknown and impossible names. */
  it("is its owner's alone", async () => {
    await using till = await openTill();
    const { session_id: id } = (await till.begin("1.00")).body;
    const bert = await signIn(till.edge.deps, personOf("bert"));
    for (const [which, bearer] of [
      [id, bert.bearer],
      ["cs_none", till.anna.bearer],
      ["a%00b", till.anna.bearer],
    ] as const) {
      const { status, body } = await till.asking(`/v1/billing/stripe/session?id=${which}`, bearer);
      expect([status, body.error?.code]).toEqual([404, "deposit_not_found"]);
    }
    expect((await till.asking("/v1/payments/deposits", bert.bearer)).body).toEqual({ data: [], has_more: false });
    for (const query of ["", "?id=a&id=b"])
      expect((await till.asking(`/v1/billing/stripe/session${query}`)).status).toBe(400);
  });

  /** Goal: the list comes in pages. Method: three, two at a time; wrong pages. */
  it("is listed in pages", async () => {
    await using till = await openTill();
    for (const amount of ["1.00", "2.00", "3.00"]) await till.begin(amount);
    const pageOf = async (query: string) => (await till.asking(`/v1/payments/deposits?${query}`)).body;
    const first = await pageOf("limit=2");
    expect(first).toMatchObject({ data: [{ amount_usd: "3.000000" }, { amount_usd: "2.000000" }], has_more: true });
    expect(await pageOf(`limit=2&after=${first.data[1]?.id}`)).toMatchObject({
      data: [{ amount_usd: "1.000000" }],
      has_more: false,
    });
    for (const query of ["limit=0", `limit=${DEPOSIT_ROWS_MAX + 1}`, "limit=x", "after=a%00b", "after=a&after=b"])
      expect((await till.asking(`/v1/payments/deposits?${query}`)).status).toBe(400);
  });

  /** Goal: where Stripe does not answer that is said, and no money is counted. Method: each loss. */
  it.each(["before", "behind", "refused"] as const)("waits for Stripe (%s)", async (how) => {
    await using till = await openTill();
    till.cards.lose("openCheckout", how);
    expect(await till.begin("1.00")).toMatchObject({ status: 503, body: { error: { code: "payments_unavailable" } } });
    till.cards.lose("checkout", how);
    const { session_id: id } = (await till.begin("1.00")).body;
    expect(await till.asking(`/v1/billing/stripe/session?id=${id}`)).toMatchObject({ status: 503 });
  });
});

describe("a notice", () => {
  /** Goal: what is not Stripe's, or no notice, is refused before anything is asked. Method: no signature, a wrong one, another mode; another type; too long; compressed. */
  it("is refused where it is not genuine", async () => {
    await using till = await openTill();
    for (const signature of ["", "forged"])
      expect(await till.hear({ id: "evt_1" }, signature)).toMatchObject({
        status: 400,
        body: { error: { code: "webhook_invalid" } },
      });
    expect(await till.hear({ id: "evt_1", isLive: true })).toMatchObject({
      status: 400,
      body: { error: { code: "webhook_invalid" } },
    });
    const post = (headers: Record<string, string>, body: string) =>
      till.edge.get("/v1/billing/stripe/webhook", {
        method: "POST",
        headers: { "stripe-signature": "genuine", ...headers },
        body,
      });
    for (const type of ["text/plain", "application/jsonp", "application/x-www-form-urlencoded"])
      expect((await post({ "content-type": type }, "{}")).status).toBe(400);
    expect((await post({ "content-type": "application/json", "content-encoding": "gzip" }, "{}")).status).toBe(400);
    const long = JSON.stringify({ id: "evt_1", isLive: false, more: "x".repeat(NOTICE_BYTES_MAX) });
    expect((await post({ "content-type": "application/json" }, long)).status).toBe(413);
    expect(till.cards.asked).toEqual([]);
  });

  /** Goal: what is about nothing of ours is taken and forgotten; what could not be asked about is sent again. Method: each; the latter a second time. */
  it("is taken, or asked for again", async () => {
    await using till = await openTill();
    expect((await till.hear({ id: "evt_1", sessionId: "cs_other" })).status).toBe(200);
    expect((await till.hear({ id: "evt_2" })).status).toBe(200);
    const { session_id: sessionId } = (await till.begin("1.00")).body;
    till.cards.pay(sessionId);
    till.cards.lose("checkout", "before");
    expect(await till.hear({ id: "evt_3", sessionId })).toMatchObject({
      status: 503,
      body: { error: { code: "payments_unavailable" } },
    });
    expect((await till.hear({ id: "evt_3", sessionId })).status).toBe(200);
    expect((await till.edge.deps.ledger.totals(till.anna.person.account)).balance).toBe(1_000_000n);
  });
});

/** Goal: without a processor each of these routes says so by name, and everything else goes on. Method: all three; the list and the balance. */
it("says where no payments are taken", async () => {
  await using edge = await openEdge();
  const { bearer } = await signIn(edge.deps, personOf("anna"));
  const json = { "content-type": "application/json" };
  const off = await Promise.all([
    edge.get("/v1/billing/stripe/create-session", {
      method: "POST",
      headers: { ...bearer, ...json },
      body: '{"amount_usd":"1.00"}',
    }),
    edge.get("/v1/billing/stripe/session?id=cs_1", { headers: bearer }),
    edge.get("/v1/billing/stripe/webhook", { method: "POST", headers: json, body: "{}" }),
  ]);
  for (const response of off)
    expect([response.status, await response.json()]).toMatchObject([503, { error: { code: "payments_off" } }]);
  for (const path of ["/v1/payments/deposits", "/v1/payments/balance"])
    expect((await edge.keyed(path)).status).toBe(200);
  expect(await edge.ledger.balances(ACCOUNT)).toMatchObject({ debt: 0n });
});

/** Goal: an operator sees all deposits and gives money back, no more than there is, under their own name. Method: a deposit of another; what is refused with its sentence; a part given back, and how that is told and written down. */
it("lets an operator give money back", async () => {
  await using till = await openTill();
  const otto = await signIn(till.edge.deps, personOf("otto", "operator"));
  const { session_id: sessionId } = (await till.begin("10.00")).body;
  const listed = async () => (await till.asking("/v1/admin/deposits", otto.bearer)).body;
  const id = (await listed()).deposits[0]?.deposit_id;
  const refund = (amount: bigint, deposit_id = id) =>
    till.asking("/v1/admin/deposits/refund", otto.bearer, { deposit_id, amount_micro_usd: String(amount) });
  expect(await refund(10_000n)).toMatchObject({
    status: 400,
    body: { error: { message: expect.stringContaining("was not paid") } },
  });
  till.cards.pay(sessionId);
  await till.hear({ id: "evt_1", sessionId });
  for (const bad of [0n, 1n, 15_000n]) expect((await refund(bad)).status).toBe(400);
  expect(await refund(10_010_000n)).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining("no more than 10.000000") } },
  });
  expect((await refund(10_000n, "deposit_none")).status).toBe(404);
  till.cards.lose("refund", "refused");
  expect(await refund(4_000_000n)).toMatchObject({
    status: 400,
    body: { error: { message: expect.stringContaining("back on the account") } },
  });
  expect(await refund(4_000_000n)).toMatchObject({
    status: 200,
    body: { account: "acct_anna", amount_micro_usd: "4000000" },
  });
  expect(await listed()).toMatchObject({
    deposits: [{ account: "acct_anna", state: "paid", refunded_micro_usd: "4000000" }],
  });
  expect(await refund(6_010_000n)).toMatchObject({ status: 409 });
  till.cards.lose("refund", "behind");
  expect(await refund(1_000_000n)).toMatchObject({
    status: 503,
    body: { error: { message: expect.stringContaining("has not said") } },
  });
  expect((await till.asking("/v1/payments/balance")).body).toMatchObject({ paid_in_micro_usd: 5_000_000 });
  await till.edge.deps.ledger.book(
    "spent",
    { kind: "refund", account: till.anna.person.account, amount: 4_000_000n },
    1,
  );
  expect(await refund(2_000_000n)).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining("1.000000 USD are left") } },
  });
  const [entry] = await till.edge.deps.audit.list(1);
  expect(entry).toMatchObject({ actor: otto.person.personId, action: "deposits.refund" });
});
