import { failures, type FailureCode } from "@darkbloom/protocol/failures";
import type { MachineId } from "@darkbloom/protocol/ids";
import { describe, expect, it, vi } from "vitest";
import { dial, KEY, edgeDeps, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { lab } from "../accounts/teams.contract.ts";
import { hashOfKey } from "../accounts/keys.ts";
import { newMachineToken } from "../accounts/machine-owners.ts";
import { scopes, type Scope } from "../accounts/operator-tokens.ts";
import { taken, type Declaration } from "./access.ts";
import { routesOf, type Placed } from "./routes.ts";
import { doorOf } from "./server.ts";

const document = (): never => {
  throw new Error("nobody asks for the description");
};
const routes = routesOf(doorOf(edgeDeps().deps), { document });

const credentials = [
  "nothing",
  "a key",
  "a wrong key",
  "a member",
  "no member of the team named",
  "an operator",
  "somebody disabled",
  "a token of every scope",
  "a token of another scope",
  "a wrong token",
  "a machine",
] as const;
type Credential = (typeof credentials)[number];

/** What a route's declaration says to somebody: a code that refuses, or undefined for whoever is let in. */
function refusalOf({ access, scope }: Declaration, credential: Credential): FailureCode | undefined {
  if (access === "open" || access === "provider") return undefined;
  // Both serve this machine without anything: the one always here, the other without a nonce.
  if (typeof access === "object") return undefined;
  const { takesKeys, takesSessions } = taken(access);
  switch (credential) {
    case "nothing":
      return takesKeys ? "key_missing" : "session_missing";
    case "a key":
      return takesKeys ? undefined : "session_needed";
    // A machine's token is good for its connection, and nothing here knows it.
    case "a machine":
    case "a wrong key":
      return takesKeys ? "key_invalid" : "session_needed";
    case "a member":
      if (!takesSessions) return "not_allowed";
      return access === "operator" ? "role_needed" : undefined;
    case "no member of the team named":
      return takesSessions ? "account_not_found" : "not_allowed";
    case "an operator":
      return takesSessions ? undefined : "not_allowed";
    case "a token of every scope":
      return scope ? undefined : "scope_needed";
    case "a token of another scope":
      return "scope_needed";
    case "a wrong token":
      return scope ? "token_invalid" : "scope_needed";
    case "somebody disabled":
      return takesSessions ? "session_invalid" : "not_allowed";
  }
}

const refusals = new Set<string>([
  "key_missing",
  "key_invalid",
  "not_allowed",
  "session_missing",
  "session_invalid",
  "session_needed",
  "role_needed",
  "account_not_found",
  "scope_needed",
  "token_invalid",
  "not_found_error",
  "authentication_error",
  "permission_error",
]);

/** Goal: each route lets in whom it declares and nobody else. Method: every route of the running server, with every kind of credential. */
describe("who may use each route", () => {
  const rows = routes.flatMap(({ method, path, route }: Placed) =>
    credentials.map((credential) => ({
      method,
      path,
      credential,
      scope: route.config.scope,
      expected: refusalOf(route.config, credential),
    })),
  );

  it("is a table of some length", () => {
    expect(rows.length).toBeGreaterThan(250);
    expect(new Set(rows.map(({ expected }) => expected)).size).toBe(11);
  });

  it.each(rows)("$method $path with $credential: $expected", async ({ method, path, credential, scope, expected }) => {
    await using edge = await openEdge();
    const headers = await headersOf(edge, credential, scope);
    const response = await edge.get(path.replaceAll(/:\w+/g, "x").replace("*", "x"), {
      method,
      redirect: "manual",
      headers: { ...headers, ...(method === "POST" && { "content-type": "application/json" }) },
      ...(method === "POST" && { body: "{}" }),
    });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (isStream) await response.body?.cancel();
    const told = refusalIn(isStream ? "" : await response.text());
    // Anthropic's envelope has no codes.
    const inWords = path.startsWith("/v1/messages") && expected ? failures[expected].anthropic : expected;
    expect(told).toBe(inWords);
    if (expected !== undefined) expect([401, 403, 404]).toContain(response.status);
  });
});

async function headersOf(edge: Awaited<ReturnType<typeof openEdge>>, credential: Credential, scope?: Scope) {
  switch (credential) {
    case "nothing":
      return {};
    case "a key":
      return { authorization: `Bearer ${KEY}` };
    case "a wrong key":
      return { authorization: `Bearer ${KEY.slice(0, -1)}_` };
    case "a machine": {
      const { person } = await signIn(edge.deps, personOf("otto", "operator"));
      const token = newMachineToken(edge.deps.random);
      const machineId = `mach_${"1".repeat(32)}` as MachineId;
      const tokenHash = hashOfKey(edge.deps.crypto, token);
      const { account, personId: approvedBy } = person;
      await edge.deps.owners.link({ account, machineId, name: "mine", approvedBy, tokenHash });
      edge.deps.owners.prove(tokenHash, () => undefined);
      return { authorization: `Bearer ${token}` };
    }
    case "a member":
      return (await signIn(edge.deps, personOf("anna"))).bearer;
    case "no member of the team named": {
      await edge.teams.add(lab, personOf("anna").personId);
      const { bearer } = await signIn(edge.deps, personOf("otto", "operator"));
      return { ...bearer, "x-darkbloom-account": lab.account };
    }
    case "an operator":
      return (await signIn(edge.deps, personOf("otto", "operator"))).bearer;
    case "a token of every scope":
    case "a token of another scope": {
      const named = credential === "a token of every scope" ? scopes : scopes.filter((one) => one !== scope);
      const { secret } = await edge.deps.adminFor("socket").createToken({ name: "", scopes: named, days: 1 });
      return { authorization: `Bearer ${secret}` };
    }
    case "a wrong token":
      return { authorization: `Bearer darkbloom-operator-${"x".repeat(43)}` };
    case "somebody disabled": {
      const { bearer, person } = await signIn(edge.deps, personOf("eve", "operator"));
      await edge.people.change(person.personId, { disabledAt: 1 });
      return bearer;
    }
  }
}

/** Of an answer that refuses, in either dialect's envelope; of any other nothing. */
function refusalIn(text: string): string | undefined {
  if (!text.startsWith("{")) return undefined;
  const { error } = JSON.parse(text) as { error?: { code?: string; type: string } };
  const told = error?.code ?? error?.type;
  return told !== undefined && refusals.has(told) ? told : undefined;
}

/** Goal: an operator does over HTTP what the socket does, under their own name; what is refused has its sentence. Method: a key made, listed, an unknown one revoked, wrong bodies, and the audit log. */
it("serves the operator's operations by session", async () => {
  await using edge = await openEdge();
  const { bearer, person } = await signIn(edge.deps, personOf("otto", "operator"));
  const post = (path: string, body: unknown) =>
    edge.get(path, {
      method: "POST",
      headers: { ...bearer, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const made = await post("/v1/admin/keys", { name: "laptop", credit_micro_usd: "5" });
  expect(made.status).toBe(200);
  const { key_id: keyId } = (await made.json()) as { key_id: string };
  const listed = (await (await edge.get("/v1/admin/keys", { headers: bearer })).json()) as { keys: object[] };
  expect(listed.keys).toContainEqual(expect.objectContaining({ key_id: keyId, balance_micro_usd: "5" }));
  const unknown = await post("/v1/admin/keys/revoke", { key_id: "key_nobody" });
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: "unknown_key" } }]);
  for (const body of [{}, { key_id: 1 }, { key_id: keyId, more: true }, { key_id: "a\0" }, "text"])
    expect((await post("/v1/admin/keys/revoke", body)).status).toBe(400);
  expect((await post("/v1/admin/keys/revoke", { key_id: "x".repeat(20_000) })).status).toBe(413);
  const audit = await edge.get("/v1/admin/audit?rows=1", { headers: bearer });
  expect(await audit.json()).toMatchObject({
    entries: [{ actor: person.personId, action: "keys.create", subject: keyId }],
  });
  expect((await edge.get("/v1/admin/audit?rows=0", { headers: bearer })).status).toBe(400);
});

