import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { nodeCrypto, systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { DEVICE_CODE_LIFE_MS, DEVICE_CODES_PER_ADDRESS_MAX, DEVICE_POLL_EVERY_MS } from "../accounts/device-grants.ts";
import { ownedMachine } from "../accounts/owned-machines.contract.ts";
import { MACHINES_PER_ACCOUNT_MAX } from "../accounts/owned-machines.ts";
import { machineIdOf } from "../machines/trust/approvals.ts";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";

interface Opened {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri_complete: string;
}

/** An edge whose time a test moves, with somebody signed in in a browser. */
async function openDevices() {
  const time = { ms: 1_000_000 };
  const edge = await openEdge({ clock: { ...systemClock, now: () => time.ms, monotonicMs: () => time.ms } });
  const { secret, person } = await signIn(edge.deps, personOf("anna"), "browser");
  const cookie = `darkbloom-${edge.port}=${secret}`;
  const send = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    edge.get(path, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  return {
    ...edge,
    time,
    cookie,
    person,
    send,
    ask: async (name = "darkbloom on laptop", more: Record<string, string> = {}) => {
      const answer = await send("/v1/device/code", { client_id: "darkbloom-cli", device_name: name, ...more });
      expect(answer.status).toBe(200);
      return (await answer.json()) as Opened;
    },
    poll: async (deviceCode: string, more: Record<string, string> = {}) => {
      const answer = await send("/v1/device/token", {
        grant_type: "urn:ietf:params:oauth:grant-type:device_code",
        client_id: "darkbloom-cli",
        device_code: deviceCode,
        ...more,
      });
      const told = (await answer.json()) as { error?: string; access_token?: string; machine_id?: string };
      return { status: answer.status, ...told };
    },
    decide: (userCode: string, decision: string, headers: Record<string, string> = {}) =>
      send("/device", { user_code: userCode, decision }, { cookie, origin: edge.origin, ...headers }),
  };
}

describe("a program that asks to be let in", () => {
  /** Goal: it is let in by a person who saw who asks, once, and can do then what the person can. Method: the whole way, and the same code again. */
  it("is let in once", async () => {
    await using edge = await openDevices();
    const { device_code: code, user_code: userCode, verification_uri_complete: page } = await edge.ask("<b>laptop");
    expect(userCode).toMatch(/^([BCDFGHJKLMNPQRSTVWXZ]{3}-){2}[BCDFGHJKLMNPQRSTVWXZ]{3}$/);
    expect(await edge.poll(code)).toMatchObject({ status: 400, error: "authorization_pending" });
    const shown = await (await fetch(page, { headers: { cookie: edge.cookie } })).text();
    for (const words of [userCode, "&lt;b&gt;laptop", "127.0.0.1", "anna"]) expect(shown).toContain(words);
    edge.time.ms += DEVICE_POLL_EVERY_MS;
    expect(await edge.poll(code), "looking lets nobody in").toMatchObject({ error: "authorization_pending" });
    expect((await edge.decide(userCode.toLowerCase().replaceAll("-", ""), "approve")).status).toBe(200);
    edge.time.ms += DEVICE_POLL_EVERY_MS;
    const [first, second] = await Promise.all([edge.poll(code), edge.poll(code)]);
    expect(new Set([first.status, second.status])).toEqual(new Set([200, 400]));
    expect([first.error, second.error]).toContain("invalid_grant");
    const session = first.access_token ?? second.access_token;
    const me = await edge.get("/v1/me", { headers: { authorization: `Bearer ${session}` } });
    expect(await me.json()).toMatchObject({ id: edge.person.personId, session: { kind: "cli", client: "<b>laptop" } });
    expect((await edge.deps.audit.list(9)).map(({ action }) => action)).toEqual(["sessions.create", "devices.approve"]);
  });

  /** Goal: a person may decide before the program's first poll, and may say no. Method: both, in the other order. */
  it("may be decided on before it polls", async () => {
    await using edge = await openDevices();
    const [yes, no] = [await edge.ask(), await edge.ask()];
    await edge.decide(yes.user_code, "approve");
    await edge.decide(no.user_code, "deny");
    expect((await edge.poll(yes.device_code)).status).toBe(200);
    expect(await edge.poll(no.device_code)).toMatchObject({ status: 400, error: "access_denied" });
    expect((await edge.decide(no.user_code, "approve")).status, "decided once").toBe(404);
  });

  /** Goal: nobody is made to let a stranger in. Method: a page of another site, a look without a person, and somebody disabled meanwhile. */
  it("is let in by nobody who did not mean it", async () => {
    await using edge = await openDevices();
    const { device_code: code, user_code: userCode } = await edge.ask();
    expect((await edge.decide(userCode, "approve", { origin: "https://evil.example" })).status).toBe(403);
    expect((await edge.decide(userCode, "approve", { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await edge.decide(userCode, "approve", { cookie: "" })).status).toBe(401);
    expect((await edge.get(`/device?user_code=${userCode}&decision=approve`)).status).toBe(401);
    const page = await edge.get("/device", { headers: { cookie: edge.cookie } });
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(await edge.poll(code)).toMatchObject({ error: "authorization_pending" });
    await edge.decide(userCode, "approve");
    await edge.people.change(edge.person.personId, { disabledAt: 1 });
    edge.time.ms += DEVICE_POLL_EVERY_MS;
    expect(await edge.poll(code)).toMatchObject({ error: "access_denied" });
  });

  /** Goal: it is told in the standard's words what is wrong. Method: each of them, by what brings it about. */
  it("is told in the words of RFC 8628", async () => {
    await using edge = await openDevices();
    const { device_code: code } = await edge.ask();
    expect(await edge.poll(code, { grant_type: "password" })).toMatchObject({ error: "unsupported_grant_type" });
    expect(await edge.poll(code, { client_id: "other" })).toMatchObject({ error: "invalid_grant" });
    expect(await edge.poll(`${code}x`)).toMatchObject({ status: 400, error: "invalid_grant" });
    expect((await edge.send("/v1/device/code", { client_id: "other" })).status).toBe(400);
    const asJson = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    expect((await edge.get("/v1/device/code", asJson)).status).toBe(400);
    await edge.poll(code);
    expect(await edge.poll(code)).toMatchObject({ error: "slow_down" });
    edge.time.ms += DEVICE_POLL_EVERY_MS;
    expect(await edge.poll(code), "it has to wait longer now").toMatchObject({ error: "slow_down" });
    edge.time.ms += 3 * DEVICE_POLL_EVERY_MS;
    expect(await edge.poll(code)).toMatchObject({ error: "authorization_pending" });
    edge.time.ms += DEVICE_CODE_LIFE_MS;
    expect(await edge.poll(code)).toMatchObject({ error: "expired_token" });
  });

  /** Goal: the page says nothing in our name that others wrote. Method: a link whose code has words around it, in letters that no code has. */
  it("is shown under its code alone", async () => {
    await using edge = await openDevices();
    const { user_code: userCode } = await edge.ask();
    const link = `/device?user_code=${encodeURIComponent(`${userCode} 1234 \u0434\u0430`)}`;
    const page = await (await edge.get(link, { headers: { cookie: edge.cookie } })).text();
    expect(page).toContain(`<p class="code">${userCode}</p>`);
    expect(page).toContain(`value="${userCode}"`);
    expect(page).not.toMatch(/1234|\u0434/);
  });

  /** Goal: codes are not guessed. Method: wrong ones until one more has to wait, and then the right one too. */
  it("is not found by guessing", async () => {
    await using edge = await openDevices();
    const { user_code: userCode } = await edge.ask();
    const look = async (code: string) =>
      (await edge.get(`/device?user_code=${code}`, { headers: { cookie: edge.cookie } })).status;
    for (let n = 0; n < 10; n++) expect(await look("BBB-BBB-BBB")).toBe(404);
    expect(await look(userCode)).toBe(429);
    expect((await edge.decide(userCode, "approve")).status).toBe(429);
    edge.time.ms += 60_000;
    expect(await look(userCode)).toBe(200);
  });

  /** Goal: another site uses up nobody's tries and learns nothing; the person goes on by a click. Method: many wrong codes by links of other sites, a right one, words in a code's place, and then the page's own form, a mail's link and an old browser. */
  it.each(["cross-site", "same-site"])("is not looked up for a %s link", async (site) => {
    await using edge = await openDevices();
    const { user_code: userCode } = await edge.ask();
    const look = async (code: string, headers: Record<string, string>) => {
      const query = new URLSearchParams({ user_code: code }).toString();
      const answer = await edge.get(`/device?${query}`, { headers: { cookie: edge.cookie, ...headers } });
      return { status: answer.status, text: await answer.text() };
    };
    const other = { "sec-fetch-site": site };
    for (let n = 0; n < 20; n++) expect((await look("BBB-BBB-BBB", other)).status).toBe(200);
    const asked = await look(userCode.replaceAll("-", "").toLowerCase(), other);
    expect(asked.text).toContain(`value="${userCode}"`);
    expect(asked.text).not.toContain("laptop");
    for (const words of ["CALL 555", "AAAAAAAAA", `${userCode}B`])
      expect((await look(words, other)).text).toContain('value=""');
    for (const headers of [{ "sec-fetch-site": "same-origin" }, { "sec-fetch-site": "none" }, {}])
      expect((await look(userCode, headers)).text).toContain("laptop");
  });

  /** Goal: who asks for many codes takes them from himself. Method: one more than an address may have. */
  it("does not crowd", async () => {
    await using edge = await openDevices();
    const asked: Opened[] = [];
    for (let n = 0; n <= DEVICE_CODES_PER_ADDRESS_MAX; n++) asked.push(await edge.ask());
    expect(await edge.poll(asked[0]?.device_code ?? "")).toMatchObject({ error: "invalid_grant" });
    expect(await edge.poll(asked[1]?.device_code ?? "")).toMatchObject({ error: "authorization_pending" });
  });
});

const identityKey = Buffer.alloc(65, 7).toString("base64");
const asMachine = { client_id: "darkbloom-provider" };
const named = { ...asMachine, identity_key: identityKey, serial: "C02<b>" };

describe("a machine that asks to be somebody's", () => {
  /** Goal: it gets a token of its own, once, from a person who saw which machine asks. Method: the whole way, decided on before and after its first poll, and the same code again. */
  it.each(["before", "after"])("gets its token once, let in %s it asks", async (order) => {
    await using edge = await openDevices();
    const { device_code: code, user_code: userCode, verification_uri_complete: page } = await edge.ask("studio", named);
    const shown = await (await fetch(page, { headers: { cookie: edge.cookie } })).text();
    const machineId = machineIdOf(nodeCrypto, identityKey);
    const identitySha256 = toHex(nodeCrypto.sha256(Buffer.alloc(65, 7)));
    const words = [userCode, "studio", "127.0.0.1", "anna", machineId, identitySha256, "C02&lt;b&gt;", "1970-01-01T"];
    for (const word of words) expect(shown).toContain(word);
    if (order === "after") expect(await edge.poll(code, asMachine)).toMatchObject({ error: "authorization_pending" });
    edge.time.ms += DEVICE_POLL_EVERY_MS;
    expect(await edge.poll(code), "another kind of program's code").toMatchObject({ error: "invalid_grant" });
    await edge.decide(userCode, "approve");
    const { account, personId } = edge.person;
    const granted = await edge.poll(code, asMachine);
    expect(granted).toMatchObject({ status: 200, token_type: "N_A", machine_id: machineId, account });
    expect(granted.access_token).toMatch(/^darkbloom-machine-[\w-]{43}$/);
    expect(await edge.poll(code, asMachine)).toMatchObject({ error: "invalid_grant" });
    const tokenHash = toHex(nodeCrypto.sha256(utf8(granted.access_token ?? "")));
    const kept = { machineId, account, name: "studio", approvedBy: personId, provenAt: null, privateOnly: false };
    expect(edge.deps.owners.ofAccount(account)).toMatchObject([{ ...kept, tokenHash }]);
    expect((await edge.deps.audit.list(9)).map(({ action }) => action)).toEqual(["machines.link", "devices.approve"]);
  });

  /** Goal: what names no key is bound to none, and gets nothing. Method: keys that are none, and no key. */
  it.each(["", "AAAA", Buffer.alloc(64).toString("base64"), "!"])("names its key: %j", async (key) => {
    await using edge = await openDevices();
    const answer = await edge.send("/v1/device/code", { ...named, identity_key: key });
    expect([answer.status, await answer.json()]).toEqual([400, { error: "invalid_request" }]);
  });

  /** Goal: who has no room, or may sign in no more, lets no machine in. Method: an account that is full, and somebody disabled behind the page. */
  it("is let in by whoever has room for it", async () => {
    await using edge = await openDevices();
    const { account, personId } = edge.person;
    const { owners } = edge.deps;
    const full = async () => {
      for (let n = 0; n < MACHINES_PER_ACCOUNT_MAX; n++) await owners.link(ownedMachine(n, { account }));
    };
    const first = await edge.ask("a", named);
    await edge.decide(first.user_code, "approve");
    await full();
    expect(await edge.poll(first.device_code, asMachine)).toMatchObject({ error: "access_denied" });
    const second = await edge.ask("b", named);
    expect((await edge.decide(second.user_code, "approve")).status).toBe(409);
    await owners.unlink(account, ownedMachine(0).machineId);
    expect((await edge.decide(second.user_code, "approve")).status).toBe(200);
    await edge.people.change(personId, { disabledAt: 1 });
    expect(await edge.poll(second.device_code, asMachine)).toMatchObject({ error: "access_denied" });
    expect(owners.ofAccount(account)).toHaveLength(MACHINES_PER_ACCOUNT_MAX - 1);
  });

  /** Goal: it can give its token back, and nobody learns by that which are good. Method: a good one, the same again, and one of nobody (RFC 7009 §2.2). */
  it("gives its token back", async () => {
    await using edge = await openDevices();
    const { device_code: code, user_code: userCode } = await edge.ask("studio", named);
    await edge.decide(userCode, "approve");
    const { access_token: token = "", machine_id: machineId } = await edge.poll(code, asMachine);
    for (const shown of ["x", token, token, ""]) {
      const answer = await edge.send("/v1/device/revoke", { token: shown });
      expect([answer.status, await answer.json()]).toEqual([200, {}]);
    }
    expect(edge.deps.owners.ofAccount(edge.person.account)).toEqual([]);
    const [last, before] = await edge.deps.audit.list(9);
    expect(last).toMatchObject({ action: "machines.unlink", actor: machineId, subject: machineId });
    expect(before?.action).toBe("machines.link");
  });
});
