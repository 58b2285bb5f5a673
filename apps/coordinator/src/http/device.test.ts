import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { DEVICE_CODE_LIFE_MS, DEVICE_CODES_PER_ADDRESS_MAX, DEVICE_POLL_EVERY_MS } from "../accounts/device-grants.ts";
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
    ask: async (name = "darkbloom on laptop") => {
      const answer = await send("/v1/device/code", { client_id: "darkbloom-cli", device_name: name });
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
      const told = (await answer.json()) as { error?: string; access_token?: string };
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
