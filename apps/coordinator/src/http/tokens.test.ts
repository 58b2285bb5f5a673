import { expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { scopes, TOKENS_LIVE_MAX, type Scope } from "../accounts/operator-tokens.ts";
import { adminCalls } from "../admin/calls.ts";
import type { AdminCall } from "../admin/call.ts";

const DAY_MS = 24 * 60 * 60_000;

/** An edge with an operator, and what can be asked there by whoever shows something. */
async function opened() {
  const time = { ms: 1_800_000_000_000 };
  const edge = await openEdge({ clock: { now: () => time.ms, monotonicMs: () => time.ms, sleep: async () => {} } });
  const ask = async (bearer: Record<string, string>, method: string, path: string, body?: unknown) => {
    const response = await edge.get(path, {
      method,
      headers: { ...bearer, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as never };
  };
  const otto = await signIn(edge.deps, personOf("otto", "operator"));
  const tokenWith = async (...may: Scope[]) => {
    const made = await ask(otto.bearer, "POST", "/v1/admin/tokens", { name: "a program", scopes: may, days: 30 });
    const { token, token_id: tokenId } = made.body as { token: string; token_id: string };
    return { tokenId, token, bearer: { authorization: `Bearer ${token}` } };
  };
  return { edge, ask, otto, tokenWith, time, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}
const codeIn = ({ body }: { body: unknown }) => (body as { error?: { code: string } }).error?.code;

/** Goal: a program does what its token is for under its own name, and is shown nowhere. Method: a token for keys, a key made with it, the audit log and the list. */
it("does what its scopes name", async () => {
  await using test = await opened();
  const { ask, otto } = test;
  const program = await test.tokenWith("keys:write");
  expect(program.token).toMatch(/^darkbloom-operator-[\w-]{43}$/);
  const made = await ask(program.bearer, "POST", "/v1/admin/keys", { name: "ci", credit_micro_usd: "0" });
  expect(made.status).toBe(200);
  const { key_id: keyId } = made.body as { key_id: string };
  expect(codeIn(await ask(program.bearer, "GET", "/v1/admin/people"))).toBe("scope_needed");
  expect(codeIn(await ask(program.bearer, "GET", "/v1/me"))).toBe("scope_needed");
  expect(codeIn(await ask(program.bearer, "POST", "/v1/admin/tokens", {}))).toBe("scope_needed");
  const audit = (await ask(otto.bearer, "GET", "/v1/admin/audit?rows=2")).body as { entries: object[] };
  expect(audit.entries).toMatchObject([
    { actor: program.tokenId, action: "keys.create", subject: keyId },
    { actor: "person_otto", action: "tokens.create", subject: program.tokenId },
  ]);
  const listed = await ask(otto.bearer, "GET", "/v1/admin/tokens");
  expect(listed.body).toMatchObject({
    tokens: [{ token_id: program.tokenId, name: "a program", scopes: ["keys:write"], created_by: "person_otto" }],
  });
  expect(JSON.stringify(listed)).not.toContain(program.token);
});

/** Goal: who may make keys makes no money. Method: a key with credit, by a token for keys alone and by one for both. */
it("makes no money where it is for keys", async () => {
  await using test = await opened();
  const withCredit = { name: "rich", credit_micro_usd: "5" };
  const keys = await test.tokenWith("keys:write");
  expect(codeIn(await test.ask(keys.bearer, "POST", "/v1/admin/keys", withCredit))).toBe("scope_needed");
  const both = await test.tokenWith("keys:write", "money:write");
  expect((await test.ask(both.bearer, "POST", "/v1/admin/keys", withCredit)).status).toBe(200);
});

/** Goal: a token ends when it is revoked, at its end, and with whoever made it, each for the very next request. Method: each, with a token that was good before; and one that was made through the socket. */
it("ends at once", async () => {
  await using test = await opened();
  const { ask, otto, edge, time } = test;
  const isGood = async (one: { bearer: Record<string, string> }) =>
    codeIn(await ask(one.bearer, "GET", "/v1/admin/audit")) ?? "good";
  const [revoked, makers] = [await test.tokenWith("audit:read"), await test.tokenWith("audit:read")];
  const { secret } = await edge.deps.adminFor("socket").createToken({ name: "", scopes: ["audit:read"], days: 31 });
  const sockets = { bearer: { authorization: `Bearer ${secret}` } };
  expect([await isGood(revoked), await isGood(makers), await isGood(sockets)]).toEqual(["good", "good", "good"]);
  expect(await ask(otto.bearer, "POST", "/v1/admin/tokens/revoke", { token_id: revoked.tokenId })).toMatchObject({
    status: 200,
    body: { revoked_at: time.ms },
  });
  expect(await isGood(revoked)).toBe("token_invalid");
  expect(await ask(otto.bearer, "POST", "/v1/admin/tokens/revoke", { token_id: "token_none" })).toMatchObject({
    status: 404,
    body: { error: { code: "unknown_token" } },
  });
  await edge.people.change(otto.person.personId, { role: "member" });
  expect([await isGood(makers), await isGood(sockets)]).toEqual(["token_invalid", "good"]);
  await edge.people.change(otto.person.personId, { role: "operator" });
  expect(await isGood(makers)).toBe("good");
  await edge.deps.adminFor("socket").disablePerson(otto.person.personId);
  expect(await isGood(makers)).toBe("token_invalid");
  time.ms += 31 * DAY_MS;
  expect(await isGood(sockets)).toBe("token_invalid");
});

/** Goal: there are so many tokens that are good, and what is not valid is refused. Method: one more than fit, then one that was revoked; wrong bodies. */
it("are so many", async () => {
  await using test = await opened();
  const { ask, otto } = test;
  const first = await test.tokenWith("audit:read");
  for (let n = 1; n < TOKENS_LIVE_MAX; n++)
    await test.edge.deps.adminFor("socket").createToken({ name: "", scopes, days: 1 });
  const body = { name: "one more", scopes: ["audit:read"], days: 1 };
  expect(await ask(otto.bearer, "POST", "/v1/admin/tokens", body)).toMatchObject({
    status: 409,
    body: { error: { code: "too_much" } },
  });
  await ask(otto.bearer, "POST", "/v1/admin/tokens/revoke", { token_id: first.tokenId });
  expect((await ask(otto.bearer, "POST", "/v1/admin/tokens", body)).status).toBe(200);
  for (const wrong of [
    {},
    { ...body, scopes: [] },
    { ...body, scopes: ["all"] },
    { ...body, days: 367 },
    { ...body, by: "person_x" },
  ])
    expect((await ask(otto.bearer, "POST", "/v1/admin/tokens", wrong)).status, JSON.stringify(wrong)).toBe(400);
});

/** Goal: no scope is a word alone. Method: each is taken by an operation, or by the counters. */
it("has a route for every scope", () => {
  const taken = Object.values<AdminCall>(adminCalls).flatMap(({ scope }) => scope ?? []);
  expect(new Set([...taken, "metrics:read"])).toEqual(new Set(scopes));
});
