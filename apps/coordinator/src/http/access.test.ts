import { readFileSync } from "node:fs";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { KeyId } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import Fastify from "fastify";
import { describe, expect, it } from "vitest";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import type { KeyRecord } from "../accounts/port.ts";
import type { Ask } from "../inference/ask.ts";
import { ACCOUNT, chatBody, dial, edgeDeps, KEY, openEdge, rawChat } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { routesFile, routesText } from "../../test/routes-page.ts";
import { OPEN_REQUESTS_BURST, OPEN_REQUESTS_PER_SEC, REQUESTS_BURST } from "../limits/rate.ts";
import {
  type Access,
  type Asked,
  callerOf,
  type Declaration,
  declarationOf,
  failuresOfAccess,
  Gate,
} from "./access.ts";
import { unbound } from "../accounts/key-terms.ts";

/** Goal: nobody forgets to say who may use a route. Method: routes that leave out one of the two words, and one that does not. */
it("does not start with a route that declares nothing", async () => {
  const start = async (config?: Partial<Declaration>) => {
    const app = Fastify();
    app.addHook("onRoute", (route) => void declarationOf(route));
    await app.register(async (scope) => {
      scope.get("/x", { ...(config && { config }) }, () => "");
    });
    await app.ready();
  };
  for (const config of [undefined, {}, { access: "open" }, { limit: "none" }] as const)
    await expect(start(config)).rejects.toThrow("GET /x does not say who may use it");
  await start({ access: "open", limit: "none" });
});

/** Goal: nothing is said that no declaration has; whoever can show a wrong key is told that these are counted. Method: each kind. */
it("says how a request can fail before its route does anything", () => {
  const method = "GET";
  expect(declarationOf({ url: "/x", method, config: { access: "open", limit: "none" } })).toStrictEqual({
    access: "open",
    limit: "none",
  });
  const wrong = ["key_missing", "key_invalid", "key_disabled", "key_expired"];
  const keys = [...wrong, "not_allowed", "account_not_found", "scope_needed", "rate_limit_exceeded"];
  const either = [
    ...wrong,
    "account_not_found",
    "session_invalid",
    "origin_foreign",
    "body_invalid",
    "scope_needed",
    "rate_limit_exceeded",
  ];
  const atTimes: Access = { needsKey: () => true, who: "some" };
  for (const [access, limit, expected] of [
    ["open", "none", []],
    ["open", "rate", ["rate_limit_exceeded"]],
    ["key", "none", keys],
    ["key", "rate", keys],
    [atTimes, "none", either],
    ["key or session", "rate", either],
  ] as const)
    expect(failuresOfAccess({ access, limit })).toEqual(expected);
  expect(failuresOfAccess({ access: "operator", limit: "none" })).toEqual([
    "account_not_found",
    "session_invalid",
    "origin_foreign",
    "body_invalid",
    "session_missing",
    "session_needed",
    "role_needed",
    "scope_needed",
    "rate_limit_exceeded",
  ]);
  expect(failuresOfAccess({ access: "open", limit: "none", whileDraining: "refused" })).toEqual(["draining"]);
});

/** Goal: the page is what the code says. Method: write it again and compare; `npm run routes` mends it. */
it("lists every route in docs/routes.md", () => {
  expect(readFileSync(routesFile, "utf8"), "run `npm run routes`").toBe(routesText());
});

const keyed = { access: "key", limit: "rate" } as const;

/** Behind a proxy that is trusted, so that each may come from where it says. */
const settings = { ...edgeDeps().deps.settings, trustProxy: true };
function asked(headers: Record<string, string> = {}, query: unknown = {}, address = "203.0.113.9"): Asked {
  const raw = new IncomingMessage(new Socket());
  raw.headers = { "x-forwarded-for": address, ...headers };
  return { query, raw };
}

