import type { FastifyReply } from "fastify";
import * as z from "zod";
import type { Person, SignedIn } from "../accounts/people.ts";
import { signedInOf } from "./access.ts";
import {
  cookieName,
  goHome,
  goTo,
  openForm,
  openPage,
  pageSchema,
  sendNeedsTls,
  SIGN_IN_PATH,
  signInBrowser,
} from "./browser-session.ts";
import { cookieOf } from "./credentials.ts";
import type { Door, Route } from "./door.ts";
import { assertOwnPage, readForm } from "./form.ts";
import { html, sendPage, type Html } from "./page.ts";

export const LINK_PATH = `${SIGN_IN_PATH}/link`;
export const INVITE_PATH = `${SIGN_IN_PATH}/invite`;
export const MAIL_PATH = `${SIGN_IN_PATH}/mail`;
export const CODE_PATH = `${SIGN_IN_PATH}/code`;
export const PASSKEY_PATH = `${SIGN_IN_PATH}/passkey`;
export const PASSKEY_USE_PATH = `${PASSKEY_PATH}/use`;
export const OPENID_PATH = `${SIGN_IN_PATH}/openid`;
export const OPENID_BACK_PATH = `${OPENID_PATH}/callback`;

/** `GET /sign-in`: who is signed in here, and how to be. */
export const showSignIn = (door: Door): Route => ({
  schema: pageSchema("Who is signed in in this browser, and how to sign in"),
  config: openPage,
  handler: async (request, reply) => {
    const visitor = await door.gate.visitor(request.raw, (headers) => void reply.headers(headers));
    return sendPage(reply, "Darkbloom", visitor ? whoIsHere(visitor) : howToSignIn(door));
  },
});

const whoIsHere = ({ person }: SignedIn): Html =>
  html`<p>You are signed in as <strong>${person.name}</strong> (${person.role}).</p>
    <p><a href="/">Open the console</a></p>
    <p>A program that asks to be let in shows a code: <a href="/device">enter it here</a>.</p>
    <form method="post" action="/sign-out"><button>Sign out</button></form>`;

export const mailForm = html`<form method="post" action="${MAIL_PATH}">
  <label for="mail">Your mail address</label>
  <input id="mail" name="mail" type="email" autocomplete="email" maxlength="254" required />
  <button>Send me a code</button>
</form>`;

export const passkeyForm = html`<form method="post" action="${PASSKEY_PATH}">
  <button>Sign in with a passkey</button>
</form>`;

export const openIdForm = (name: string): Html =>
  html`<form method="post" action="${OPENID_PATH}"><button>Sign in with ${name}</button></form>`;

/** The ways that this coordinator has, and no other. */
export const howToSignIn = ({ deps }: Door): Html =>
  html`<p>Nobody is signed in in this browser.</p>
    ${deps.openId ? openIdForm(deps.openId.name) : html``} ${deps.mail ? mailForm : html``} ${passkeyForm}
    <p>
      On the machine of the coordinator, <code>darkbloom account link</code> prints a link that signs its operator in.
      Then come back to this page.
    </p>`;

/** A way in by a secret that stands in a link, behind a button: whatever looks at links before a person does must not use them up. */
interface LinkWay {
  readonly path: string;
  readonly show: string;
  readonly use: string;
  readonly explains: Html;
  readonly tooLate: Html;
  /** Once. */
  readonly whose: (door: Door, secret: string) => Promise<Person | undefined>;
}

const operatorsLink: LinkWay = {
  path: LINK_PATH,
  show: "A button that signs in by a link of 'darkbloom account link'",
  use: "Sign in by a link, once",
  explains: html`<p>This link is good once. Whoever follows it is signed in in this browser.</p>`,
  tooLate: html`<p>
    It was used before, is older than ten minutes, or was never made here. <code>darkbloom account link</code> prints
    another.
  </p>`,
  whose: async ({ deps }, secret) => {
    const personId = deps.links.redeem(secret);
    return personId && (await deps.people.person(personId));
  },
};

