import { microUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import { earn } from "../payouts/earned.samples.ts";
import { WITHDRAWALS_OPEN_MAX, type PayoutWay, type WithdrawalState } from "../payouts/withdrawals.ts";
import { WITHDRAWAL_ROWS_MAX } from "./withdrawals.ts";

/** What the routes under test answer, each with a part of it. */
interface Said {
  readonly id: string;
  readonly state: WithdrawalState;
  readonly pay_to: string | null;
  readonly data: readonly { readonly id: string; readonly state: WithdrawalState }[];
  readonly has_more: boolean;
  readonly payouts: readonly { readonly withdrawal_id: string; readonly pay_to: string }[];
  readonly entries: readonly { readonly action: string; readonly subject: string; readonly actor: string }[];
  readonly error?: { readonly code: string; readonly message: string };
}

const PAY_TO = "IBAN DE00 1234, Anna";

/** Anna's machine earned 20 USD, long ago, from what somebody had paid in. */
async function openBooth(payouts: PayoutWay = "manual") {
  const ledger = new MemoryLedger();
  // Ids of one millisecond have no order.
  let now = Date.now();
  const edge = await openEdge({
    ledger,
    clock: { ...systemClock, now: () => ++now },
    settings: { corsOrigins: [], trustProxy: false, version: "0.1.0", minTrustDefault: "self_signed", payouts },
  });
  const [anna, bert, otto] = [
    await signIn(edge.deps, personOf("anna")),
    await signIn(edge.deps, personOf("bert")),
    await signIn(edge.deps, personOf("otto", "operator")),
  ];
  await earn(ledger, anna.person.account, 20_000_000n);
  const asking = async (who: { bearer: Record<string, string> }, method: string, path: string, body?: unknown) => {
    const response = await edge.get(path, {
      method,
      headers: { ...who.bearer, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Said };
  };
  return {
    edge,
    ledger,
    anna,
    bert,
    otto,
    asking,
    ask: (amount_usd: unknown, pay_to: unknown = PAY_TO, who = anna) =>
      asking(who, "POST", "/v1/payments/withdrawals", { amount_usd, pay_to }),
    list: (query = "", who = anna) => asking(who, "GET", `/v1/payments/withdrawals${query}`),
    cancel: (id: string, who = anna) => asking(who, "DELETE", `/v1/payments/withdrawals/${id}`),
    operate: (method: string, path: string, body?: unknown) => asking(otto, method, `/v1/admin/payouts${path}`, body),
    withdrawable: async () => (await asking(anna, "GET", "/v1/me/summary")).body,
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  };
}

describe("a withdrawal", () => {
  /** Goal: whoever earned asks, the operator takes it in hand and pays; both see each step, and the balance follows. Method: one that is paid, one that fails, one that is called off; the audit log. */
  it("goes from what was earned to out of the network, or back", async () => {
    await using booth = await openBooth();
    const asked = await booth.ask("8.00");
    expect(asked).toMatchObject({
      status: 201,
      body: { amount_usd: "8.000000", amount_micro_usd: 8_000_000, state: "asked", pay_to: PAY_TO },
    });
    const [second, third] = [await booth.ask("2.00"), await booth.ask("1.00")];
    expect(await booth.withdrawable()).toMatchObject({
      withdrawable_micro_usd: "9000000",
      balance_micro_usd: "9000000",
      withdrawing_micro_usd: "11000000",
    });
    expect(await booth.cancel(third.body.id)).toMatchObject({
      status: 200,
      body: { state: "cancelled", pay_to: null },
    });
    const taken = await booth.operate("POST", "/take", {});
    expect(taken.body.payouts).toMatchObject([
      { withdrawal_id: asked.body.id, pay_to: PAY_TO, amount_micro_usd: "8000000", state: "sent" },
      { withdrawal_id: second.body.id },
    ]);
    expect((await booth.operate("POST", "/take", {})).body.payouts).toEqual([]);
    expect(await booth.cancel(asked.body.id)).toMatchObject({
      status: 409,
      body: { error: { code: "withdrawal_not_open" } },
    });
    const mark = (id: string, state: string) => booth.operate("POST", "/mark", { withdrawal_id: id, state });
    expect(await mark(asked.body.id, "paid")).toMatchObject({ status: 200, body: { state: "paid", pay_to: null } });
    expect((await mark(second.body.id, "failed")).body).toMatchObject({ state: "failed", booked: true });
    expect(await mark(second.body.id, "failed")).toMatchObject({ status: 200, body: { booked: true } });
    expect(await mark(asked.body.id, "failed")).toMatchObject({
      status: 400,
      body: { error: { message: "This withdrawal is paid, which lasts." } },
    });
    expect(await mark("withdrawal_none", "paid")).toMatchObject({
      status: 404,
      body: { error: { code: "unknown_withdrawal" } },
    });
    expect((await booth.list()).body.data.map(({ state }) => state)).toEqual(["cancelled", "failed", "paid"]);
    expect(await booth.withdrawable()).toMatchObject({ withdrawable_micro_usd: "12000000" });
    expect((await booth.operate("GET", "?state=paid")).body.payouts).toMatchObject([{ withdrawal_id: asked.body.id }]);
    const { entries } = (await booth.asking(booth.otto, "GET", "/v1/admin/audit?rows=20")).body;
    expect(entries.toReversed().map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
      ["person_anna", "withdrawals.ask", asked.body.id],
      ["person_anna", "withdrawals.ask", second.body.id],
      ["person_anna", "withdrawals.ask", third.body.id],
      ["person_anna", "withdrawals.cancel", third.body.id],
      ["person_otto", "payouts.take", asked.body.id],
      ["person_otto", "payouts.take", second.body.id],
      ["person_otto", "payouts.paid", asked.body.id],
      ["person_otto", "payouts.failed", second.body.id],
      // Said twice, done once.
      ["person_otto", "payouts.failed", second.body.id],
    ]);
    expect(booth.edge.lines.join("")).not.toContain("IBAN");
    expect(await booth.ledger.check()).toEqual([]);
  });

  /** Goal: what cannot be meant is refused at the door, by its field. Method: both sides of each bound. */
  it.each<[amount: unknown, payTo: unknown, param: string | null]>([
    ["0.99", PAY_TO, "amount_usd"],
    ["1.001", PAY_TO, "amount_usd"],
    ["-1.00", PAY_TO, "amount_usd"],
    ["1000000.01", PAY_TO, "amount_usd"],
    ["999999999999", PAY_TO, "amount_usd"],
    ["many", PAY_TO, "amount_usd"],
    [5, PAY_TO, "amount_usd"],
    ["5.00", "=1+1", "pay_to"],
    ["5.00", "x".repeat(201), "pay_to"],
    ["5.00", "a\nb", "pay_to"],
    ["5.00", null, "pay_to"],
  ])("is refused: %j to %j", async (amount, payTo, param) => {
    await using booth = await openBooth();
    expect(await booth.ask(amount, payTo)).toMatchObject({
      status: 400,
      body: { error: { code: "body_invalid", param } },
    });
    expect((await booth.list()).body.data).toEqual([]);
  });

  /** Goal: nothing leaves that has not cleared and is there, or too often at once. Method: a cent more; whoever earned nothing or owes; one more than the bound. */
  it("is bounded by what was earned", async () => {
    await using booth = await openBooth();
    expect(await booth.ask("20.01")).toMatchObject({
      status: 409,
      body: { error: { code: "not_withdrawable", message: expect.stringContaining("20.000000 USD") } },
    });
    expect(await booth.ask("1.00", PAY_TO, booth.bert)).toMatchObject({
      body: { error: { code: "not_withdrawable", message: expect.stringContaining(" 0.000000 USD") } },
    });
    for (let n = 0; n < WITHDRAWALS_OPEN_MAX; n++) expect((await booth.ask("1.00")).status).toBe(201);
    expect(await booth.ask("1.00")).toMatchObject({ status: 409, body: { error: { code: "withdrawals_too_many" } } });
    await booth.ledger.book("taken", { kind: "dispute", account: booth.anna.person.account, amount: 5n }, 1);
    await booth.cancel((await booth.list()).body.data[0]?.id ?? "");
    expect(await booth.ask("1.00")).toMatchObject({ status: 402, body: { error: { code: "account_in_debt" } } });
  });

  /** Goal: nobody sees or ends another's. Method: Bert, with Anna's id and with none. */
  it("is its owner's", async () => {
    await using booth = await openBooth();
    const { id } = (await booth.ask("1.00")).body;
    for (const wrong of [id, "none", "%00"])
      expect(await booth.cancel(wrong, booth.bert)).toMatchObject({
        status: 404,
        body: { error: { code: "withdrawal_not_found" } },
      });
    expect((await booth.list("", booth.bert)).body.data).toEqual([]);
  });

  /** Goal: a list goes on where a page ended, and takes no other figures. Method: pages of one; figures outside of the bounds. */
  it("is listed in pages", async () => {
    await using booth = await openBooth();
    const [first, second] = [(await booth.ask("1.00")).body.id, (await booth.ask("1.00")).body.id];
    const idsOf = ({ body }: { readonly body: Said }) => [body.data.map(({ id }) => id), body.has_more];
    expect(idsOf(await booth.list("?limit=1"))).toEqual([[second], true]);
    expect(idsOf(await booth.list(`?limit=1&after=${second}`))).toEqual([[first], false]);
    for (const bad of ["limit=0", `limit=${WITHDRAWAL_ROWS_MAX + 1}`, "limit=x", "after=%00"])
      expect([bad, (await booth.list(`?${bad}`)).status]).toEqual([bad, 400]);
  });

  /** Goal: where the operator pays nothing out, nothing leaves a balance, and that is said. Method: as a start without the setting is; one that was asked for before. */
  it("needs an operator who pays", async () => {
    await using booth = await openBooth("off");
    expect(await booth.ask("1.00")).toMatchObject({ status: 503, body: { error: { code: "payouts_off" } } });
    expect((await booth.list()).body).toEqual({ data: [], has_more: false, payouts: "off" });
    expect(await booth.withdrawable()).toMatchObject({ withdrawable_micro_usd: "20000000" });
    const { withdrawalId } = await booth.edge.deps.payouts.ask(booth.anna.person.account, microUsd(1_000_000n), PAY_TO);
    expect((await booth.cancel(withdrawalId)).status).toBe(200);
  });
});

/** Goal: whoever took somebody's session is paid nothing once that person is disabled. Method: one that waits and one that is in hand; the person disabled, and let in again. */
it("is called off where its owner is disabled, unless it is in hand", async () => {
  await using booth = await openBooth();
  const sent = (await booth.ask("2.00")).body.id;
  await booth.operate("POST", "/take", { rows: 1 });
  const waits = (await booth.ask("3.00")).body.id;
  const people = (way: string) =>
    booth.asking(booth.otto, "POST", `/v1/admin/people/${way}`, { person_id: booth.anna.person.personId });
  expect((await people("disable")).status).toBe(200);
  expect((await booth.operate("POST", "/take", {})).body.payouts).toEqual([]);
  const { payouts } = (await booth.operate("GET", "")).body;
  expect(payouts).toMatchObject([
    { withdrawal_id: waits, state: "cancelled", pay_to: null },
    { withdrawal_id: sent, state: "sent", pay_to: PAY_TO },
  ]);
  expect(await booth.ledger.balances(booth.anna.person.account)).toMatchObject({
    payable: 18_000_000n,
    withdrawing: 2_000_000n,
  });
});
