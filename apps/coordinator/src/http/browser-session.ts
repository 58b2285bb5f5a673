import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { Person } from "../accounts/people.ts";
import { BEGUN_LIFE_MS } from "../accounts/begun.ts";
import { lifeMsOf, openSession } from "../accounts/sessions.ts";
import { begunIn, begunNameOf, cookieNameOf, cookieOf, endedCookies, ownOrigin } from "./credentials.ts";
import type { Door } from "./door.ts";
import { html, sendPage } from "./page.ts";
import { peerOf } from "./peer.ts";

export const SIGN_IN_PATH = "/sign-in";

const aPage = { 200: { description: "A page", content: { "text/html": { schema: z.string() } } } };
export const pageSchema = (summary: string) => ({ summary, tags: ["sign-in"], response: aPage });
export const openPage = { access: "open", limit: "rate" } as const;
/** Of a form that a page of ours sends. */
export const openForm = { ...openPage, fails: ["origin_foreign", "body_invalid", "payload_too_large"] } as const;

/** Undefined where a sign-in would cross a network in clear. */
export const cookieName = ({ deps }: Door, { raw }: FastifyRequest): string | undefined =>
  cookieNameOf(raw, deps.settings.trustProxy);

/** Where strangers are counted. */
export const addressOf = ({ deps }: Door, { raw }: FastifyRequest): string =>
  peerOf(raw, deps.settings.trustProxy).bucket;

export const sendNeedsTls = (reply: FastifyReply): FastifyReply =>
  sendPage(
    reply,
    "Not over this address",
    html`<p>
      A sign-in must not cross a network in clear. Open this page over https, or on the machine of the coordinator under
      <code>127.0.0.1</code> or <code>localhost</code>. Behind a reverse proxy the coordinator needs
      <code>--trust-proxy</code>, and the proxy has to send <code>X-Forwarded-Proto</code>.
    </p>`,
    400,
  );

/** The origin that a browser asks under; undefined where the operator has named another, at which its cookies would be missing. */
export function originHere({ deps }: Door, { raw }: FastifyRequest): string | undefined {
  const { publicUrl, trustProxy } = deps.settings;
  const here = ownOrigin(raw, trustProxy);
  return publicUrl === undefined || publicUrl === here ? here : undefined;
}

export const sendElsewhere = ({ deps }: Door, reply: FastifyReply): FastifyReply =>
  sendPage(
    reply,
    "Not over this address",
    html`<p>
      People sign in here under another address:
      <a href="${deps.settings.publicUrl ?? ""}${SIGN_IN_PATH}">${deps.settings.publicUrl ?? ""}</a>
    </p>`,
    400,
  );

/** The browser keeps the secret of a sign-in that it has begun. */
export const withBegun = (reply: FastifyReply, name: string, secret: string): FastifyReply =>
  reply.header("set-cookie", cookieOf(begunNameOf(name), secret, BEGUN_LIFE_MS));

/** What the browser has begun; empty where it has nothing that counts. */
export const begunOf = ({ deps }: Door, { raw }: FastifyRequest): string =>
  begunIn(raw, deps.settings.trustProxy) ?? "";

/** Signs a person in in the browser that asks, with a new secret whatever it had before. @param name of the cookie */
export async function signInBrowser(
  { deps }: Door,
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { person, name }: { readonly person: Person; readonly name: string },
): Promise<void> {
  const { secret, session } = await openSession(deps, person, { kind: "browser", client: "a browser" });
  const actor = person.personId;
  await deps.audit.add({ at: session.createdAt, actor, action: "sessions.create", subject: session.sessionId });
  const ended = endedCookies(raw, deps.settings.trustProxy);
  const over = begunIn(raw, deps.settings.trustProxy) === undefined ? [] : [cookieOf(begunNameOf(name), "", 0)];
  void reply.header("set-cookie", [...ended, ...over, cookieOf(name, secret, lifeMsOf("browser"))]);
}

export const goTo = (reply: FastifyReply, path: string): FastifyReply =>
  reply.code(303).header("location", path).send();

/** Where somebody goes on who has just signed in: the console, where there is one. */
export const goHome = ({ deps }: Door, reply: FastifyReply): FastifyReply =>
  goTo(reply, deps.console ? "/" : SIGN_IN_PATH);
