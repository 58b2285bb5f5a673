import { createHash } from "node:crypto";
import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { lifeMsOf } from "../accounts/sessions.ts";
import { formOf } from "../../test/browser.ts";
import { edgeDeps, openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { FORM_BYTES_MAX } from "./form.ts";

const owner = personOf("owner", "operator");

async function openWithOwner(more: Parameters<typeof openEdge>[0] = {}) {
  const edge = await openEdge(more);
  await edge.people.add(owner);
  const link = () => edge.deps.links.make(owner.personId);
  return {
    ...edge,
    link,
    follow: (secret: string, headers = {}) => edge.get("/sign-in/link", formOf(edge.origin, { secret }, headers)),
  };
}

/** Goal: who signs in is where the work is, and nowhere that is not there. Method: the link's button, with and without a console. */
it.each([
  ["the console", { console: { look: () => ({ kind: "building", modules: 0 }) as const } }, "/"],
  ["the page of sign-ins, where there is none", {}, "/sign-in"],
])("leads on to %s", async (_where, more, location) => {
  await using edge = await openWithOwner(more);
  expect((await edge.follow(edge.link())).headers.get("location")).toBe(location);
});

const cookieIn = (response: Response): string => response.headers.get("set-cookie")?.split(";")[0] ?? "";

describe("a link that signs in", () => {
  /** Goal: whoever follows it is signed in, as whom it was made for, in a cookie that scripts, other sites and other ports' servers are not given. Method: the page, its button, and what the cookie opens. */
  it("signs in once, behind a button", async () => {
    await using edge = await openWithOwner();
    const secret = edge.link();
    for (const _ of ["a chat's preview", "a person"]) {
      const page = await edge.get(`/sign-in/link/${secret}`);
      expect([page.status, page.headers.get("set-cookie")]).toEqual([200, null]);
      expect(await page.text()).toContain(`value="${secret}"`);
    }
    const followed = await edge.follow(secret);
    expect([followed.status, followed.headers.get("location")]).toEqual([303, "/sign-in"]);
    expect(followed.headers.get("set-cookie")).toMatch(
      new RegExp(
        `^darkbloom-${edge.port}=darkbloom-session-[\\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${lifeMsOf("browser") / 1000}$`,
      ),
    );
    const cookie = cookieIn(followed);
    expect(await (await edge.get("/sign-in", { headers: { cookie } })).text()).toContain("owner</strong> (operator)");
    expect(await (await edge.get("/v1/me", { headers: { cookie } })).json()).toMatchObject({
      id: owner.personId,
      role: "operator",
    });
    const again = await edge.follow(secret);
    expect([again.status, again.headers.get("set-cookie")]).toEqual([403, null]);
    expect(await edge.deps.audit.list(9)).toMatchObject([{ action: "sessions.create", actor: owner.personId }]);
  });

  /** Goal: no other site signs its visitor in here, and no form of another kind does. Method: the same form from elsewhere, and forms that are bent; the link is still good behind all of them. */
  it("takes its form from its own page alone", async () => {
    await using edge = await openWithOwner();
    const secret = edge.link();
    const { origin } = edge;
    for (const [expected, init] of [
      [403, formOf("https://evil.example", { secret })],
      [403, formOf("null", { secret })],
      [403, formOf(origin, { secret }, { "sec-fetch-site": "cross-site" })],
      [403, { ...formOf(origin, { secret }), headers: { "content-type": "application/x-www-form-urlencoded" } }],
      [400, formOf(origin, { secret }, { "content-type": "application/json" })],
      [400, { ...formOf(origin, {}), body: `secret=${secret}&secret=${secret}` }],
      [413, { ...formOf(origin, {}), body: `secret=${"x".repeat(FORM_BYTES_MAX)}` }],
    ] as const)
      expect((await edge.get("/sign-in/link", init)).status).toBe(expected);
    expect((await edge.follow(secret, { "sec-fetch-site": "same-origin" })).status).toBe(303);
  });

  /** Goal: a sign-in crosses no network in clear, and over TLS its cookie is bound to the host. Method: a proxy with TLS, one without, and another machine's address. */
  it("is kept as the connection allows", async () => {
    await using edge = await openWithOwner({ settings: { ...edgeDeps().deps.settings, trustProxy: true } });
    const over = (proto: string, secret: string) =>
      edge.get(
        "/sign-in/link",
        formOf(edge.origin.replace("http:", `${proto}:`), { secret }, { "x-forwarded-proto": proto }),
      );
    const secret = edge.link();
    const plain = await over("http", secret);
    expect([plain.status, await plain.text()]).toEqual([400, expect.stringContaining("in clear")]);
    const secure = await over("https", secret);
    expect(secure.headers.get("set-cookie")).toMatch(
      /^__Host-darkbloom=darkbloom-session-[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+; Secure$/,
    );
    const cookie = cookieIn(secure);
    expect((await edge.get("/v1/me", { headers: { cookie, "x-forwarded-proto": "https" } })).status).toBe(200);
    expect((await edge.get("/v1/me", { headers: { cookie } })).status).toBe(401);
  });

  /** Goal: another server of this machine cannot have part of what a person does count for somebody else. Method: a second sign-in beside the first, in either order, where it is read, written and shown; twice the same one; and the paths that it is taken away from. */
  it("is one", async () => {
    await using edge = await openWithOwner();
    const [mine, other] = [cookieIn(await edge.follow(edge.link())), cookieIn(await edge.follow(edge.link()))];
    for (const cookie of [`${other}; ${mine}`, `${mine}; a=b; ${other}`]) {
      const me = await edge.get("/v1/me?x=1", { headers: { cookie } });
      expect([me.status, await me.json()]).toEqual([400, { error: expect.objectContaining({ param: "cookie" }) }]);
      const paths = me.headers.getSetCookie().map((ended) => /=; Path=(?<path>.*?); .*Max-Age=0/.exec(ended)?.[1]);
      expect(paths).toEqual(["/", "/v1", "/v1/", "/v1/me"]);
      const init = formOf(edge.origin, {}, { cookie });
      for (const path of ["/sign-out", "/device"]) expect((await edge.get(path, init)).status).toBe(400);
      const page = await edge.get("/sign-in", { headers: { cookie } });
      expect([await page.text(), page.headers.getSetCookie().length]).toEqual([
        expect.stringContaining("Nobody is signed in"),
        2,
      ]);
      const anew = (await edge.follow(edge.link(), { cookie })).headers.getSetCookie();
      expect(anew.map((set) => /Path=.*?;/.exec(set)?.[0]).slice(0, -1)).toContain("Path=/sign-in;");
      expect(anew.at(-1)).toMatch(/=darkbloom-session-.*; Path=\/;/);
    }
    expect((await edge.get("/v1/me", { headers: { cookie: `${mine}; ${mine}` } })).status).toBe(200);
  });

  /** Goal: the page looks as it should: its policy allows its own style and nothing else. Method: the hash of every byte between the tags, as a browser takes it (CSP Level 3, §6.7.3.3). */
  it("allows its own style", async () => {
    await using edge = await openWithOwner();
    const page = await edge.get("/sign-in");
    const style = /<style>(?<text>[^]*?)<\/style>/.exec(await page.text())?.groups?.["text"] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(page.headers.get("content-security-policy")).toContain(`style-src 'sha256-${hash}';`);
  });

  /** Goal: who was disabled since is not let in. Method: a link that was made before. */
  it("lets in nobody who may not sign in", async () => {
    await using edge = await openWithOwner();
    const secret = edge.link();
    await edge.people.change(owner.personId, { disabledAt: 5 });
    expect((await edge.follow(secret)).status).toBe(403);
    expect(await edge.people.sessionsOf(owner.personId)).toEqual([]);
  });
});

/** Goal: no page runs a script, is framed, or tells a secret in a `Referer`; what others said stays text. Method: every page's headers, and a person's name that is markup. */
it("shows pages that nobody can use against their reader", async () => {
  await using edge = await openEdge();
  const { secret } = await signIn(edge.deps, { ...owner, name: '<img src=x onerror="x">' }, "browser");
  const cookie = `darkbloom-${edge.port}=${secret}`;
  for (const path of ["/sign-in", "/sign-in/link/x"]) {
    const page = await edge.get(path, { headers: { cookie } });
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(page.headers.get("x-frame-options")).toBe("DENY");
    expect(page.headers.get("referrer-policy")).toBe("same-origin");
    expect(page.headers.get("cache-control")).toBe("no-store");
    const text = await page.text();
    expect(text).not.toMatch(/<(script|img)/);
  }
  expect(await (await edge.get("/sign-in", { headers: { cookie } })).text()).toContain(
    "&lt;img src=x onerror=&quot;x&quot;&gt;",
  );
});

/** Goal: signing out ends the session itself, not the cookie alone. Method: the button, and the same cookie behind it. */
it("signs out", async () => {
  await using edge = await openEdge();
  const { secret } = await signIn(edge.deps, owner, "browser");
  const cookie = `darkbloom-${edge.port}=${secret}`;
  expect((await edge.get("/sign-out", formOf("https://evil.example", {}, { cookie }))).status).toBe(403);
  const out = await edge.get("/sign-out", formOf(edge.origin, {}, { cookie }));
  expect([out.status, out.headers.get("set-cookie")]).toEqual([
    303,
    expect.stringMatching(/^darkbloom-\d+=; .*Max-Age=0/),
  ]);
  expect((await edge.get("/v1/me", { headers: { cookie } })).status).toBe(401);
  expect(await edge.deps.audit.list(9)).toMatchObject([{ action: "sessions.revoke" }]);
});

describe("a session", () => {
  /** Goal: somebody sees where they are signed in, ends what they do not know, and nobody else's. Method: two people, three sessions, listed and ended. */
  it("is listed and ended by whose it is", async () => {
    await using edge = await openEdge();
    const [first, second, others] = [
      await signIn(edge.deps, owner),
      await signIn(edge.deps, owner, "browser"),
      await signIn(edge.deps, personOf("otto")),
    ];
    const { data } = (await (await edge.get("/v1/me/sessions", { headers: first.bearer })).json()) as {
      data: { id: string }[];
    };
    expect(data).toHaveLength(2);
    expect(data.find(({ id }) => id === first.session.sessionId)).toMatchObject({
      current: true,
      kind: "cli",
      client: "darkbloom on a laptop",
    });
    const end = (id: string) => edge.get(`/v1/me/sessions/${id}`, { method: "DELETE", headers: first.bearer });
    expect((await end(others.session.sessionId)).status).toBe(404);
    expect((await end(second.session.sessionId)).status).toBe(200);
    expect((await edge.get("/v1/me", { headers: second.bearer })).status).toBe(401);
    expect((await edge.get("/v1/me", { headers: others.bearer })).status).toBe(200);
    expect((await end("current")).status).toBe(200);
    expect((await edge.get("/v1/me", { headers: first.bearer })).status).toBe(401);
  });

  /** Goal: a session asks for answers and reads figures on its person's account, and is no key. Method: a chat, the balance, and the route of keys. */
  it("asks for answers on its own account", async () => {
    const accounts: string[] = [];
    const { deps } = edgeDeps();
    await using edge = await openEdge({
      serve: async (ask, reply) => {
        accounts.push(ask.terms.account);
        await deps.serve(ask, reply);
      },
    });
    const { bearer, secret } = await signIn(edge.deps, owner);
    expect(
      (await edge.chat('{"model":"org/tiny","messages":[{"role":"user","content":"Hi"}],"stream":true}', bearer))
        .status,
    ).toBe(200);
    expect(accounts).toEqual([owner.account]);
    expect((await edge.get("/v1/payments/balance", { headers: { "x-api-key": secret } })).status).toBe(200);
    expect((await edge.get("/v1/key", { headers: bearer })).status).toBe(403);
  });

  /** Goal: another site's page spends nobody's money by a cookie. Method: a chat with a cookie from the own page, from elsewhere and from nowhere. */
  it("asks by its cookie for its own pages alone", async () => {
    await using edge = await openEdge();
    const { secret } = await signIn(edge.deps, owner, "browser");
    const cookie = `other=1; darkbloom-${edge.port}=${secret}`;
    const ask = async (headers: Record<string, string>) => {
      const body = '{"model":"org/tiny","messages":[{"role":"user","content":"Hi"}],"stream":true}';
      const answer = await edge.get("/v1/chat/completions", {
        method: "POST",
        body,
        headers: { cookie, "content-type": "application/json", ...headers },
      });
      return answer.status;
    };
    expect(await ask({ origin: edge.origin })).toBe(200);
    expect(await ask({ origin: "https://evil.example" })).toBe(403);
    expect(await ask({ origin: edge.origin, "sec-fetch-site": "same-site" })).toBe(403);
    expect(await ask({})).toBe(403);
  });

  /** Goal: what ends somebody's access counts for the very next request, and a session ends by itself. Method: each way, between two requests. */
  it("is good until it is over", async () => {
    let now = 1_000_000;
    await using edge = await openEdge({ clock: { ...systemClock, now: () => now } });
    const { bearer, session } = await signIn(edge.deps, owner);
    const status = async () => (await edge.get("/v1/me", { headers: bearer })).status;
    expect(await status()).toBe(200);
    await edge.people.change(owner.personId, { disabledAt: now });
    expect(await status()).toBe(401);
    await edge.people.change(owner.personId, { disabledAt: null });
    expect(await status()).toBe(200);
    now = session.expiresAt - 1;
    expect(await status()).toBe(200);
    expect((await edge.people.sessionsOf(owner.personId))[0]?.usedAt).toBe(now);
    now = session.expiresAt;
    expect(await status()).toBe(401);
  });
});
