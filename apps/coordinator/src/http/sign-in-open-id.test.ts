import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { cookiesOf, formOf } from "../../test/browser.ts";
import { openEdge } from "../../test/http-kit.ts";
import { CLIENT_ID, CLIENT_SECRET, ID_TOKEN_LIFE_SEC, openOpenIdProvider } from "../../test/open-id.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import type { SignUp } from "../accounts/admission.ts";
import { BEGUN_LIFE_MS } from "../accounts/begun.ts";
import { ownedMachine, tokenHash } from "../accounts/owned-machines.contract.ts";
import type { OpenIdWay } from "../accounts/open-id.ts";
import {
  OPENID_ANSWER_BYTES_MAX,
  OPENID_CLOCK_SEC_MAX,
  openOpenId,
  type OpenIdSettings,
} from "../adapters/oauth-open-id.ts";

const anna = { ...personOf("anna"), mail: "anna@example.com" };

/** An edge with a real provider beside it, at which whoever comes is signed in at once. */
async function opened({ signUp = "open", ...settings }: { signUp?: SignUp } & Partial<OpenIdSettings> = {}) {
  const time = { aheadMs: 0, passedMs: 0 };
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + time.aheadMs,
    monotonicMs: () => systemClock.monotonicMs() + time.passedMs,
  };
  const tools = { clock, random: systemRandom, crypto: nodeCrypto };
  const way: { openId?: OpenIdWay } = {};
  // The provider knows where people come back, and the edge which provider there is: one of the two learns it later.
  const openId: OpenIdWay = {
    get provider() {
      return needed(way.openId).provider;
    },
    get begun() {
      return needed(way.openId).begun;
    },
    get rules() {
      return needed(way.openId).rules;
    },
    name: "Example & Co",
  };
  const edge = await openEdge({ clock }, { openId, signUp: { signUp, grantMicroUsd: microUsd(0n) } });
  const login = await openOpenIdProvider(`${edge.origin}/sign-in/openid/callback`);
  way.openId = openOpenId(
    {
      issuer: new URL(login.issuer),
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      name: "Example & Co",
      scopes: "openid email profile groups",
      groupsClaim: "groups",
      joinByMail: false,
      allowedGroups: [],
      operatorGroups: [],
      ...settings,
    },
    tools,
  );
  const begin = async () => {
    const page = await edge.get("/sign-in/openid", formOf(edge.origin, {}));
    const url = /^0; url=(.*)$/.exec(page.headers.get("refresh") ?? "")?.[1] ?? "";
    return { page, url, cookie: cookiesOf(page) };
  };
  const back = (url: string, cookie: string) => fetch(url, { redirect: "manual", headers: { cookie } });
  return {
    ...edge,
    time,
    login,
    begin,
    back,
    /** The whole way. */
    async signIn() {
      const { url, cookie } = await begin();
      return await back(await login.walk(url), cookie);
    },
    me: async (came: Response) =>
      (await (await edge.get("/v1/me", { headers: { cookie: cookiesOf(came) } })).json()) as Record<string, unknown>,
    failures: () => edge.lines.filter((line) => line.includes("openid_failed")).map((line) => JSON.parse(line).fault),
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      await login[Symbol.asyncDispose]();
    },
  };
}

function needed<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new RangeError("asked for too early");
  return value;
}

const refusedAs = async (answer: Response, words: string, status = 403) => {
  expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(words)]);
  expect(answer.headers.getSetCookie().join()).not.toContain("darkbloom-session-");
};

