import { NetworkError } from "@darkbloom/protocol/failures";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import {
  asCode,
  DEVICE_CODE_LIFE_MS,
  DEVICE_POLL_EVERY_MS,
  shownCode,
  type DeviceAsking,
} from "../accounts/device-grants.ts";
import type { SignedIn } from "../accounts/people.ts";
import { CLIENT_CHARS_MAX, lifeMsOf, openSession } from "../accounts/sessions.ts";
import { RateLimiter } from "../limits/rate.ts";
import { signedInOf } from "./access.ts";
import { isSentByOthers, ownOrigin } from "./credentials.ts";
import type { Door, Route } from "./door.ts";
import { readForm } from "./form.ts";
import {
  grantedToMachine,
  linkMachine,
  MACHINE_CLIENT,
  machineFacts,
  machineIn,
  machineWords,
  noRoom,
} from "./machine-grant.ts";
import { html, sendPage, type Html } from "./page.ts";
import { peerOf } from "./peer.ts";
import { openPage, pageSchema } from "./browser-session.ts";
import { howToSignIn } from "./sign-in.ts";

export const DEVICE_PATH = "/device";
export const DEVICE_CODE_PATH = "/v1/device/code";
export const DEVICE_TOKEN_PATH = "/v1/device/token";
/** A program that acts for a person. */
const CLI_CLIENT = "darkbloom-cli";
export const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** Codes that one person may type in vain at once, and how soon one more. */
const USER_CODE_TRIES_MAX = 10;
const USER_CODE_TRY_EVERY_MS = 60_000;

const opened = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  verification_uri_complete: z.string(),
  expires_in: z.int(),
  interval: z.int(),
});
const granted = z.union([
  z.object({ access_token: z.string(), token_type: z.literal("Bearer"), expires_in: z.int() }),
  grantedToMachine,
]);
const refused = z.object({ error: z.string() });
const refusals = {
  400: { description: "An error of OAuth 2.0", content: { "application/json": { schema: refused } } },
};
const open = { access: "open", limit: "rate", fails: ["body_invalid", "payload_too_large"] } as const;

/** An error as RFC 6749 §5.2 has it. */
const refuse = (reply: FastifyReply, error: string): FastifyReply =>
  reply
    .code(400)
    .type("application/json; charset=utf-8")
    .serializer((text: string) => text)
    .send(JSON.stringify({ error }));

