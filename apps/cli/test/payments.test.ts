import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

const KEY = "sk_test_neverlogged";
const SECRET = "whsec_neverlogged";

/** Something that answers as Stripe does for one page, which a test pays on. */
async function openStripe() {
  const session = {
    id: "cs_test_1",
    object: "checkout.session",
    livemode: false,
    currency: "usd",
    status: "open",
    payment_status: "unpaid",
  };
  const state = {
    ...session,
    url: "https://checkout.stripe.com/1" as string | null,
    client_reference_id: "",
    amount_total: 0,
    payment_intent: null as string | null,
  };
  const keys: (string | undefined)[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const said = new URLSearchParams(await text(request));
    keys.push(request.headers.authorization);
    if (request.method === "POST") {
      state.client_reference_id = said.get("client_reference_id") ?? "";
      state.amount_total = Number(said.get("line_items[0][price_data][unit_amount]"));
    }
    const nothing = { object: "list", data: [], has_more: false, url: "/" };
    const told = request.url?.startsWith("/v1/checkout") ? state : nothing;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(told));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    pay: () => Object.assign(state, { status: "complete", payment_status: "paid", payment_intent: "pi_1", url: null }),
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Goal: somebody pays in, from the link that signs them in to the balance, and neither key nor secret is told. Method: the real program, something in Stripe's place; a forged and a genuine notice; all that the program has said. */
it("takes a payment", { timeout: 60_000 }, async () => {
  using stripe = await openStripe();
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "data"));
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder.path, name), content);
    return join(folder.path, name);
  };
  const data = ["--data", join(folder.path, "data")];
  const paying = [
    "--stripe-key-file",
    file("key", KEY),
    "--stripe-webhook-file",
    file("webhook", SECRET),
    "--stripe-api",
    stripe.origin,
  ];
  await using running = new Running([
    "coordinator",
    "--port",
    "0",
    ...data,
    ...paying,
    "--json",
    "--log-level",
    "debug",
  ]);
  const { base_url: origin } = await running.ready;
  const { sign_in_url: link } = JSON.parse(JSON.stringify(running.lines[0])) as { sign_in_url: string };
  const json = { "content-type": "application/json", origin };
  const signedIn = await fetch(`${origin}/sign-in/link`, {
    method: "POST",
    redirect: "manual",
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ secret: link.split("/").at(-1) ?? "" }),
  });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const asked = async (path: string, body?: object): Promise<unknown> => {
    const sent = body && { method: "POST", body: JSON.stringify(body) };
    return await (await fetch(origin + path, { headers: { ...json, cookie }, ...sent })).json();
  };
  expect(await asked("/v1/billing/stripe/create-session", { amount_usd: "12.50" })).toEqual({
    session_id: "cs_test_1",
    url: "https://checkout.stripe.com/1",
    amount_usd: "12.500000",
    amount_micro_usd: 12_500_000,
  });
  stripe.pay();
  const notice = JSON.stringify({
    id: "evt_1",
    object: "event",
    livemode: false,
    type: "checkout.session.completed",
    data: { object: { id: "cs_test_1", object: "checkout.session" } },
  });
  const at = Math.floor(Date.now() / 1000);
  const tell = async (secret: string): Promise<number> => {
    const signature = createHmac("sha256", secret).update(`${at}.${notice}`).digest("hex");
    const headers = { "content-type": "application/json", "stripe-signature": `t=${at},v1=${signature}` };
    return (await fetch(`${origin}/v1/billing/stripe/webhook`, { method: "POST", headers, body: notice })).status;
  };
  expect(await tell("whsec_other")).toBe(400);
  expect(await asked("/v1/payments/balance")).toMatchObject({ paid_in_micro_usd: 0 });
  for (let n = 0; n < 2; n++) expect(await tell(SECRET)).toBe(200);
  expect(await asked("/v1/payments/balance")).toMatchObject({ paid_in_micro_usd: 12_500_000, debt_micro_usd: 0 });
  expect(await asked("/v1/payments/deposits")).toMatchObject({ data: [{ state: "paid", amount_usd: "12.500000" }] });
  expect(new Set(stripe.keys)).toEqual(new Set([`Bearer ${KEY}`]));
  expect((await darkbloom(["ledger", "check", ...data])).code).toBe(0);
  process.kill(running.pid, "SIGTERM");
  expect(await running.ended).toBe(0);
  expect(running.stderr + JSON.stringify(running.lines)).not.toContain("neverlogged");
});