describe("signing in by an OpenID provider", () => {
  /** Goal: whoever the provider knows is signed in, as the same person each time. Method: the page, the whole way twice at a real provider; what it was asked, and what is logged. */
  it("signs in whom the provider knows", async () => {
    await using at = await opened();
    expect(await (await at.get("/sign-in")).text()).toContain("Sign in with Example &amp; Co");
    const { url } = await at.begin();
    const asked = new URL(url).searchParams;
    expect(asked.get("code_challenge_method")).toBe("S256");
    expect(["code_challenge", "state", "nonce"].map((name) => (asked.get(name) ?? "").length >= 43)).toEqual([
      true,
      true,
      true,
    ]);
    const came = await at.signIn();
    expect([came.status, came.headers.get("location")]).toEqual([303, "/sign-in"]);
    const me = await at.me(came);
    expect(me).toMatchObject({ name: "Anna", mail: "anna@example.com", role: "member" });
    expect((await at.me(await at.signIn()))["id"]).toBe(me["id"]);
    at.login.who.subject = "another";
    at.login.who.claims = { email: "anna@example.com", email_verified: false, name: "Eve\u202E\n" };
    expect(await at.me(await at.signIn())).toMatchObject({ name: "Eve", mail: null });
    const told = at.lines.join("") + (await at.observer.metrics.text());
    expect(told).not.toMatch(/anna@|Anna|248289761001|code=/);
  });

  /** Goal: what proves somebody is not to be had by whoever carries it (replay, forgery, mix-up). Method: each thing that comes back or goes out, changed by whoever is between. */
  it("takes nothing that does not fit what it asked", async () => {
    await using at = await opened();
    const changed = async (change: (url: URL) => void) => {
      const { url, cookie } = await at.begin();
      const back = new URL(await at.login.walk(url));
      change(back);
      return await at.back(back.href, cookie);
    };
    await refusedAs(await changed((url) => url.searchParams.set("state", "x".repeat(43))), "does not fit");
    await refusedAs(await changed((url) => url.searchParams.delete("state")), "does not fit");
    await refusedAs(await changed((url) => url.searchParams.set("iss", "https://evil.example")), "does not fit");
    await refusedAs(await changed((url) => url.searchParams.set("code", "x".repeat(43))), "does not fit");
    await refusedAs(await changed((url) => url.searchParams.append("code", "x")), "does not fit");

    const { url, cookie } = await at.begin();
    const otherNonce = new URL(url);
    otherNonce.searchParams.set("nonce", "y".repeat(43));
    await refusedAs(await at.back(await at.login.walk(otherNonce.href), cookie), "does not fit");

    const used = await at.begin();
    const callback = await at.login.walk(used.url);
    expect((await at.back(callback, used.cookie)).status).toBe(303);
    await refusedAs(await at.back(callback, used.cookie), "This sign-in is over");
    // The code itself, in another sign-in of the same browser.
    const again = await at.begin();
    const replayed = new URL(callback);
    replayed.searchParams.set("state", new URL(again.url).searchParams.get("state") ?? "");
    await refusedAs(await at.back(replayed.href, again.cookie), "does not fit");
    expect(at.failures()).toEqual(Array.from({ length: 7 }, () => "answer"));
    expect(await at.deps.people.list()).toHaveLength(1);
  });

  /** Goal: nobody is signed in in a browser that did not begin (login CSRF, session fixation). Method: another browser's cookie, none, and forms of other sites. */
  it("ends only in the browser that began", async () => {
    await using at = await opened();
    const { url } = await at.begin();
    const others = await at.begin();
    const callback = await at.login.walk(url);
    await refusedAs(await at.back(callback, ""), "begun in another browser");
    await refusedAs(await at.back(callback, others.cookie), "does not fit");
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }] as Record<
      string,
      string
    >[])
      expect((await at.get("/sign-in/openid", formOf(at.origin, {}, headers))).status).toBe(403);
  });

  /** Goal: what is old is nothing. Method: a sign-in of too long ago; clocks apart by less than is borne, and by more than a token is good for. */
  it("bears clocks that differ a little, and nothing old", async () => {
    await using at = await opened();
    const { url, cookie } = await at.begin();
    const callback = await at.login.walk(url);
    at.time.passedMs = BEGUN_LIFE_MS + 1;
    await refusedAs(await at.back(callback, cookie), "This sign-in is over");
    for (const sec of [OPENID_CLOCK_SEC_MAX - 10, 10 - OPENID_CLOCK_SEC_MAX, ID_TOKEN_LIFE_SEC]) {
      at.time.aheadMs = sec * 1000;
      expect((await at.signIn()).status).toBe(303);
    }
    for (const sec of [ID_TOKEN_LIFE_SEC + OPENID_CLOCK_SEC_MAX + 10, 2 * ID_TOKEN_LIFE_SEC]) {
      at.time.aheadMs = sec * 1000;
      await refusedAs(await at.signIn(), "clock");
    }
    expect(at.failures()).toEqual(["clock", "clock"]);
  });

  /** Goal: a provider that is away, or does not know us, is told in a sentence, and to the operator by its name. Method: one that is closed before and between, one with another secret, one at which somebody is refused. */
  it("says what stands in the way", async () => {
    await using at = await opened();
    at.login.who.refuses = true;
    const denied = await at.signIn();
    await refusedAs(denied, "not let through");
    at.login.who.refuses = false;
    const { url, cookie } = await at.begin();
    const callback = await at.login.walk(url);
    await at.login.close();
    await refusedAs(await at.back(callback, cookie), "does not answer", 503);
    await using other = await opened({ clientSecret: "of somebody else" });
    await refusedAs(await other.signIn(), "does not know this coordinator", 503);
    await using away = await opened();
    await away.login.close();
    await refusedAs((await away.begin()).page, "does not answer", 503);
    expect([...at.failures(), ...other.failures(), ...away.failures()]).toEqual([
      "denied",
      "connection",
      "login",
      "connection",
    ]);
    expect(await at.observer.metrics.text()).toContain('darkbloom_openid_failures_total{fault="denied"} 1');
  });

  /** Goal: where somebody goes is ours to say. Method: the names that such a place usually has, in the query; and a sign-in under another address than the operator's. */
  it("goes nowhere else", async () => {
    await using at = await opened();
    const { url, cookie } = await at.begin();
    const callback = `${await at.login.walk(url)}&next=https://evil.example&redirect_uri=https://evil.example`;
    expect((await at.back(callback, cookie)).headers.get("location")).toBe("/sign-in");
    const settings = { ...at.settings, publicUrl: "https://api.example.com" };
    await using named = await openEdge({ settings }, { openId: at.deps.openId });
    await refusedAs(
      await named.get("/sign-in/openid", formOf(named.origin, {})),
      "https://api.example.com/sign-in",
      400,
    );
  });

  it("is offered where a provider is set alone", async () => {
    await using edge = await openEdge();
    expect(await (await edge.get("/sign-in")).text()).not.toContain("/sign-in/openid");
    expect((await edge.get("/sign-in/openid", formOf(edge.origin, {}))).status).toBe(404);
    expect((await edge.get("/sign-in/openid/callback?code=1")).status).toBe(404);
  });
});

