import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { SignedIn } from "../accounts/people.ts";
import { lifeMsOf, openSession } from "../accounts/sessions.ts";
import { signedInOf } from "./access.ts";
import { cookieNameOf, cookieOf, endedCookies } from "./credentials.ts";
import type { Door, Route } from "./door.ts";
import { assertOwnPage, readForm } from "./form.ts";
import { html, sendPage, type Html } from "./page.ts";

export const SIGN_IN_PATH = "/sign-in";
export const LINK_PATH = `${SIGN_IN_PATH}/link`;

const aPage = { 200: { description: "A page", content: { "text/html": { schema: z.string() } } } };
export const pageSchema = (summary: string) => ({ summary, tags: ["sign-in"], response: aPage });
export const openPage = { access: "open", limit: "rate" } as const;

/** `GET /sign-in`: who is signed in here, and how to be. */
export const showSignIn = (door: Door): Route => ({
  schema: pageSchema("Who is signed in in this browser, and how to sign in"),
  config: openPage,
  handler: async (request, reply) => {
    const visitor = await door.gate.visitor(request.raw, (headers) => void reply.headers(headers));
    return sendPage(reply, "Darkbloom", visitor ? whoIsHere(visitor) : howToSignIn);
  },
});

const whoIsHere = ({ person }: SignedIn): Html =>
  html`<p>You are signed in as <strong>${person.name}</strong> (${person.role}).</p>
    <p><a href="/">Open the console</a></p>
    <p>A program that asks to be let in shows a code: <a href="/device">enter it here</a>.</p>
    <form method="post" action="/sign-out"><button>Sign out</button></form>`;

export const howToSignIn = html`<p>Nobody is signed in in this browser.</p>
  <p>
    On the machine of the coordinator, <code>darkbloom account link</code> prints a link that signs you in. Then come
    back to this page.
  </p>`;

/** `GET /sign-in/link/{secret}`: a button. Whatever looks at links before a person does must not use them up. */
export const showLink = (door: Door): Route => ({
  schema: { ...pageSchema("A button that signs in by a link of 'darkbloom account link'"), params: linkParams },
  config: openPage,
  handler: async (request, reply) => {
    const { secret } = linkParams.parse(request.params);
    if (cookieName(door, request) === undefined) return sendPage(reply, "Not over this address", needsTls, 400);
    return sendPage(
      reply,
      "Sign in to Darkbloom",
      html`<p>This link is good once. Whoever follows it is signed in in this browser.</p>
        <form method="post" action="${LINK_PATH}">
          <input type="hidden" name="secret" value="${secret}" /><button>Sign in</button>
        </form>`,
    );
  },
});

const linkParams = z.object({ secret: z.string() });

const needsTls = html`<p>
  A sign-in must not cross a network in clear. Open this link over https, or on the machine of the coordinator under
  <code>127.0.0.1</code> or <code>localhost</code>. Behind a reverse proxy the coordinator needs
  <code>--trust-proxy</code>, and the proxy has to send <code>X-Forwarded-Proto</code>.
</p>`;

/** `POST /sign-in/link`: the one use of a link. */
export const useLink = (door: Door): Route => ({
  schema: pageSchema("Sign in by a link, once"),
  config: { ...openPage, fails: ["origin_foreign", "body_invalid", "payload_too_large"] },
  handler: async (request, reply) => {
    assertOwnPage(door, request);
    const name = cookieName(door, request);
    if (name === undefined) return sendPage(reply, "Not over this address", needsTls, 400);
    const form = await readForm(door, request);
    const { deps } = door;
    const personId = deps.links.redeem(form.get("secret") ?? "");
    const person = personId && (await deps.people.person(personId));
    if (!person || person.disabledAt !== null) return sendPage(reply, "This link is not good any more", tooLate, 403);
    const { secret, session } = await openSession(deps, person, { kind: "browser", client: "a browser" });
    await deps.audit.add({
      at: session.createdAt,
      actor: person.personId,
      action: "sessions.create",
      subject: session.sessionId,
    });
    const ended = endedCookies(request.raw, deps.settings.trustProxy);
    return goTo(reply.header("set-cookie", [...ended, cookieOf(name, secret, lifeMsOf("browser"))]), SIGN_IN_PATH);
  },
});

const tooLate = html`<p>
  It was used before, is older than ten minutes, or was never made here. <code>darkbloom account link</code> prints
  another.
</p>`;

/** `POST /sign-out`: ends the session that asks. */
export const signOut = (door: Door): Route => ({
  schema: pageSchema("Sign out in this browser"),
  config: { access: "session", limit: "rate" },
  handler: async (request, reply) => {
    const { person, session } = signedInOf(request);
    const { people, audit, clock } = door.deps;
    await people.endSession(person.personId, session.sessionId);
    await audit.add({
      at: clock.now(),
      actor: person.personId,
      action: "sessions.revoke",
      subject: session.sessionId,
    });
    const name = cookieName(door, request);
    if (name !== undefined) void reply.header("set-cookie", cookieOf(name, "", 0));
    return goTo(reply, SIGN_IN_PATH);
  },
});

const cookieName = ({ deps }: Door, { raw }: FastifyRequest): string | undefined =>
  cookieNameOf(raw, deps.settings.trustProxy);

const goTo = (reply: FastifyReply, path: string): FastifyReply => reply.code(303).header("location", path).send();