/** Goal: each declaration lets in whom it means. Method: every kind, with and without a key, and what comes of it. */
describe("who comes in", () => {
  const withNonce: Access = { needsKey: ({ query }) => Object.hasOwn(query as object, "nonce"), who: "some" };
  const key = { "x-api-key": KEY };
  it.each<[Access, headers: Record<string, string>, query: object, expected: string]>([
    ["open", {}, {}, "nobody's"],
    ["open", key, {}, "nobody's"],
    ["provider", {}, {}, "nobody's"],
    ["key", {}, {}, "key_missing"],
    ["key", { "x-api-key": "" }, {}, "key_missing"],
    ["key", { "x-api-key": "sk-1" }, {}, "key_invalid"],
    ["key", key, {}, "key_1"],
    ["key", { ...key, authorization: "Basic eDp5" }, {}, "key_1"],
    ["key", { ...key, authorization: "Bearer sk-1" }, {}, "key_invalid"],
    ["key", { "x-api-key": "sk-1", authorization: `bearer  ${KEY} ` }, {}, "key_1"],
    ["session", {}, {}, "session_missing"],
    ["session", key, {}, "session_needed"],
    ["operator", {}, {}, "session_missing"],
    ["operator", key, {}, "session_needed"],
    ["key or session", {}, {}, "key_missing"],
    ["key or session", key, {}, "key_1"],
    [withNonce, {}, {}, "nobody's"],
    [withNonce, {}, { nonce: "" }, "key_missing"],
    [withNonce, key, { nonce: "" }, "key_1"],
  ])("%j with %j and %j: %s", async (access, headers, query, expected) => {
    await using edge = await openEdge();
    const gate = new Gate(edgeDeps({ accounts: edge.accounts, settings }).deps);
    const came = await gate.enter({ access, limit: "rate" }, asked(headers, query)).then(
      (caller) => caller?.keyId ?? "nobody's",
      (error: unknown) => (error instanceof NetworkError ? error.failure.code : error),
    );
    expect(came).toBe(expected);
  });

  /** Goal: text of any kind costs no look-up. Method: accounts that would throw. */
  it("looks up nothing that is not of a key's shape", async () => {
    const accounts = new MemoryAccounts();
    accounts.find = () => Promise.reject(new Error("looked up"));
    const gate = new Gate(edgeDeps({ accounts }).deps);
    await expect(gate.enter(keyed, asked({ "x-api-key": `${KEY}x` }))).rejects.toMatchObject({
      failure: { code: "key_invalid" },
    });
  });

  /** Goal: where a declaration says that nothing is counted, nothing is. Method: a key more often than it is granted. */
  it("counts requests with a key only where the declaration says so", async () => {
    await using edge = await openEdge();
    const gate = new Gate(edgeDeps({ accounts: edge.accounts, clock: { ...systemClock, monotonicMs: () => 0 } }).deps);
    const told: unknown[] = [];
    const enter = (limit: Declaration["limit"]) =>
      gate.enter({ access: "key", limit }, asked({ "x-api-key": KEY }), (headers) => told.push(headers));
    for (let n = 0; n <= REQUESTS_BURST; n++) await enter("none");
    expect(told).toEqual([]);
    for (let n = 0; n < REQUESTS_BURST; n++) await enter("rate");
    await expect(enter("rate")).rejects.toMatchObject({ failure: { code: "rate_limit_exceeded" } });
    expect(told).toHaveLength(REQUESTS_BURST + 1);
  });

  it("tells one who asks who is calling where no key was asked for", () => {
    const request = { caller: undefined, routeOptions: { url: "/x" } } as Parameters<typeof callerOf>[0];
    expect(() => callerOf(request)).toThrow("/x asks who is calling and does not ask for a key");
  });

  /** Goal: a coordinator that ends says so before anything is looked up. Method: accounts that would throw. */
  it("lets in while draining where the route does not refuse then", async () => {
    const gate = new Gate(edgeDeps({ isDraining: () => true }).deps);
    expect(await gate.enter({ access: "open", limit: "none" }, asked())).toBeUndefined();
  });

  it("refuses while draining before a key is looked at", async () => {
    const accounts = new MemoryAccounts();
    accounts.find = () => Promise.reject(new Error("looked up"));
    const gate = new Gate(edgeDeps({ isDraining: () => true, accounts }).deps);
    const declared = { access: "key", limit: "rate", whileDraining: "refused" } as const;
    await expect(gate.enter(declared, asked({ "x-api-key": KEY }))).rejects.toMatchObject({
      failure: { code: "draining" },
    });
  });
});

