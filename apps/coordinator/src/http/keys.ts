import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type AccountId, type KeyId, type ParamPath } from "@darkbloom/protocol/ids";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import type { AuditAction } from "../accounts/audit.ts";
import {
  KEY_OVERLAP_MS_MAX,
  KEY_ROWS_MAX,
  keyAdminOf,
  KEYS_PER_ACCOUNT_MAX,
  type KeyAdmin,
  type MadeBy,
} from "../accounts/key-admin.ts";
import { keyChangeSchema, KeyError, readKeyChange, type KeyRefusal } from "../accounts/key-terms.ts";
import { usageOf, withUsage, type KeyUsage } from "../accounts/key-usage.ts";
import type { KeyRecord } from "../accounts/port.ts";
import { mayOf } from "../accounts/teams.ts";
import { callerOf, signedInOf } from "./access.ts";
import { tellKey } from "./account.ts";
import { parseJson } from "./body.ts";
import { readCallerBody } from "./caller-body.ts";
import type { Door, Route } from "./door.ts";
import { nameIn } from "./path-name.ts";
import { keyWithSecret, ownKey, ownKeys, page, rotation, type KeyWithSecret, type OwnKey } from "./own-keys.ts";

/** A key's terms, at their longest. 413 above it. */
export const KEY_BODY_BYTES_MAX = 64 * 1024;

const ofSession = { access: "session", limit: "rate" } as const;
const fails = ["key_not_found"] as const;
const failsChanging = [...fails, "key_revoked", "body_invalid", "payload_too_large"] as const;

const params = z.object({ id: z.string().describe("Of `GET /v1/keys`") });

const tell = (door: Door, key: KeyRecord & { readonly usage: KeyUsage }): OwnKey => ({
  ...tellKey(door, key),
  revoked_at: key.revokedAt === null ? null : new Date(key.revokedAt).toISOString(),
});

const toldOne = async (door: Door, key: KeyRecord): Promise<OwnKey> =>
  tell(door, { ...key, usage: await usageOf(door.deps.ledger, key, door.deps.clock.now()) });

/** `GET /v1/keys`: those of one's account, the oldest first, revoked ones too, a page at a time. */
export const listKeys = (door: Door): Route => ({
  schema: {
    summary: "Your keys, oldest first, revoked ones too",
    tags: ["keys"],
    querystring: page,
    response: { 200: ownKeys },
  },
  config: { ...ofSession, fails: ["body_invalid"] },
  handler: async (request): Promise<z.infer<typeof ownKeys>> => {
    const asked = page.safeParse(request.query);
    if (!asked.success) throw badPage(String(asked.error.issues[0]?.path[0]));
    const { limit, after } = asked.data;
    // One more than is shown says whether there are more.
    const keys = await keyAdminOf(door.deps).list(whoseOf(request), {
      rows: limit + 1,
      after: after as KeyId | undefined,
    });
    const used = await withUsage(door.deps.ledger, keys.slice(0, limit), door.deps.clock.now());
    return { data: used.map((key) => tell(door, key)), has_more: keys.length > limit };
  },
});

/** `POST /v1/keys`: the secret is in this answer and nowhere else. */
export const createKey = (door: Door): Route => ({
  schema: {
    summary: "Make a key for your account",
    tags: ["keys"],
    body: keyChangeSchema,
    response: { 200: keyWithSecret },
  },
  config: { ...ofSession, fails: ["body_invalid", "payload_too_large", "keys_too_many"] },
  handler: async (request): Promise<KeyWithSecret> => {
    const body = await bodyOf(door, request);
    const { account, member } = callerOf(request);
    const { personId } = signedInOf(request).person;
    const { apiKey, record } = await changed(door, request, "keys.create", async (keys) => {
      const made = await keys.make(account, readKeyChange(body), personId);
      return { ...made, keyId: made.record.keyId };
    });
    // Whoever was disabled or taken out of the team meanwhile had all keys revoked, and not this one.
    const { people, teams } = door.deps;
    const now = await people.person(personId);
    if (now?.disabledAt !== null || (member && !(await teams.find(account, personId)))) {
      await changed(door, request, "keys.revoke", (keys) => keys.revoke(account, record.keyId));
      throw new NetworkError({ code: "session_invalid" });
    }
    return { key: apiKey, data: await toldOne(door, record) };
  },
});

/** `GET /v1/keys/{id}` */
export const showOneKey = (door: Door): Route => ({
  schema: { summary: "One of your keys", tags: ["keys"], params, response: { 200: ownKey } },
  config: { ...ofSession, fails },
  handler: async (request): Promise<OwnKey> =>
    toldOne(door, await refusing(() => keyAdminOf(door.deps).show(whoseOf(request), idOf(request)))),
});