describe("who comes by a provider", () => {
  it.each([
    ["closed", 403],
    ["invited", 403],
    ["open", 303],
  ] as const)("is a stranger's to say where sign-up is %s: %i", async (signUp, status) => {
    await using at = await opened({ signUp });
    expect((await at.signIn()).status).toBe(status);
  });

  /** Goal: an invite for a mailbox counts where the provider says whose it is, and there alone. Method: the same address unverified and verified. */
  it("is whoever was invited", async () => {
    await using at = await opened({ signUp: "invited" });
    await at.deps.adminFor("socket").createInvite({ mail: "anna@example.com", role: "operator" });
    at.login.who.claims = { email: "anna@example.com", email_verified: false };
    expect((await at.signIn()).status).toBe(403);
    at.login.who.claims = { email: "Anna@example.com", email_verified: true };
    expect(await at.me(await at.signIn())).toMatchObject({ role: "operator", mail: "anna@example.com" });
  });

  /** Goal: a mail address makes nobody somebody else. Method: somebody known by it, without the rule, with it unverified, with it verified, and then another subject with the same address. */
  it("joins somebody known by the rule alone", async () => {
    await using without = await opened();
    await without.people.add(anna);
    await refusedAs(await without.signIn(), "known here by your mail address");
    await using at = await opened({ joinByMail: true });
    await at.people.add(anna);
    at.login.who.claims = { email: "anna@example.com", email_verified: false };
    expect(await at.me(await at.signIn())).not.toMatchObject({ id: anna.personId });
    at.login.who.subject = "annas";
    at.login.who.claims = { email: "anna@example.com", email_verified: true };
    expect(await at.me(await at.signIn())).toMatchObject({ id: anna.personId });
    at.login.who.subject = "whoever got the address next";
    await refusedAs(await at.signIn(), "known here by your mail address");
    await at.people.change(anna.personId, { disabledAt: 1 });
    at.login.who.subject = "annas";
    await refusedAs(await at.signIn(), "ended what you could do here");
  });

  /** Goal: the provider's groups say who is an operator, each time. Method: in, out, and in again. */
  it("has the role of their groups", async () => {
    await using at = await opened({ operatorGroups: ["admins"] });
    for (const [groups, role] of [
      [["staff", "admins"], "operator"],
      [["staff"], "member"],
      [["admins"], "operator"],
    ] as const) {
      at.login.who.claims = { name: "Anna", groups };
      expect(await at.me(await at.signIn())).toMatchObject({ role });
    }
    const entries = await at.deps.audit.list(20);
    expect(entries.filter(({ action }) => action === "people.role").map(({ actor }) => actor)).toEqual([
      "openid",
      "openid",
      "openid",
    ]);
  });

  /** Goal: whoever left can do nothing from the next request on, and whoever is back comes in again. Method: a session, a key and a machine of theirs; a sign-in without the group, then with it; and one whom an operator has disabled since. */
  it("is whoever is in a group that is let in", async () => {
    await using at = await opened({ allowedGroups: ["staff"] });
    at.login.who.claims = { name: "Eve", groups: ["guests"] };
    await refusedAs(await at.signIn(), "in no group");
    expect(await at.deps.people.list()).toEqual([]);
    at.login.who.claims = { name: "Anna", groups: ["staff"] };
    const came = await at.signIn();
    const cookie = cookiesOf(came);
    const me = await at.me(came);
    const made = await at.get("/v1/keys", {
      method: "POST",
      headers: { cookie, origin: at.origin, "content-type": "application/json" },
      body: "{}",
    });
    const { key } = (await made.json()) as { key: string };
    const person = needed((await at.people.list())[0]);
    const program = await signIn(at.deps, person);
    const { account: _, ...machine } = ownedMachine(1);
    await at.deps.owners.link({ ...machine, account: person.account, tokenHash: tokenHash(1) });
    const status = async (path: string, headers: Record<string, string>) => (await at.get(path, { headers })).status;
    const good = async () => [
      await status("/v1/me", { cookie }),
      await status("/v1/me", program.bearer),
      await status("/v1/key", { authorization: `Bearer ${key}` }),
      at.deps.owners.byToken(tokenHash(1))?.account,
    ];
    expect(await good()).toEqual([200, 200, 200, person.account]);
    at.login.who.claims = { name: "Anna" };
    await refusedAs(await at.signIn(), "in no group");
    expect(await good()).toEqual([401, 401, 401, undefined]);
    at.login.who.claims = { name: "Anna", groups: ["staff"] };
    expect(await at.me(await at.signIn())).toMatchObject({ id: me["id"] });
    const changes = (await at.deps.audit.list(20)).map(({ actor, action }) => `${actor} ${action}`);
    expect(changes.filter((one) => one.startsWith("openid"))).toEqual([
      "openid people.enable",
      "openid machines.unlink",
      "openid keys.revoke",
      "openid people.disable",
    ]);
    at.login.who.claims = { name: "Anna" };
    await at.signIn();
    at.time.aheadMs = 1_000;
    await at.deps.adminFor("socket").disablePerson(String(me["id"]));
    at.login.who.claims = { name: "Anna", groups: ["staff"] };
    await refusedAs(await at.signIn(), "ended what you could do here");
  });
});

/** Goal: a provider that says too much costs no memory. Method: a metadata document above the bound, in place of a provider's. */
it("reads no more of a provider than it has to", async () => {
  const { createServer } = await import("node:http");
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ issuer: "x".repeat(OPENID_ANSWER_BYTES_MAX) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await using at = await opened({ issuer: new URL(`http://127.0.0.1:${port}`) });
  expect((await at.begin()).page.status).toBe(403);
  expect(at.failures()).toEqual(["answer"]);
  server.close();
});
