import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords } from "@darkbloom/protocol/ids";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import { newPasskeyId, PASSKEY_NAME_CHARS_MAX, type Passkey, type Site } from "../accounts/passkeys.ts";
import { signedInOf } from "./access.ts";
import { originHere } from "./browser-session.ts";
import type { Door, Route } from "./door.ts";
import { nameIn } from "./path-name.ts";
import { isLoopbackHost } from "./peer.ts";
import { readShortJson } from "./short-json.ts";

const time = z.iso.datetime();
const shown = z.object({
  id: z.string(),
  name: z.string(),
  site: z.string().describe("The host at which it signs in"),
  created_at: time,
  last_used_at: time.nullable(),
});
const tell = ({ passkeyId, name, rpId, createdAt, usedAt }: Passkey): z.infer<typeof shown> => ({
  id: passkeyId,
  name,
  site: rpId,
  created_at: new Date(createdAt).toISOString(),
  last_used_at: usedAt === null ? null : new Date(usedAt).toISOString(),
});

const ofSession = { access: "session", limit: "rate" } as const;
const addFails = ["passkey_refused", "payload_too_large"] as const;

/**
 * Where a browser that asks can use passkeys: at the operator's public address, or on this machine as `localhost`. An address in
 * numbers has none (WebAuthn §5.1.2: an RP ID is a domain).
 */
export function siteHere(door: Door, request: FastifyRequest): Site | undefined {
  const { publicUrl } = door.deps.settings;
  const origin = originHere(door, request);
  const url = URL.parse(origin ?? "");
  if (!url || origin === undefined || (publicUrl === undefined && !isLoopbackHost(url.host))) return undefined;
  const rpId = url.hostname;
  return /^[\d.]+$|^\[/.test(rpId) ? undefined : { origin, rpId };
}

/** `GET /v1/me/passkeys` */
export const listPasskeys = ({ deps }: Door): Route => ({
  schema: {
    summary: "Your passkeys, the oldest first",
    tags: ["me"],
    response: { 200: z.object({ data: z.array(shown) }) },
  },
  config: ofSession,
  handler: async (request) => ({ data: (await deps.passkeys.of(signedInOf(request).person.personId)).map(tell) }),
});

/** `POST /v1/me/passkeys/options`: what the browser is given, good once, for this session. */
export const beginPasskey = (door: Door): Route => ({
  schema: {
    summary: "Begin to add a passkey: what a browser's `navigator.credentials.create` takes",
    tags: ["me"],
    response: { 200: z.object({ public_key: z.looseObject({}).describe("`PublicKeyCredentialCreationOptionsJSON`") }) },
  },
  config: { ...ofSession, fails: ["passkey_refused"] },
  handler: async (request) => {
    const { passkeys, passkeyWay } = door.deps;
    const { person, session } = signedInOf(request);
    const site = siteHere(door, request);
    if (!site) throw new NetworkError({ code: "passkey_refused", why: "address" });
    const known = (await passkeys.of(person.personId)).map(({ credentialId }) => credentialId);
    const name = person.mail ?? person.name;
    const { challenge, options } = await passkeyWay.checks.optionsForNew(site, {
      personId: person.personId,
      name,
      known,
    });
    passkeyWay.adding.keep(session.sessionId, person.personId, { challenge });
    return { public_key: options };
  },
});

const added = z.strictObject({
  name: z.string().min(1).max(PASSKEY_NAME_CHARS_MAX).refine(isPrintable),
  credential: z.unknown(),
});

/** `POST /v1/me/passkeys`: what the browser answered. */
export const addPasskey = (door: Door): Route => ({
  schema: {
    summary: "Add a passkey by what the browser answered",
    tags: ["me"],
    body: added,
    response: { 201: shown },
  },
  config: { ...ofSession, fails: addFails },
  handler: async (request, reply) => {
    const { passkeys, passkeyWay, audit, clock, random } = door.deps;
    const { person, session } = signedInOf(request);
    const { name, credential } = await readShortJson(
      door,
      request,
      added,
      () => ourWords`a name of 1 to 64 characters that can be printed, and what the browser answered`,
    );
    const begun = passkeyWay.adding.take(session.sessionId);
    const site = siteHere(door, request);
    const checked = begun && site && (await passkeyWay.checks.checkNew(site, begun.challenge, credential));
    if (!checked) throw new NetworkError({ code: "passkey_refused", why: site ? "unfit" : "address" });
    const at = clock.now();
    const { personId } = person;
    const passkeyId = newPasskeyId(random);
    const passkey = { ...checked, passkeyId, personId, name, rpId: site.rpId, createdAt: at, usedAt: null };
    if (!(await passkeys.add(passkey))) throw new NetworkError({ code: "passkey_refused", why: "full" });
    await audit.add({ at, actor: personId, action: "passkeys.create", subject: passkeyId });
    return reply.code(201).send(tell(passkey));
  },
});

const params = z.object({ id: z.string().describe("Of `GET /v1/me/passkeys`") });

/** `DELETE /v1/me/passkeys/{id}`: it signs in no more; sessions that it opened go on. */
export const removePasskey = ({ deps }: Door): Route => ({
  schema: {
    summary: "Remove a passkey of yours: it signs in no more",
    tags: ["me"],
    params,
    response: { 200: z.object({ id: z.string(), removed: z.literal(true) }) },
  },
  config: { ...ofSession, fails: ["passkey_not_found"] },
  handler: async (request) => {
    const { person } = signedInOf(request);
    const id = nameIn(request, "id", { code: "passkey_not_found" });
    if (!(await deps.passkeys.remove(person.personId, id))) throw new NetworkError({ code: "passkey_not_found" });
    await deps.audit.add({ at: deps.clock.now(), actor: person.personId, action: "passkeys.remove", subject: id });
    return { id, removed: true };
  },
});