/** Goal: one address cannot keep a coordinator busy with what is open. Method: more requests than it is granted at once, from it and from another; with a clock that stands. */
describe("requests without a key", () => {
  it("are counted by address, and again granted as time passes", async () => {
    let nowMs = 0;
    const gate = new Gate(edgeDeps({ settings, clock: { ...systemClock, monotonicMs: () => nowMs } }).deps);
    const open = { access: "open", limit: "rate" } as const;
    for (let n = 0; n < OPEN_REQUESTS_BURST; n++) await gate.enter(open, asked());
    await expect(gate.enter(open, asked())).rejects.toMatchObject({
      failure: { code: "rate_limit_exceeded", retryAfterSec: 1 },
    });
    await gate.enter(open, asked({}, {}, "203.0.113.10"));
    await gate.enter({ access: "open", limit: "none" }, asked());
    nowMs += 1_000 / OPEN_REQUESTS_PER_SEC;
    await gate.enter(open, asked());
    await expect(gate.enter(open, asked())).rejects.toThrow();
  });

  it("are refused where they come too often, probes never", async () => {
    const clock = { ...systemClock, monotonicMs: () => 0 };
    await using edge = await openEdge({ clock });
    for (let n = 0; n < OPEN_REQUESTS_BURST; n++) await (await edge.get("/v1/pricing")).text();
    const refused = await edge.get("/v1/pricing");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await edge.get("/health")).status).toBe(200);
    expect((await edge.keyed("/v1/key")).status).toBe(200);
  });
});

/** Goal: nothing is done for a caller who left while the key was looked up. Method: accounts that take their time; the caller hangs up meanwhile, two requests sent. */
it("serves nobody who left while the key was looked up", async () => {
  let find = () => {};
  const found = new Promise<void>((resolve) => (find = resolve));
  const hungUp: boolean[] = [];
  const serve = async ({ hangUp }: Ask) => void hungUp.push(hangUp.aborted);
  const record: KeyRecord = {
    keyId: "key_1" as KeyId,
    account: ACCOUNT,
    ...unbound,
    name: "",
    label: "eigeninference-Ab3…x9Q2",
    createdAt: 0,
    createdBy: null,
    lastUsedAt: null,
    revokedAt: null,
  };
  const accounts = new MemoryAccounts();
  accounts.find = () => found.then(() => record);
  await using edge = await openEdge({ accounts, serve });
  using caller = await dial(edge.port);
  caller.socket.write(rawChat(chatBody()).repeat(2));
  await systemClock.sleep(100);
  caller.socket.destroy();
  await caller.closed;
  await systemClock.sleep(50);
  find();
  await systemClock.sleep(100);
  expect(hungUp).not.toContain(false);
});

/** Goal: that a use could not be written down is a bug where it is one, and no line for each request where the storage is away. Method: a key and a session that were never used, and each fault of what writes it. */
it.each([
  ["a key", new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 }), 0],
  ["a session", new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 }), 0],
  ["a key", new NetworkError({ code: "key_missing" }), 1],
  ["a session", new RangeError("a bug"), 1],
])("tells of %s whose use could not be written: %s, %d times", async (who, error, times) => {
  await using edge = await openEdge();
  const refuse = () => Promise.reject(error);
  const { session, secret } = await signIn(edge.deps, personOf("anna"));
  await edge.people.usedSession(session.sessionId, 0);
  edge.accounts.used = refuse;
  edge.people.usedSession = refuse;
  const text = who === "a key" ? KEY : secret;
  const path = who === "a key" ? "/v1/key" : "/v1/me";
  expect((await edge.get(path, { headers: { authorization: `Bearer ${text}` } })).status).toBe(200);
  expect(edge.lines.filter((line) => line.includes('"where":"background"'))).toHaveLength(times);
});

/** Goal: a description that says what holds. Method: routes of each kind. */
it("describes keys, counting and draining from the declarations", async () => {
  await using edge = await openEdge();
  const { paths } = (await (await edge.get("/openapi.json")).json()) as {
    paths: Record<string, Record<string, { security?: unknown; responses: Record<string, { description: string }> }>>;
  };
  const keys = [{ bearer: [] }, { apiKey: [] }];
  const sessions = [{ session: [] }, { cookie: [] }];
  for (const [method, path, security, statuses] of [
    ["get", "/v1/key", keys, ["200", "401", "403", "404", "429", "500"]],
    ["get", "/v1/me", sessions, ["200", "400", "401", "403", "404", "429", "500"]],
    ["get", "/v1/pricing", undefined, ["200", "429", "500"]],
    ["get", "/health", undefined, ["200", "500"]],
    [
      "get",
      "/metrics",
      [{}, ...keys, ...sessions, { operatorToken: ["metrics:read"] }],
      ["200", "400", "401", "403", "404", "429", "500"],
    ],
  ] as const) {
    const operation = paths[path]?.[method];
    expect([path, operation?.security, Object.keys(operation?.responses ?? {})]).toEqual([path, security, statuses]);
  }
  expect(paths["/v1/messages"]?.["post"]?.responses["503"]?.description).toContain("draining");
});
