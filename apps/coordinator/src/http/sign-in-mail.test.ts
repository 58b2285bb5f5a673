import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import { cookiesOf, formOf } from "../../test/browser.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import type { SignUp } from "../accounts/admission.ts";
import { MailError, type Letter } from "../accounts/mail.ts";
import { MailCodes, MAIL_CODES_PER_MAILBOX_MAX, MAIL_CODE_TRIES_MAX } from "../accounts/mail-codes.ts";
import { browserNamed } from "./sign-in-mail.ts";

const tools = { clock: systemClock, random: systemRandom, crypto: nodeCrypto };
const anna = { ...personOf("anna"), mail: "anna@example.com" };

/** An edge with a mailer that keeps what it is given. */
async function opened({ signUp = "closed" }: { signUp?: SignUp } = {}) {
  const letters: Letter[] = [];
  const state = { asked: 0, isAway: false, isMute: false };
  const mailer = {
    async assertThere() {
      state.asked += 1;
      if (state.isAway) throw new MailError("connection");
    },
    async send(letter: Letter) {
      if (state.isMute) throw new MailError("address");
      letters.push(letter);
    },
  };
  const edge = await openEdge(
    {},
    { mail: { mailer, codes: new MailCodes(tools) }, signUp: { signUp, grantMicroUsd: microUsd(0n) } },
  );
  await edge.people.add(anna);
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    edge.get(path, formOf(edge.origin, fields, headers));
  return {
    ...edge,
    letters,
    state,
    post,
    ask: (mail = "anna@example.com", headers = {}) => post("/sign-in/mail", { mail }, headers),
    type: (code: string, cookie: string) => post("/sign-in/code", { code }, { cookie }),
    /** Resolves once a mail is there: it goes out behind the answer. */
    async mailed(): Promise<string> {
      await expect.poll(() => letters.length).toBeGreaterThan(0);
      return /^ {4}([\d ]+)$/m.exec(letters.shift()?.text ?? "")?.[1] ?? "";
    },
  };
}

