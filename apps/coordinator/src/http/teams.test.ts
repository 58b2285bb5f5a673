import { once } from "node:events";
import { utf8 } from "@darkbloom/protocol/bytes";
import type { AccountId } from "@darkbloom/protocol/ids";
import { NetworkError } from "@darkbloom/protocol/failures";
import { microUsd } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { chatBody, closing, entry, facts, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { KnownKeys } from "../accounts/known-keys.ts";
import { KnownPeople } from "../accounts/known-people.ts";
import { KnownTeams } from "../accounts/known-teams.ts";
import { TEAM_INVITE_LIFE_MS, TEAM_NAME_CHARS_MAX } from "../accounts/team-admin.ts";
import type { TeamRole } from "../accounts/teams.ts";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { MemoryPeople } from "../adapters/memory-people.ts";
import { MemoryTeams } from "../adapters/memory-teams.ts";
import type { Ask } from "../inference/ask.ts";
import type { HttpDeps } from "./deps.ts";
import { SHORT_BODY_BYTES_MAX } from "./short-json.ts";

/** An edge that keeps in memory what a coordinator does, with a team and somebody of each role, and somebody who is in no team. */
async function opened(more: Partial<HttpDeps> = {}) {
  const asks: Ask[] = [];
  const edge = await openEdge({
    accounts: new KnownKeys(new MemoryAccounts()),
    people: new KnownPeople(new MemoryPeople()),
    teams: new KnownTeams(new MemoryTeams()),
    serve: async (ask, reply) => {
      asks.push(ask);
      reply.begin(facts);
      await reply.end(closing);
    },
    ...more,
  });
  const ask = async (who: Who, method: string, path: string, body?: unknown, account?: string) => {
    const response = await edge.get(path, {
      method,
      headers: {
        ...who.bearer,
        "content-type": "application/json",
        ...(account !== undefined && { "x-darkbloom-account": account }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as never };
  };
  const signInAs = (name: string, role: "operator" | "member" = "member") => signIn(edge.deps, personOf(name, role));
  const olga = await signInAs("olga");
  const { id: team } = (await ask(olga, "POST", "/v1/teams", { name: "The lab" })).body as { id: string };
  const join = async (who: Who, role: TeamRole) => {
    const { url } = (await ask(olga, "POST", `/v1/teams/${team}/invites`, { role })).body as { url: string };
    return await ask(who, "POST", "/v1/teams/join", { invite: url.split("/").at(-1) });
  };
  const [ada, mia, eve] = [await signInAs("ada"), await signInAs("mia"), await signInAs("eve")];
  await join(ada, "admin");
  await join(mia, "member");
  const keyOf = async (who: Who, account?: string) =>
    (await ask(who, "POST", "/v1/keys", {}, account)).body as { key: string; data: { id: string } };
  const chatWith = async (headers: Record<string, string>): Promise<unknown> => {
    const response = await edge.chat(chatBody(), headers);
    const text = await response.text();
    return response.status === 200 ? 200 : (JSON.parse(text) as { error: { code: string } }).error.code;
  };
  return {
    edge,
    asks,
    ask,
    join,
    keyOf,
    chatWith,
    signInAs,
    team,
    olga,
    ada,
    mia,
    eve,
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  };
}
type Who = Awaited<ReturnType<typeof signIn>>;
const bearing = (key: string) => ({ authorization: `Bearer ${key}` });

describe("teams", () => {
  /** Goal: whoever is in a team sees it and who is in it, and nobody else learns that it is there. Method: each role and a stranger, by each route; a team that is not there gives the stranger the same. */
  it("are there for who is in them", async () => {
    await using test = await opened();
    const { ask, team } = test;
    for (const [who, role] of [
      [test.olga, "owner"],
      [test.ada, "admin"],
      [test.mia, "member"],
    ] as const) {
      const told = { id: team, name: "The lab", role, allowed_models: [], min_trust: null, privacy: "any" };
      expect(await ask(who, "GET", "/v1/teams")).toMatchObject({ status: 200, body: { data: [told] } });
      expect(await ask(who, "GET", `/v1/teams/${team}`)).toMatchObject({ status: 200, body: told });
      expect(await ask(who, "GET", `/v1/teams/${team}/members`)).toMatchObject({
        body: { data: [{ name: "olga", role: "owner" }, { name: "ada" }, { id: "person_mia", role: "member" }] },
      });
    }
    expect(await ask(test.eve, "GET", "/v1/teams")).toMatchObject({ status: 200, body: { data: [] } });
    const routes: [string, string, unknown?][] = [
      ["GET", ""],
      ["PATCH", "", { name: "x" }],
      ["DELETE", ""],
      ["GET", "/members"],
      ["PATCH", "/members/person_mia", { role: "admin" }],
      ["DELETE", "/members/person_mia"],
      ["GET", "/invites"],
      ["POST", "/invites", { role: "member" }],
      ["DELETE", "/invites/invite_1"],
    ];
    for (const [method, path, body] of routes)
      for (const id of [team, "acct_nobody", "a%00b"])
        expect(await ask(test.eve, method, `/v1/teams/${id}${path}`, body), `${method} ${path}`).toMatchObject({
          status: 404,
          body: { error: { code: "team_not_found" } },
        });
  });

  /** Goal: each role may do what the table says, over HTTP too. Method: what each right is for, by each role. */
  it("let each role do its own", async () => {
    await using test = await opened();
    const { ask, team, olga, ada, mia } = test;
    const at = `/v1/teams/${team}`;
    const statuses = async (method: string, path: string, body?: unknown) => {
      const told: number[] = [];
      for (const who of [mia, ada, olga]) told.push((await ask(who, method, at + path, body)).status);
      return told;
    };
    expect(await statuses("PATCH", "", { name: "Lab" })).toEqual([403, 200, 200]);
    expect(await statuses("POST", "/invites", { role: "member" })).toEqual([403, 200, 200]);
    expect(await statuses("POST", "/invites", { role: "admin" })).toEqual([403, 403, 200]);
    expect(await statuses("GET", "/invites")).toEqual([403, 200, 200]);
    expect(await statuses("PATCH", "/members/person_mia", { role: "member" })).toEqual([403, 403, 200]);
    expect(await statuses("DELETE", "/members/person_olga")).toEqual([403, 403, 409]);
    expect(await statuses("DELETE", "/members/person_nobody")).toEqual([403, 404, 404]);
    expect(await ask(ada, "DELETE", `${at}/members/person_mia`)).toMatchObject({ status: 200 });
    expect((await ask(ada, "DELETE", at)).status).toBe(403);
    expect(await ask(olga, "DELETE", `${at}/members/person_olga`)).toMatchObject({
      status: 409,
      body: { error: { code: "last_owner" } },
    });
  });

  /** Goal: an invite lets in one, until it is withdrawn or over, in a browser too. Method: each, and what the page says before and behind. */
  it("are joined by invite", async () => {
    let now = 1_800_000_000_000;
    await using test = await opened({ clock: { now: () => now, monotonicMs: () => now, sleep: async () => {} } });
    const { ask, team, olga, eve } = test;
    const invite = async () =>
      (await ask(olga, "POST", `/v1/teams/${team}/invites`, { role: "member" })).body as { id: string; url: string };
    const secretIn = ({ url }: { url: string }) => url.split("/").at(-1);
    const [withdrawn, late, good] = [await invite(), await invite(), await invite()];
    await ask(olga, "DELETE", `/v1/teams/${team}/invites/${withdrawn.id}`);
    const refused = { status: 404, body: { error: { code: "invite_not_found" } } };
    expect(await ask(eve, "POST", "/v1/teams/join", { invite: secretIn(withdrawn) })).toMatchObject(refused);
    const page = await test.edge.get(new URL(good.url).pathname, { headers: eve.bearer });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("The lab")]);
    expect((await test.edge.get(new URL(good.url).pathname)).status).toBe(401);
    const joined = await test.edge.get("/join", {
      method: "POST",
      headers: eve.bearer,
      body: new URLSearchParams({ secret: secretIn(good) ?? "" }),
    });
    expect([joined.status, await joined.text()]).toEqual([200, expect.stringContaining(team)]);
    expect(await ask(eve, "POST", "/v1/teams/join", { invite: secretIn(good) })).toMatchObject(refused);
    expect((await test.edge.get(new URL(good.url).pathname, { headers: eve.bearer })).status).toBe(404);
    now += TEAM_INVITE_LIFE_MS;
    const someone = await test.signInAs("late");
    expect(await ask(someone, "POST", "/v1/teams/join", { invite: secretIn(late) })).toMatchObject(refused);
    const audited = (await test.edge.deps.audit.list(3)).map(({ actor, action, subject }) => [actor, action, subject]);
    expect(audited).toContainEqual(["person_eve", "teams.join", `${team}/person_eve`]);
  });

  /** Goal: what is sent is read at the door. Method: wrong bodies and names, one that is too long, and too many bytes. */
  it("refuse what is not valid", async () => {
    await using test = await opened();
    const { ask, olga, team } = test;
    const bad: [string, string, unknown, string | null][] = [
      ["POST", "/v1/teams", {}, "name"],
      ["POST", "/v1/teams", { name: "" }, "name"],
      ["POST", "/v1/teams", { name: "a\u0000b" }, "name"],
      ["POST", "/v1/teams", { name: "x".repeat(TEAM_NAME_CHARS_MAX + 1) }, "name"],
      ["PATCH", `/v1/teams/${team}`, { min_trust: "high" }, "min_trust"],
      ["PATCH", `/v1/teams/${team}`, { other: 1 }, null],
      ["POST", `/v1/teams/${team}/invites`, { role: "king" }, "role"],
      ["POST", "/v1/teams/join", { invite: 5 }, "invite"],
    ];
    for (const [method, path, body, param] of bad)
      expect(await ask(olga, method, path, body), JSON.stringify(body)).toMatchObject({
        status: 400,
        body: { error: { code: "body_invalid", param } },
      });
    const large = await ask(olga, "POST", "/v1/teams", { name: "x".repeat(SHORT_BODY_BYTES_MAX) });
    expect(large.status).toBe(413);
  });

  /** Goal: a team is deleted once nothing is left of it, and what is left is told. Method: a key, money, then neither. */
  it("are deleted when they are empty", async () => {
    await using test = await opened();
    const { ask, team, olga, mia } = test;
    const { data } = await test.keyOf(mia, team);
    await test.edge.ledger.credit("c", team as AccountId, microUsd(5n), 1);
    expect(await ask(olga, "DELETE", `/v1/teams/${team}`)).toMatchObject({
      status: 409,
      body: { error: { code: "team_not_empty", message: expect.stringContaining("1 key and 0.000005 USD") } },
    });
    await ask(olga, "DELETE", `/v1/keys/${data.id}`, undefined, team);
    expect((await ask(olga, "DELETE", `/v1/teams/${team}`)).status).toBe(409);
    const empty = (await ask(olga, "POST", "/v1/teams", { name: "Empty" })).body as { id: string };
    expect((await ask(olga, "DELETE", `/v1/teams/${empty.id}`)).status).toBe(200);
    expect((await ask(olga, "GET", `/v1/teams/${empty.id}`)).status).toBe(404);
  });
});

describe("acting on a team's account", () => {
  /** Goal: a session acts on the account that it names where it may, and on its own where it names none. Method: asks, a balance and a key list by member, own account, stranger and key. */
  it("is by name, and for who is in it", async () => {
    await using test = await opened();
    const { ask, team, mia, eve, chatWith } = test;
    await test.edge.ledger.credit("c", team as AccountId, microUsd(7_000_000n), 1);
    const named = { "x-darkbloom-account": team };
    expect(await chatWith({ ...mia.bearer, ...named })).toBe(200);
    expect(await chatWith(mia.bearer)).toBe(200);
    expect(await chatWith({ ...mia.bearer, "x-darkbloom-account": mia.person.account })).toBe(200);
    expect(test.asks.map(({ terms }) => terms.account)).toEqual([team, mia.person.account, mia.person.account]);
    expect(await ask(mia, "GET", "/v1/payments/balance", undefined, team)).toMatchObject({
      body: { balance_micro_usd: 7_000_000 },
    });
    const { key } = await test.keyOf(mia, team);
    expect(await chatWith({ ...bearing(key), ...named })).toBe(200);
    for (const headers of [
      { ...eve.bearer, ...named },
      { ...bearing(key), "x-darkbloom-account": "acct_mia" },
    ])
      expect(await chatWith(headers)).toBe("account_not_found");
    for (const other of ["acct_eve", "acct_nobody", "a b", "x".repeat(129)])
      expect(await chatWith({ ...mia.bearer, "x-darkbloom-account": other })).toBe("account_not_found");
  });

  /** Goal: a member has their own keys there, an admin all. Method: two members' keys, listed, shown, changed and revoked by each. */
  it("shows a member their own keys, and an admin all", async () => {
    await using test = await opened();
    const { ask, team, mia, ada } = test;
    const [mias, adas] = [await test.keyOf(mia, team), await test.keyOf(ada, team)];
    await test.keyOf(mia);
    const ids = async (who: Who) =>
      ((await ask(who, "GET", "/v1/keys", undefined, team)).body as { data: { id: string; created_by: string }[] })
        .data;
    expect((await ids(mia)).map(({ id, created_by: by }) => [id, by])).toEqual([[mias.data.id, "person_mia"]]);
    expect((await ids(ada)).map(({ id }) => id)).toEqual([mias.data.id, adas.data.id]);
    for (const [method, path] of [
      ["GET", ""],
      ["PATCH", ""],
      ["DELETE", ""],
      ["POST", "/rotate"],
    ] as const) {
      const body = method === "GET" || method === "DELETE" ? undefined : {};
      expect((await ask(mia, method, `/v1/keys/${adas.data.id}${path}`, body, team)).status, method).toBe(404);
      expect((await ask(mia, method, `/v1/keys/${mias.data.id}${path}`, body)).status, method).toBe(404);
    }
    expect((await ask(ada, "PATCH", `/v1/keys/${mias.data.id}`, { name: "hers" }, team)).status).toBe(200);
    expect((await ask(mia, "DELETE", `/v1/keys/${mias.data.id}`, undefined, team)).status).toBe(200);
  });

  /** Goal: no key of a team goes beyond what the team sets, from its next request on, nor does a session there. Method: each ceiling set and taken away, by key, session, and in the list of models. */
  it("stays below the team's ceiling", async () => {
    await using test = await opened();
    const { ask, team, mia, olga, chatWith } = test;
    const { key } = await test.keyOf(mia, team);
    const named = { ...mia.bearer, "x-darkbloom-account": team };
    const set = (terms: object) => ask(olga, "PATCH", `/v1/teams/${team}`, terms);
    const models = async (headers: Record<string, string>) =>
      ((await (await test.edge.get("/v1/models", { headers })).json()) as { data: object[] }).data.length;
    expect((await set({ allowed_models: ["other"] })).status).toBe(200);
    expect([await chatWith(bearing(key)), await chatWith(named)]).toEqual(["model_not_allowed", "model_not_allowed"]);
    expect([await models(bearing(key)), await models(mia.bearer)]).toEqual([0, 1]);
    await set({ allowed_models: [entry.id], privacy: "sealed" });
    expect([await chatWith(bearing(key)), await chatWith(named)]).toEqual(["sealing_needed", "sealing_needed"]);
    await set({ privacy: "any", min_trust: "hardware" });
    expect([await chatWith(bearing(key)), await chatWith(named)]).toEqual([200, 200]);
    expect(test.asks.map(({ terms }) => terms.minTrust)).toEqual(["hardware", "hardware"]);
    expect(await chatWith(mia.bearer)).toBe(200);
    expect(test.asks.at(-1)?.terms.minTrust).toBe("self_signed");
    expect(await ask(olga, "GET", `/v1/teams/${team}`)).toMatchObject({
      body: { allowed_models: [entry.id], privacy: "any", min_trust: "hardware" },
    });
  });
});

/** What somebody has that lets them in, on their own account and on a team's; each says whether it still does. */
async function credentialsOf(test: Awaited<ReturnType<typeof opened>>, who: Who) {
  const [own, ofTeam] = [await test.keyOf(who), await test.keyOf(who, test.team)];
  const named = { "x-darkbloom-account": test.team };
  const open = async (headers: Record<string, string>) => {
    const ws = new WebSocket(`${test.edge.origin.replace("http", "ws")}/v1/responses`, { headers });
    ws.on("error", () => undefined);
    await once(ws, "open");
    return async () => {
      ws.send(JSON.stringify({ type: "response.create", model: entry.id, input: "Hello" }));
      const [data] = (await once(ws, "message")) as [Buffer];
      return (JSON.parse(data.toString()) as { error: { code: string } }).error.code;
    };
  };
  const { chatWith } = test;
  const sockets = [await open(bearing(ofTeam.key)), await open({ ...who.bearer, ...named })];
  return {
    own: [() => chatWith(bearing(own.key)), () => chatWith(who.bearer)],
    ofTeam: [() => chatWith(bearing(ofTeam.key)), () => chatWith({ ...who.bearer, ...named }), ...sockets],
  };
}
const all = (tries: readonly (() => Promise<unknown>)[]) => Promise.all(tries.map((one) => one()));

/** Whoever is let in is told that all is busy, over a WebSocket too. */
const SERVED = "capacity_full";
const busy: HttpDeps["serve"] = async () => {
  throw new NetworkError({ code: SERVED, model: entry.id, retryAfterSec: 1, waitedMs: 1 });
};

describe("who leaves", () => {
  /** Goal: whoever is taken out of a team, or leaves it, can do nothing there from the next request on, and all on their own account. Method: key, session and two open WebSockets, before and behind. */
  it.each<["taken out" | "leaves"]>([["taken out"], ["leaves"]])("is out at once: %s", async (how) => {
    await using test = await opened({ serve: busy });
    const { ask, team, mia, ada } = test;
    const credentials = await credentialsOf(test, mia);
    expect(await all([...credentials.own, ...credentials.ofTeam])).toEqual(Array(6).fill(SERVED));
    const left = await ask(how === "leaves" ? mia : ada, "DELETE", `/v1/teams/${team}/members/person_mia`);
    expect(left).toMatchObject({ status: 200, body: { revoked_keys: [expect.stringMatching(/^key_/)] } });
    expect(await all(credentials.ofTeam)).toEqual([
      "key_invalid",
      "account_not_found",
      "key_invalid",
      "account_not_found",
    ]);
    expect(await all(credentials.own)).toEqual([SERVED, SERVED]);
  });

  /** Goal: whoever is disabled can do nothing anywhere from the next request on. Method: key, session and open WebSockets, on both accounts, a device grant that they approved and an invite that they made; and the keys of the others stay. */
  it("is out everywhere once disabled", async () => {
    await using test = await opened({ serve: busy });
    const { ask, team, ada, mia, eve, edge, chatWith } = test;
    const credentials = await credentialsOf(test, ada);
    const mias = await test.keyOf(mia, team);
    const { url } = (await ask(ada, "POST", `/v1/teams/${team}/invites`, { role: "member" })).body as { url: string };
    const { devices } = edge.deps;
    const asking = { clientId: "darkbloom-cli", client: "laptop", address: "here", at: 1 };
    const grant = devices.open(asking);
    devices.decide(grant.userCode, { by: ada.person.personId });
    const done = await edge.deps.adminFor("socket").disablePerson(ada.person.personId);
    expect(done.revoked).toHaveLength(2);
    expect(await all([...credentials.own, ...credentials.ofTeam])).toEqual([
      "key_invalid",
      "session_invalid",
      "key_invalid",
      "session_invalid",
      "key_invalid",
      "session_invalid",
    ]);
    expect(devices.poll(grant.deviceCode, "darkbloom-cli")).toEqual({ error: "access_denied" });
    expect((await ask(eve, "POST", "/v1/teams/join", { invite: url.split("/").at(-1) })).status).toBe(404);
    expect(await chatWith(bearing(mias.key))).toBe(SERVED);
  });

  /** Goal: what runs goes to its end. Method: a stream that is open while its member is taken out; the next one is refused. */
  it("has what runs go to its end", async () => {
    const { promise: gone, resolve: go } = Promise.withResolvers<void>();
    await using test = await opened({
      serve: async (_ask, reply) => {
        reply.begin(facts);
        await reply.write(utf8("data: {}\n\n"));
        await gone;
        await reply.write(utf8("data: [DONE]\n\n"));
        await reply.end(closing);
      },
    });
    const { key } = await test.keyOf(test.mia, test.team);
    const stream = await test.edge.chat(chatBody({ stream: true }), bearing(key));
    await test.ask(test.ada, "DELETE", `/v1/teams/${test.team}/members/person_mia`);
    expect(await test.chatWith(bearing(key))).toBe("key_invalid");
    go();
    expect(await stream.text()).toContain("[DONE]");
  });

  /** Goal: nobody makes a key in the moment in which they are taken out. Method: storage in which the member goes while the key is written. */
  it("leaves no key that is made meanwhile", async () => {
    const accounts = new KnownKeys(new MemoryAccounts());
    await using test = await opened({ accounts });
    const { ask, team, ada, mia } = test;
    const add = accounts.add.bind(accounts);
    accounts.add = async (keyHash, record) => {
      await ask(ada, "DELETE", `/v1/teams/${team}/members/person_mia`);
      return await add(keyHash, record);
    };
    expect(await ask(mia, "POST", "/v1/keys", {}, team)).toMatchObject({ status: 401 });
    expect((await accounts.list(team as AccountId)).map(({ revokedAt }) => revokedAt !== null)).toEqual([true]);
  });
});

/** Goal: what nobody of the team made is bounded by the team alone. Method: an operator's key on the team's account, with a ceiling set. */
it("serves an operator's key on a team's account", async () => {
  await using test = await opened();
  const { team, olga, ask, edge, chatWith } = test;
  await test.keyOf(olga, team);
  const { apiKey } = await edge.deps.adminFor("socket").createKey({ account: team, credit: microUsd(0n) });
  expect(await chatWith(bearing(apiKey))).toBe(200);
  await ask(olga, "PATCH", `/v1/teams/${team}`, { allowed_models: ["other"] });
  expect(await chatWith(bearing(apiKey))).toBe("model_not_allowed");
});