/** Goal: whoever may not any more when what they send is whole does nothing with it. Method: half a body of each kind of route that takes one, then somebody disabled or without the role, then the rest. */
it.each([
  ["POST", "/v1/admin/keys", { role: "member" }, "role_needed"],
  ["POST", "/v1/admin/keys", { disabledAt: 1 }, "session_invalid"],
  ["POST", "/v1/keys", { disabledAt: 1 }, "session_invalid"],
  ["POST", "/device", { disabledAt: 1 }, "session_invalid"],
] as const)("%s %s is refused where a body was begun before %j", async (method, path, change, told) => {
  await using edge = await openEdge();
  const { secret, person } = await signIn(edge.deps, personOf("otto", "operator"));
  const looked = vi.spyOn(edge.people, "findSession");
  const isForm = path === "/device";
  const body = isForm ? "user_code=BBB-BBB-BBB&decision=approve" : '{"credit_micro_usd":"0"}';
  const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
  using caller = await dial(edge.port);
  caller.socket.write(
    `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\ncontent-type: ${type}\r\n` +
      `content-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  await expect.poll(() => looked.mock.calls.length).toBe(1);
  await edge.people.change(person.personId, change);
  caller.socket.write(body.slice(5));
  expect(await caller.until(/"code":"\w+"|HTTP\/1\.1 [24]\d\d [^]*\r\n\r\n[^]+/)).toContain(`"code":"${told}"`);
  expect((await edge.accounts.list()).map(({ keyId }) => keyId)).toEqual(["key_1"]);
});

/** Goal: a name that PostgreSQL refuses is one that nobody has, and no fault of ours. Method: storage that refuses it likewise, and each route with a name in its path. */
it("finds nothing under a name that a database refuses", async () => {
  await using edge = await openEdge();
  const { bearer } = await signIn(edge.deps, personOf("anna"));
  const refuse = (): never => {
    throw new TypeError("invalid byte sequence for encoding");
  };
  edge.people.endSession = refuse;
  edge.deps.ledger.receipt = refuse;
  edge.deps.accounts.byId = refuse;
  expect((await edge.get("/v1/me/sessions/a%00b", { method: "DELETE", headers: bearer })).status).toBe(404);
  expect((await edge.get("/v1/receipts/a%00b", { headers: bearer })).status).toBe(404);
  for (const method of ["GET", "PATCH", "DELETE"])
    expect((await edge.get("/v1/keys/a%00b", { method, headers: bearer })).status).toBe(404);
  expect((await edge.get("/v1/keys/a%00b/rotate", { method: "POST", headers: bearer })).status).toBe(404);
});
