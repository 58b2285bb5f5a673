import { describe, expect, it } from "vitest";
import { Authenticator, type Wrong } from "../../test/authenticator.ts";
import { cookiesOf, formOf } from "../../test/browser.ts";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";

const anna = personOf("anna");

/** An edge under `localhost`, somebody who is signed in there, and a device. */
async function opened(hostName = "localhost") {
  const edge = await openEdge();
  const origin = `http://${hostName}:${edge.port}`;
  const { bearer } = await signIn(edge.deps, anna);
  const device = new Authenticator(origin, hostName);
  const ask = async (method: string, path: string, body?: object, headers: Record<string, string> = bearer) => {
    const answer = await fetch(origin + path, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, never> };
  };
  const options = async () => (await ask("POST", "/v1/me/passkeys/options")).body["public_key"] as never;
  const post = (path: string, fields: Record<string, string>, cookie = "") =>
    fetch(origin + path, formOf(origin, fields, { cookie }));
  /** The page that asks, what it asks, and the cookie of who asked. */
  const begin = async () => {
    const page = await post("/sign-in/passkey", {});
    const text = await page.text();
    const asked = (/data-options="([^"]*)"/.exec(text)?.[1] ?? "{}").replaceAll("&quot;", '"');
    return { page, text, cookie: cookiesOf(page), options: JSON.parse(asked) as { challenge: string } };
  };
  const use = (credential: object, cookie: string) =>
    post("/sign-in/passkey/use", { credential: JSON.stringify(credential) }, cookie);
  return {
    ...edge,
    device,
    ask,
    begin,
    use,
    bearer,
    options,
    add: async (wrong: Wrong = {}, name = "laptop") =>
      await ask("POST", "/v1/me/passkeys", { name, credential: device.create(await options(), wrong) }),
    /** The whole way. */
    async signIn(wrong: Wrong = {}) {
      const asked = await begin();
      return await use(device.get(asked.options, wrong), asked.cookie);
    },
    me: async (came: Response) =>
      (await (await fetch(`${origin}/v1/me`, { headers: { cookie: cookiesOf(came) } })).json()) as { id?: string },
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  };
}

describe("a passkey", () => {
  /** Goal: a device signs its person in, and says so that its owner knows. Method: add, list, sign in, and what stands in list, audit log and page. */
  it("signs in whom it belongs to", async () => {
    await using at = await opened();
    const added = await at.add();
    expect(added).toMatchObject({ status: 201, body: { name: "laptop", site: "localhost", last_used_at: null } });
    const asked = await at.begin();
    expect(asked.options).toMatchObject({ rpId: "localhost", userVerification: "required" });
    expect(asked.page.headers.get("content-security-policy")).toMatch(/script-src 'sha256-[\w+/=]+'$/);
    const came = await at.use(at.device.get(asked.options), asked.cookie);
    expect([came.status, came.headers.get("location")]).toEqual([303, "/sign-in"]);
    expect(await at.me(came)).toMatchObject({ id: anna.personId });
    const { body } = await at.ask("GET", "/v1/me/passkeys");
    expect(body["data"]).toMatchObject([{ id: added.body["id"], last_used_at: expect.stringContaining("T") }]);
    const entries = await at.deps.audit.list(9);
    expect(entries.filter(({ action }) => action === "passkeys.create")).toMatchObject([
      { actor: anna.personId, subject: added.body["id"] },
    ]);
  });

  /** Goal: what a device says is for this site, this person and this moment. Method: each thing changed, when it is added and when it is used. */
  it.each<[string, Wrong]>([
    ["another site's page", { origin: "https://evil.example" }],
    ["another site's key", { rpId: "evil.example" }],
    ["another question", { challenge: "x".repeat(43) }],
    ["nobody who was asked", { isUnverified: true }],
    ["another kind of answer", { type: "webauthn.other" }],
  ])("does not count from %s", async (_, wrong) => {
    await using at = await opened();
    expect(await at.add(wrong)).toMatchObject({ status: 409, body: { error: { code: "passkey_refused" } } });
    expect((await at.add()).status).toBe(201);
    expect((await at.signIn(wrong)).status).toBe(403);
    expect((await at.signIn()).status).toBe(303);
  });

  /** Goal: an answer is good once, in the browser that was asked (replay, login CSRF). Method: the same again, without the cookie, with another's; and another person's name in it. */
  it("is asked for once", async () => {
    await using at = await opened();
    await at.add();
    const asked = await at.begin();
    const others = await at.begin();
    const answer = at.device.get(asked.options);
    expect((await at.use(answer, "")).status).toBe(403);
    expect((await at.use(answer, others.cookie)).status).toBe(403);
    expect((await at.use(answer, asked.cookie)).status).toBe(303);
    expect((await at.use(answer, asked.cookie)).status).toBe(403);
    expect((await at.signIn({ userHandle: Buffer.from("person_otto").toString("base64url") })).status).toBe(403);
    const options = await at.options();
    const credential = new Authenticator(at.origin, "localhost").create(options);
    expect((await at.ask("POST", "/v1/me/passkeys", { name: "two", credential })).status).toBe(409);
    expect((await at.ask("POST", "/v1/me/passkeys", { name: "two", credential })).status).toBe(409);
  });

  /** Goal: a device that was copied is noticed by the one that comes second. Method: counters that rise, stand still and fall. */
  it("counts upwards", async () => {
    await using at = await opened();
    await at.add({ counter: 5 });
    for (const [counter, status] of [
      [6, 303],
      [6, 403],
      [5, 403],
      [0, 403],
      [7, 303],
    ] as const)
      expect((await at.signIn({ counter })).status).toBe(status);
  });

  /** Goal: whoever is not let in, or has removed it, is not signed in, and each sees and removes their own alone. Method: disabled, another person, removed. */
  it("ends with its owner's word, or the operator's", async () => {
    await using at = await opened();
    const { body } = await at.add();
    const id = String(body["id"]);
    const eve = await signIn(at.deps, personOf("eve"));
    expect((await at.ask("DELETE", `/v1/me/passkeys/${id}`, undefined, eve.bearer)).status).toBe(404);
    expect((await at.ask("GET", "/v1/me/passkeys", undefined, eve.bearer)).body["data"]).toEqual([]);
    await at.people.change(anna.personId, { disabledAt: 1 });
    expect((await at.signIn()).status).toBe(403);
    await at.people.change(anna.personId, { disabledAt: null });
    const known = at.device;
    expect((await at.ask("DELETE", `/v1/me/passkeys/${id}`)).body).toEqual({ id, removed: true });
    const asked = await at.begin();
    expect((await at.use(known.get(asked.options), asked.cookie)).status).toBe(403);
  });

  /** Goal: where no passkey can work a page says where it does. Method: an address in numbers, and one behind a proxy that the operator has not named. */
  it("belongs to a name", async () => {
    await using at = await opened("127.0.0.1");
    expect(await at.ask("POST", "/v1/me/passkeys/options")).toMatchObject({
      status: 409,
      body: { error: { code: "passkey_refused" } },
    });
    const { page, text } = await at.begin();
    expect([page.status, text]).toEqual([400, expect.stringContaining(`http://localhost:${at.port}/sign-in`)]);
  });

  /** Goal: no other page asks or answers for somebody. Method: both forms from elsewhere. */
  it("takes its forms from its own pages alone", async () => {
    await using at = await opened();
    for (const path of ["/sign-in/passkey", "/sign-in/passkey/use"])
      expect((await at.get(path, formOf("https://evil.example", {}))).status).toBe(403);
  });
});