describe("signing in by mail", () => {
  /** Goal: whoever reads the mailbox is signed in, and the mail says what asks. Method: the page, the mail, the code, and what the cookie opens. */
  it("signs in by the code that came", async () => {
    await using edge = await opened();
    expect(await (await edge.get("/sign-in")).text()).toContain('action="/sign-in/mail"');
    const asked = await edge.ask(" Anna@Example.com ", { "user-agent": "Mozilla (X11; Linux) Firefox/150 <b>win</b>" });
    expect(asked.status).toBe(200);
    const typed = await edge.type(await edge.mailed(), cookiesOf(asked));
    expect([typed.status, typed.headers.get("location")]).toEqual([303, "/sign-in"]);
    const cookie = cookiesOf(typed);
    expect(await (await edge.get("/v1/me", { headers: { cookie } })).json()).toMatchObject({ id: anna.personId });
    expect(await edge.deps.audit.list(9)).toMatchObject([{ action: "sessions.create", actor: anna.personId }]);
    expect(edge.lines.join("")).not.toContain("anna@");
    expect(await edge.observer.metrics.text()).not.toContain("anna@");
  });

  /** Goal: the mail is in our words, whatever a stranger sends. Method: a browser that calls itself something, and another `Host`. */
  it("writes a mail that no stranger can word", async () => {
    await using edge = await opened();
    await edge.ask("anna@example.com", { "user-agent": "Go to https://evil.example Firefox/1 Windows" });
    await expect.poll(() => edge.letters.length).toBe(1);
    const [letter] = edge.letters;
    expect(letter).toMatchObject({ to: "anna@example.com", subject: "Your code for Darkbloom" });
    expect(letter?.text).toMatch(/^What asks: {2}Firefox on Windows\nFrom: {7}127\.0\.0\.1\nWhen: {7}\d{4}-.*Z$/m);
    expect(letter?.text).not.toMatch(/evil|http/);
  });

  /** Goal: nobody learns by asking who is known. Method: somebody known, somebody disabled and a stranger: the same answer but for its cookie, and the same question to the mail server; only the first has a mail. */
  it("says the same whether the address is known", async () => {
    await using edge = await opened();
    await edge.people.add({ ...personOf("otto"), mail: "otto@example.com", disabledAt: 1 });
    const answers = await Promise.all(
      ["nobody@example.com", "otto@example.com", "anna@example.com"].map(async (mail) => {
        const answer = await edge.ask(mail);
        const headers = [...answer.headers.keys()].toSorted();
        return { status: answer.status, text: await answer.text(), headers };
      }),
    );
    expect(answers[0]).toEqual(answers[2]);
    expect(answers[1]).toEqual(answers[2]);
    expect(edge.state.asked).toBe(3);
    await edge.mailed();
    expect(edge.letters).toEqual([]);
  });

  /** Goal: a mail server that is away is told to everybody alike, and to the operator. Method: the same with one that is away; and one that takes no mail for this mailbox, of which only the log speaks. */
  it("says that no mail can be sent", async () => {
    await using edge = await opened();
    edge.state.isAway = true;
    for (const mail of ["nobody@example.com", "anna@example.com"]) {
      const answer = await edge.ask(mail);
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining("does not answer")]);
    }
    edge.state.isAway = false;
    edge.state.isMute = true;
    expect((await edge.ask()).status).toBe(200);
    await expect.poll(() => edge.lines.filter((line) => line.includes("mail_failed")).length).toBe(3);
    expect(edge.lines.join("")).not.toContain("anna@");
  });

  /** Goal: neither guesser nor thief comes in (code guessing, replay, another browser). Method: wrong codes until there are no more tries; the right one twice; the right one without the cookie, and with another's. */
  it("takes a code once, in its browser, and few wrong ones", async () => {
    await using edge = await opened();
    const guessed = await edge.ask();
    const code = await edge.mailed();
    for (let n = 1; n < MAIL_CODE_TRIES_MAX; n++) {
      const wrong = await edge.type("0", cookiesOf(guessed));
      expect([wrong.status, await wrong.text()]).toEqual([403, expect.stringContaining("not the code")]);
    }
    expect(await (await edge.type("0", cookiesOf(guessed))).text()).toContain("typed wrong too often");
    expect((await edge.type(code, cookiesOf(guessed))).status).toBe(403);

    const asked = await edge.ask();
    const right = await edge.mailed();
    const others = await edge.ask("eve@example.com");
    expect((await edge.type(right, "")).status).toBe(403);
    expect((await edge.type(right, cookiesOf(others))).status).toBe(403);
    expect((await edge.type(right, `${cookiesOf(others)}; ${cookiesOf(asked)}`)).status).toBe(403);
    expect((await edge.type(right, cookiesOf(asked))).status).toBe(303);
    expect((await edge.type(right, cookiesOf(asked))).status).toBe(403);
  });

  /** Goal: no other page asks or signs in for a visitor (CSRF, login CSRF). Method: both forms from elsewhere; the code is still good behind it. */
  it("takes its forms from its own pages alone", async () => {
    await using edge = await opened();
    const cookie = cookiesOf(await edge.ask());
    const code = await edge.mailed();
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }] as Record<
      string,
      string
    >[]) {
      expect((await edge.post("/sign-in/mail", { mail: "anna@example.com" }, headers)).status).toBe(403);
      expect((await edge.post("/sign-in/code", { code }, { cookie, ...headers })).status).toBe(403);
    }
    expect(edge.letters).toEqual([]);
    expect((await edge.type(code, cookie)).status).toBe(303);
  });

  /** Goal: a session that somebody put there beforehand is not the one that is signed in (session fixation). Method: a stranger's session beside the code. */
  it("opens a session of its own", async () => {
    await using edge = await opened();
    const stranger = await signIn(edge.deps, personOf("eve"), "browser");
    const planted = `darkbloom-${edge.port}=${stranger.secret}`;
    const asked = cookiesOf(await edge.ask("anna@example.com", { cookie: planted }));
    const typed = await edge.type(await edge.mailed(), `${planted}; ${asked}`);
    expect(cookiesOf(typed)).not.toContain(stranger.secret);
    const me = await edge.get("/v1/me", { headers: { cookie: cookiesOf(typed) } });
    expect(await me.json()).toMatchObject({ id: anna.personId });
    const before = await edge.get("/v1/me", { headers: { cookie: planted } });
    expect(await before.json()).toMatchObject({ id: "person_eve" });
  });

  /** Goal: where somebody goes behind a sign-in is ours to say (open redirects). Method: every name that such a place usually has, in query and form. */
  it("goes nowhere else", async () => {
    await using edge = await opened();
    const evil = Object.fromEntries(
      ["next", "url", "return_to", "redirect_uri", "continue"].map((name) => [name, "https://evil.example"]),
    );
    const asked = await edge.ask();
    const code = await edge.mailed();
    const path = `/sign-in/code?${new URLSearchParams(evil).toString()}`;
    const typed = await edge.post(path, { ...evil, code }, { cookie: cookiesOf(asked) });
    expect([typed.status, typed.headers.get("location")]).toEqual([303, "/sign-in"]);
  });

  /** Goal: a mailbox is not flooded. Method: one more than may be asked for, with the same answer for a stranger's. */
  it("bounds what is asked for", async () => {
    await using edge = await opened();
    for (let n = 0; n < MAIL_CODES_PER_MAILBOX_MAX; n++)
      for (const mail of ["anna@example.com", "nobody@example.com"]) expect((await edge.ask(mail)).status).toBe(200);
    const refused = await edge.ask("anna@example.com");
    expect(refused.status).toBe(429);
    expect(await (await edge.ask("nobody@example.com")).text()).toBe(await refused.text());
  });

  it.each(["", "anna", "a@b, c@d", "anna@example.com\r\nbcc: eve@example.com"])("sends nothing to %j", async (mail) => {
    await using edge = await opened();
    expect((await edge.ask(mail)).status).toBe(400);
    expect(edge.state.asked).toBe(0);
  });

  /** Goal: nobody signs in in clear over a network. Method: another machine's address. */
  it("asks for TLS", async () => {
    await using edge = await opened();
    const host = "coordinator.example";
    const { request } = await import("node:http");
    const status = await new Promise((resolve) => {
      const headers = { host, origin: `http://${host}`, "content-type": "application/x-www-form-urlencoded" };
      const asked = request({ port: edge.port, path: "/sign-in/mail", method: "POST", headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.end("mail=anna%40example.com");
    });
    expect(status).toBe(400);
  });

  /** Goal: a coordinator that sends no mail does not pretend to. Method: the page and the form without a mailer. */
  it("is offered where mail is sent alone", async () => {
    await using edge = await openEdge();
    expect(await (await edge.get("/sign-in")).text()).not.toContain("/sign-in/mail");
    expect((await edge.get("/sign-in/mail", formOf(edge.origin, { mail: "a@b.c" }))).status).toBe(404);
  });
});