/** `PATCH /v1/keys/{id}`: what is not named stays; it counts for the key's next request. */
export const editKey = (door: Door): Route => ({
  schema: {
    summary: "Change what bounds a key of yours, from its next request on",
    tags: ["keys"],
    params,
    body: keyChangeSchema,
    response: { 200: ownKey },
  },
  config: { ...ofSession, fails: failsChanging },
  handler: async (request): Promise<OwnKey> => {
    const body = await bodyOf(door, request);
    const edit = (keys: KeyAdmin) => keys.edit(whoseOf(request), idOf(request), readKeyChange(body));
    return toldOne(door, await changed(door, request, "keys.edit", edit));
  },
});

/** `DELETE /v1/keys/{id}`: its very next request fails. */
export const revokeKey = (door: Door): Route => ({
  schema: { summary: "Revoke a key of yours, for good", tags: ["keys"], params, response: { 200: ownKey } },
  config: { ...ofSession, fails },
  handler: async (request): Promise<OwnKey> => {
    const revoke = (keys: KeyAdmin) => keys.revoke(whoseOf(request), idOf(request));
    return toldOne(door, await changed(door, request, "keys.revoke", revoke));
  },
});

/** `POST /v1/keys/{id}/rotate`: a new secret under the same id. */
export const rotateKey = (door: Door): Route => ({
  schema: {
    summary: "Give a key of yours a new secret; the present one ends at once, or after `overlap_ms`",
    tags: ["keys"],
    params,
    body: rotation,
    response: { 200: keyWithSecret },
  },
  config: { ...ofSession, fails: failsChanging },
  handler: async (request): Promise<KeyWithSecret> => {
    const asked = rotation.safeParse(await bodyOf(door, request));
    if (!asked.success) throw badOverlap;
    const { apiKey, record } = await changed(door, request, "keys.rotate", async (keys) => {
      const made = await keys.rotate(whoseOf(request), idOf(request), asked.data.overlap_ms);
      return { ...made, keyId: made.record.keyId };
    });
    return { key: apiKey, data: await toldOne(door, record) };
  },
});

const badOverlap = new NetworkError({
  code: "body_invalid",
  param: "overlap_ms" as ParamPath,
  expected: ourWords`it must be a whole number from 0 to ${KEY_OVERLAP_MS_MAX}`,
});

const badPage = (param: string): NetworkError =>
  new NetworkError({
    code: "body_invalid",
    param: param as ParamPath,
    expected:
      param === "limit"
        ? ourWords`it must be a whole number from 1 to ${KEY_ROWS_MAX}`
        : ourWords`it must be sent once`,
  });

/** All keys of the account, or of a team's those that one made oneself. */
function whoseOf(request: FastifyRequest): AccountId | MadeBy {
  const { account, member } = callerOf(request);
  return !member || mayOf(member.role, "all_keys") ? account : { account, createdBy: member.personId };
}

const idOf = (request: FastifyRequest): string => nameIn(request, "id", { code: "key_not_found" });

/** What a body says; an empty one says nothing. */
async function bodyOf(door: Door, request: FastifyRequest): Promise<unknown> {
  using room = door.bodies.share(callerOf(request).account);
  const bytes = await readCallerBody(door, request, KEY_BODY_BYTES_MAX, room);
  return bytes.length === 0 ? {} : parseJson(bytes);
}

/** A change, and behind it its line in the audit log. @throws NetworkError for what is refused */
async function changed<Done extends Pick<KeyRecord, "keyId">>(
  { deps }: Door,
  request: FastifyRequest,
  action: AuditAction,
  change: (keys: KeyAdmin) => Promise<Done>,
): Promise<Done> {
  const done = await refusing(() => change(keyAdminOf(deps)));
  const { personId: actor } = signedInOf(request).person;
  await deps.audit.add({ at: deps.clock.now(), actor, action, subject: done.keyId });
  return done;
}

/** @throws NetworkError for what is refused */
export async function refusing<Done>(act: () => Promise<Done>): Promise<Done> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof KeyError ? failureOf(error.refused) : error;
  }
}

function failureOf(refused: KeyRefusal): NetworkError {
  switch (refused.why) {
    case "invalid":
      return new NetworkError({ code: "body_invalid", param: refused.param, expected: refused.expected });
    case "unknown_key":
      return new NetworkError({ code: "key_not_found" });
    case "revoked":
      return new NetworkError({ code: "key_revoked" });
    case "too_many":
      return new NetworkError({ code: "keys_too_many", most: KEYS_PER_ACCOUNT_MAX });
  }
}