/** `POST /v1/device/code`: a program asks to be let in (RFC 8628 §3.1). */
export const openDevice = (door: Door): Route => ({
  schema: {
    summary: "Ask for a code by which a person lets a program in (RFC 8628), form-encoded",
    tags: ["sign-in"],
    response: { 200: opened, ...refusals },
  },
  config: open,
  handler: async (request, reply) => {
    const form = await readForm(door, request);
    const { deps } = door;
    const clientId = form.get("client_id") ?? "";
    if (clientId !== CLI_CLIENT && clientId !== MACHINE_CLIENT) return refuse(reply, "invalid_client");
    const machine = clientId === MACHINE_CLIENT ? machineIn(deps, form) : undefined;
    if (clientId === MACHINE_CLIENT && !machine) return refuse(reply, "invalid_request");
    const { deviceCode, userCode } = deps.devices.open({
      clientId,
      client: clientNamed(form.get("device_name")),
      address: peerOf(request.raw, deps.settings.trustProxy).bucket,
      at: deps.clock.now(),
      ...(machine && { machine }),
    });
    const page = ownOrigin(request.raw, deps.settings.trustProxy) + DEVICE_PATH;
    const told: z.infer<typeof opened> = {
      device_code: deviceCode,
      user_code: shownCode(userCode),
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${shownCode(userCode)}`,
      expires_in: DEVICE_CODE_LIFE_MS / 1000,
      interval: DEVICE_POLL_EVERY_MS / 1000,
    };
    return told;
  },
});

/** Its own words, as far as they can stand on one line. */
const clientNamed = (name = ""): string =>
  name
    .replaceAll(/[^\x20-\x7e]/g, "")
    .slice(0, CLIENT_CHARS_MAX)
    .trim() || "a program without a name";

/** `POST /v1/device/token`: a program asks whether it was let in (RFC 8628 §3.4). */
export const pollDevice = (door: Door): Route => ({
  schema: {
    summary: "Ask whether a person has let the program in, and get its session, once (RFC 8628), form-encoded",
    tags: ["sign-in"],
    response: { 200: granted, ...refusals },
  },
  config: open,
  handler: async (request, reply) => {
    const form = await readForm(door, request);
    if (form.get("grant_type") !== DEVICE_GRANT) return refuse(reply, "unsupported_grant_type");
    const { deps } = door;
    const polled = deps.devices.poll(form.get("device_code") ?? "", form.get("client_id") ?? "");
    if ("error" in polled) return refuse(reply, polled.error);
    // Who was disabled since lets nobody in.
    const person = await deps.people.person(polled.personId);
    if (!person || person.disabledAt !== null) return refuse(reply, "access_denied");
    const { client, machine } = polled;
    if (machine) return (await linkMachine(deps, person, { client, machine })) ?? refuse(reply, "access_denied");
    const { secret, session } = await openSession(deps, person, { kind: "cli", client });
    await deps.audit.add({
      at: session.createdAt,
      actor: person.personId,
      action: "sessions.create",
      subject: session.sessionId,
    });
    const told: z.infer<typeof granted> = {
      access_token: secret,
      token_type: "Bearer",
      expires_in: Math.floor(lifeMsOf("cli") / 1000),
    };
    return told;
  },
});

/** The page where a person who is signed in looks at who asks, and its two buttons. */
export function devicePages(door: Door): { readonly show: Route; readonly decide: Route } {
  const { deps } = door;
  const tries = new RateLimiter<string>(deps.clock, {
    requestsPerSec: 1000 / USER_CODE_TRY_EVERY_MS,
    requestsBurst: USER_CODE_TRIES_MAX,
  });
  const assertMayTry = ({ person }: SignedIn): void => {
    const retryAfterSec = tries.waitSec(person.personId);
    if (retryAfterSec !== undefined) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
  };
  const unknown = ({ person }: SignedIn, reply: FastifyReply): FastifyReply => {
    tries.take(person.personId);
    return sendPage(reply, "Nobody asks under this code", codeForm(), 404);
  };
  return {
    show: {
      schema: pageSchema("Look at a program that asks to be let in"),
      config: { ...openPage, fails: ["rate_limit_exceeded"] },
      handler: async (request, reply) => {
        const visitor = await door.gate.visitor(request.raw, (headers) => void reply.headers(headers));
        if (!visitor) return sendPage(reply, "Sign in first", howToSignIn(door), 401);
        const code = codeIn(request);
        // Another site's link must neither use up somebody's tries nor look a code up: a click on our own page does.
        if (code === "" || isSentByOthers(request.raw)) return sendPage(reply, "Let a program in", codeForm(code));
        assertMayTry(visitor);
        const asking = deps.devices.asking(code);
        if (!asking) return unknown(visitor, reply);
        const title = asking.machine ? "A machine asks to be yours" : "A program asks to be let in";
        return sendPage(reply, title, decision(asking, visitor));
      },
    },
    decide: {
      schema: pageSchema("Let a program in, or not"),
      config: { access: "session", limit: "rate", fails: ["body_invalid", "payload_too_large"] },
      handler: async (request, reply) => {
        const form = await readForm(door, request);
        const visitor = signedInOf(request);
        assertMayTry(visitor);
        const isApproved = form.get("decision") === "approve";
        const { personId, account } = visitor.person;
        const { machine } = (isApproved && deps.devices.asking(form.get("user_code") ?? "")) || {};
        if (machine && !deps.owners.hasRoom(account, machine.machineId))
          return sendPage(reply, "You have as many machines as one account may have", noRoom, 409);
        if (!deps.devices.decide(form.get("user_code") ?? "", isApproved ? { by: personId } : "denied"))
          return unknown(visitor, reply);
        await deps.audit.add({
          at: deps.clock.now(),
          actor: personId,
          action: isApproved ? "devices.approve" : "devices.deny",
          subject: visitor.session.sessionId,
        });
        return sendPage(reply, isApproved ? "It is let in" : "It is not let in", html`<p>You can close this page.</p>`);
      },
    },
  };
}

function codeIn({ query }: FastifyRequest): string {
  const code = typeof query === "object" && query !== null && "user_code" in query ? query.user_code : "";
  return typeof code === "string" ? code : "";
}

/** @param code as a link has it, which a person compares before going on */
const codeForm = (code = ""): Html =>
  html`<p>Enter the code that the program shows.</p>
    <form method="get" action="${DEVICE_PATH}">
      <input name="user_code" autocomplete="off" autofocus value="${asCode(code)}" /><button>Go on</button>
    </form>`;

/** The code is ours, and not as a link to this page wrote it: whatever else stood there would be read as our words. */
const decision = (
  { userCode, client, address, at, machine }: DeviceAsking & { userCode: string },
  { person }: SignedIn,
) =>
  html`${machine ? machineWords(person) : programWords(person)}
    <p class="code">${shownCode(userCode)}</p>
    <dl>
      <dt>It calls itself</dt>
      <dd>${client}</dd>
      ${machine ? machineFacts(machine) : html``}
      <dt>It asks from</dt>
      <dd>${address}</dd>
      <dt>Since</dt>
      <dd>${new Date(at).toISOString()}</dd>
    </dl>
    <form method="post" action="${DEVICE_PATH}">
      <input type="hidden" name="user_code" value="${shownCode(userCode)}" />
      <button name="decision" value="approve">Let it in</button><button name="decision" value="deny">No</button>
    </form>`;

const programWords = ({ name, role }: SignedIn["person"]): Html =>
  html`<p>
    It would act as <strong>${name}</strong>, who is ${role}. Let it in only if you started it yourself, just now, and
    it shows this very code:
  </p>`;