describe("signing up", () => {
  /** Goal: the operator says who may come. Method: a stranger at a coordinator that is closed, and at one that is open. */
  it.each([
    ["closed", 0],
    ["open", 1],
  ] as const)("is %s", async (signUp, comes) => {
    await using edge = await opened({ signUp });
    const asked = await edge.ask("new@example.com");
    expect(asked.status).toBe(200);
    if (comes === 1) expect((await edge.type(await edge.mailed(), cookiesOf(asked))).status).toBe(303);
    expect((await edge.people.list()).filter(({ mail }) => mail === "new@example.com")).toHaveLength(comes);
  });

  /** Goal: an invite lets in once, and may be taken back. Method: over HTTP as an operator, by link and by mail; used, used again, revoked. */
  it("is by invite", async () => {
    await using edge = await opened({ signUp: "invited" });
    const { bearer, person } = await signIn(edge.deps, personOf("otto", "operator"));
    const headers = { ...bearer, "content-type": "application/json" };
    const invite = async (body: object) =>
      (await (await edge.get("/v1/admin/invites", { method: "POST", headers, body: JSON.stringify(body) })).json()) as {
        path: string;
        invite_id: string;
      };
    const { path, invite_id: first } = await invite({ role: "operator" });
    expect(await (await edge.get(path)).text()).toContain("You are invited");
    const secret = path.split("/").at(-1) ?? "";
    const come = (one: string) => edge.post("/sign-in/invite", { secret: one });
    const came = await come(secret);
    expect(came.status).toBe(303);
    const me = await edge.get("/v1/me", { headers: { cookie: cookiesOf(came) } });
    expect(await me.json()).toMatchObject({ role: "operator", mail: null });
    expect((await come(secret)).status).toBe(403);

    const second = await invite({});
    const body = JSON.stringify({ invite_id: second.invite_id });
    expect((await edge.get("/v1/admin/invites/revoke", { method: "POST", headers, body })).status).toBe(200);
    expect((await come(second.path.split("/").at(-1) ?? "")).status).toBe(403);

    expect(await invite({ mail: "Guest@example.com" })).toMatchObject({ path: "/sign-in", mail: "guest@example.com" });
    const asked = await edge.ask("guest@example.com");
    expect((await edge.type(await edge.mailed(), cookiesOf(asked))).status).toBe(303);
    const entries = await edge.deps.audit.list(20);
    expect(entries.filter(({ actor }) => actor === person.personId).map(({ action }) => action)).toEqual([
      "invites.create",
      "invites.revoke",
      "invites.create",
      "invites.create",
    ]);
    expect(entries.at(-1)?.subject).toBe(first);
    expect(entries.filter(({ action }) => action === "people.create")).toHaveLength(2);
  });
});

it.each([
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0",
    "Edge on Windows",
  ],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/26 Safari/605", "Safari on macOS"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604", "Safari on iOS"],
  ["Mozilla/5.0 (Linux; Android 16) Chrome/150 Mobile Safari/537", "Chrome on Android"],
  ["curl/8.0", "A browser"],
  [undefined, "A browser"],
])("names %s as %s", (userAgent, named) => {
  expect(browserNamed(userAgent)).toBe(named);
});