const invitation: LinkWay = {
  path: INVITE_PATH,
  show: "A button that signs somebody new in by an invite",
  use: "Come by an invite, once",
  explains: html`<p>
    You are invited. This link is good once: it makes an account for you and signs you in in this browser.
  </p>`,
  tooLate: html`<p>
    It was used before, was taken back, is older than seven days, or nobody new may come at present. Ask whoever invited
    you for another.
  </p>`,
  whose: ({ deps }, secret) => deps.admission.byInvite(secret),
};

const linkParams = z.object({ secret: z.string() });

/** `GET …/{secret}`: the button. */
const showWay =
  ({ path, show, explains }: LinkWay) =>
  (door: Door): Route => ({
    schema: { ...pageSchema(show), params: linkParams },
    config: openPage,
    handler: async (request, reply) => {
      const { secret } = linkParams.parse(request.params);
      if (cookieName(door, request) === undefined) return sendNeedsTls(reply);
      return sendPage(
        reply,
        "Sign in to Darkbloom",
        html`${explains}
          <form method="post" action="${path}">
            <input type="hidden" name="secret" value="${secret}" /><button>Sign in</button>
          </form>`,
      );
    },
  });

/** `POST …`: the one use. */
const useWay =
  ({ use, whose, tooLate }: LinkWay) =>
  (door: Door): Route => ({
    schema: pageSchema(use),
    config: openForm,
    handler: async (request, reply) => {
      assertOwnPage(door, request);
      const name = cookieName(door, request);
      if (name === undefined) return sendNeedsTls(reply);
      const form = await readForm(door, request);
      const person = await whose(door, form.get("secret") ?? "");
      if (!person || person.disabledAt !== null) return sendTooLate(reply, tooLate);
      await signInBrowser(door, request, reply, { person, name });
      return goHome(door, reply);
    },
  });

const sendTooLate = (reply: FastifyReply, why: Html): FastifyReply =>
  sendPage(reply, "This link is not good any more", why, 403);

export const showLink = showWay(operatorsLink);
export const useLink = useWay(operatorsLink);
export const showInvite = showWay(invitation);
export const useInvite = useWay(invitation);

/** `POST /sign-in/mail`; what it does is loaded when somebody asks for it. */
export const askForCode = (door: Door): Route => ({
  schema: pageSchema("Ask for a code by mail"),
  config: { ...openForm, fails: [...openForm.fails, "rate_limit_exceeded"] },
  handler: async (request, reply) => (await import("./sign-in-mail.ts")).askForCode(door, request, reply),
});

/** `POST /sign-in/code` */
export const useCode = (door: Door): Route => ({
  schema: pageSchema("Sign in by a code that came by mail, once"),
  config: openForm,
  handler: async (request, reply) => (await import("./sign-in-mail.ts")).useCode(door, request, reply),
});

/** `POST /sign-in/openid`; loaded as the above. */
export const goToProvider = (door: Door): Route => ({
  schema: pageSchema("Go to the OpenID provider that the operator has set"),
  config: openForm,
  handler: async (request, reply) => (await import("./sign-in-open-id.ts")).goToProvider(door, request, reply),
});

/** `GET /sign-in/openid/callback` */
export const comeFromProvider = (door: Door): Route => ({
  schema: pageSchema("Where the OpenID provider sends somebody back whom it has signed in, once"),
  config: openPage,
  handler: async (request, reply) => (await import("./sign-in-open-id.ts")).comeFromProvider(door, request, reply),
});

/** `POST /sign-in/passkey` */
export const askForPasskey = (door: Door): Route => ({
  schema: pageSchema("Ask this browser for a passkey"),
  config: openForm,
  handler: async (request, reply) => (await import("./sign-in-passkey.ts")).askForPasskey(door, request, reply),
});

/** `POST /sign-in/passkey/use` */
export const signInByPasskey = (door: Door): Route => ({
  schema: pageSchema("Sign in by what the passkey's device answered, once"),
  config: openForm,
  handler: async (request, reply) => (await import("./sign-in-passkey.ts")).signInByPasskey(door, request, reply),
});

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
