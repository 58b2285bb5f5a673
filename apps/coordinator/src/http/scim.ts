import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type PersonId } from "@darkbloom/protocol/ids";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { newAccountId } from "../accounts/keys.ts";
import { isErased, type Person } from "../accounts/people.ts";
import { newPerson } from "../accounts/sessions.ts";
import { actorOf } from "./access.ts";
import { ownOrigin } from "./credentials.ts";
import type { Door, Route } from "./door.ts";
import { nameIn } from "./path-name.ts";
import { readShortJson } from "./short-json.ts";

export const SCIM_PATH = "/scim/v2";
const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ERROR = "urn:ietf:params:scim:api:messages:2.0:Error";
const CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/** People of one page (RFC 7644 §3.4.2.4). */
export const SCIM_ROWS_MAX = 100;
const SCIM_MAIL_CHARS_MAX = 254;
const SCIM_NAME_CHARS_MAX = 128;

const ofOperator = { access: "operator", scope: "people:write", limit: "rate" } as const;
const reading = ["body_invalid", "payload_too_large"] as const;

const user = z.object({
  schemas: z.array(z.string()),
  id: z.string(),
  userName: z.string(),
  displayName: z.string(),
  emails: z.array(z.object({ value: z.string(), primary: z.boolean() })),
  active: z.boolean(),
  meta: z.object({ resourceType: z.literal("User"), created: z.iso.datetime(), location: z.string() }),
});
const users = z.object({
  schemas: z.array(z.string()),
  totalResults: z.int(),
  startIndex: z.int(),
  itemsPerPage: z.int(),
  Resources: z.array(user),
});
const fault = z.object({
  schemas: z.array(z.string()),
  status: z.string(),
  scimType: z.string().optional(),
  detail: z.string(),
});
const faults = {
  "4xx": { description: "An error of SCIM (RFC 7644 §3.12)", content: { "application/scim+json": { schema: fault } } },
};

const mail = z
  .string()
  .max(SCIM_MAIL_CHARS_MAX)
  .regex(/^[^\s@]+@[^\s@]+$/)
  .refine(isPrintable);
const shownName = z.string().max(SCIM_NAME_CHARS_MAX).refine(isPrintable);
/** What is not named here is read over: RFC 7644 §3.3 lets a server keep less than it is sent. */
const sent = z.object({ userName: mail, displayName: shownName.optional(), active: z.boolean().optional() });
/** Entra writes truth as a text. */
const truth = z.union([
  z.boolean(),
  z
    .string()
    .regex(/^(true|false)$/i)
    .transform((text) => text.toLowerCase() === "true"),
]);
const changes = z.object({ active: truth.optional(), displayName: shownName.optional() });
const patch = z.object({
  schemas: z.array(z.literal(PATCH)),
  Operations: z
    .array(z.object({ op: z.string().regex(/^(add|replace)$/i), path: z.string().optional(), value: z.unknown() }))
    .min(1)
    .max(SCIM_ROWS_MAX),
});
const page = z.object({
  filter: z.string().max(512).optional(),
  startIndex: z.coerce.number().int().min(1).default(1),
  count: z.coerce.number().int().min(0).default(SCIM_ROWS_MAX),
});

const expectedOf = () => ourWords`it must be a resource of SCIM 2.0, as GET /openapi.json describes`;

const tellUser = ({ deps }: Door, { raw }: FastifyRequest, one: Person): z.infer<typeof user> => ({
  schemas: [USER],
  id: one.personId,
  userName: one.mail ?? one.personId,
  displayName: one.name,
  emails: one.mail === null ? [] : [{ value: one.mail, primary: true }],
  active: one.disabledAt === null,
  meta: {
    resourceType: "User",
    created: new Date(one.createdAt).toISOString(),
    location: `${ownOrigin(raw, deps.settings.trustProxy)}${SCIM_PATH}/Users/${one.personId}`,
  },
});

const send = (reply: FastifyReply, body: object, status = 200): FastifyReply =>
  reply
    .code(status)
    .type("application/scim+json; charset=utf-8")
    .serializer((text: string) => text)
    .send(JSON.stringify(body));

const refuse = (reply: FastifyReply, status: number, detail: string, scimType?: string): FastifyReply =>
  send(reply, { schemas: [ERROR], status: String(status), ...(scimType && { scimType }), detail }, status);

/** `GET /scim/v2/ServiceProviderConfig` (RFC 7643 §5). */
export const showScimConfig = (_door: Door): Route => ({
  schema: { summary: "What of SCIM 2.0 there is here", tags: ["scim"] },
  config: ofOperator,
  handler: (_request, reply) =>
    send(reply, {
      schemas: [CONFIG],
      patch: { supported: true },
      bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
      filter: { supported: true, maxResults: SCIM_ROWS_MAX },
      changePassword: { supported: false },
      sort: { supported: false },
      etag: { supported: false },
      authenticationSchemes: [
        {
          type: "oauthbearertoken",
          name: "An operator's token",
          description: "For people:write, as Authorization: Bearer",
          primary: true,
        },
      ],
    }),
});

/** `GET /scim/v2/Users`, all or by `filter=userName eq "…"`. */
export const listUsers = (door: Door): Route => ({
  schema: {
    summary: "People, or whom a filter names",
    tags: ["scim"],
    querystring: page,
    response: { 200: users, ...faults },
  },
  config: { ...ofOperator, fails: ["body_invalid"] },
  handler: async (request, reply) => {
    const asked = page.safeParse(request.query);
    if (!asked.success) return refuse(reply, 400, "startIndex and count are whole numbers.", "invalidValue");
    const { filter, startIndex, count } = asked.data;
    const named = filter === undefined ? undefined : /^\s*userName\s+eq\s+"([^"\\]*)"\s*$/i.exec(filter)?.[1];
    if (filter !== undefined && named === undefined)
      return refuse(reply, 400, 'The one filter there is: userName eq "…".', "invalidFilter");
    const there = (await door.deps.people.list()).filter((one) => !isErased(one));
    const all = there.filter((one) => named === undefined || isNamed(one, named));
    const rows = all.slice(startIndex - 1, startIndex - 1 + Math.min(count, SCIM_ROWS_MAX));
    const Resources = rows.map((one) => tellUser(door, request, one));
    return send(reply, { schemas: [LIST], totalResults: all.length, startIndex, itemsPerPage: rows.length, Resources });
  },
});

const isNamed = ({ mail: theirs, personId }: Person, named: string): boolean =>
  (theirs ?? personId).toLowerCase() === named.toLowerCase();

/** `POST /scim/v2/Users` */
export const createUser = (door: Door): Route => ({
  schema: {
    summary: "Let somebody in by their mail address",
    tags: ["scim"],
    body: sent,
    response: { 201: user, ...faults },
  },
  config: { ...ofOperator, fails: reading },
  handler: async (request, reply) => {
    const { deps } = door;
    const { userName, displayName = "", active = true } = await readShortJson(door, request, sent, expectedOf);
    if ((await deps.people.list()).some((one) => isNamed(one, userName)))
      return refuse(reply, 409, "Somebody has this userName.", "uniqueness");
    const at = deps.clock.now();
    const made = newPerson(deps.random, {
      name: displayName || userName,
      account: newAccountId(deps.random),
      role: "member",
      at,
    });
    const person = { ...made, mail: userName.toLowerCase(), disabledAt: active ? null : at };
    await deps.people.add(person);
    await deps.audit.add({ at, actor: actorOf(request), action: "people.create", subject: person.personId });
    const told = tellUser(door, request, person);
    return send(reply.header("location", told.meta.location), told, 201);
  },
});

const params = z.object({ id: z.string() });

/** `GET /scim/v2/Users/{id}` */
export const showUser = (door: Door): Route => ({
  schema: { summary: "One person", tags: ["scim"], params, response: { 200: user, ...faults } },
  config: ofOperator,
  handler: async (request, reply) => {
    const person = await personIn(door, request);
    return person ? send(reply, tellUser(door, request, person)) : unknown(reply);
  },
});

/** `PUT /scim/v2/Users/{id}`: whether they may sign in; what is not kept here is read over. */
export const replaceUser = (door: Door): Route => ({
  schema: {
    summary: "Whether a person may sign in",
    tags: ["scim"],
    params,
    body: sent,
    response: { 200: user, ...faults },
  },
  config: { ...ofOperator, fails: reading },
  handler: async (request, reply) => {
    const person = await personIn(door, request);
    if (!person) return unknown(reply);
    const { userName, active = true } = await readShortJson(door, request, sent, expectedOf);
    if (!isNamed(person, userName)) return refuse(reply, 400, "A userName stays as it is.", "mutability");
    return send(reply, tellUser(door, request, await activated(door, request, person, active)));
  },
});

/** `PATCH /scim/v2/Users/{id}`: `active` ends and gives back what somebody may do, before the next request. */
export const patchUser = (door: Door): Route => ({
  schema: {
    summary: "Let a person sign in no more, or again",
    tags: ["scim"],
    params,
    body: patch,
    response: { 200: user, ...faults },
  },
  config: { ...ofOperator, fails: reading },
  handler: async (request, reply) => {
    const person = await personIn(door, request);
    if (!person) return unknown(reply);
    const { Operations } = await readShortJson(door, request, patch, expectedOf);
    let active: boolean | undefined;
    for (const { path, value } of Operations) {
      const read = changes.safeParse(path === undefined ? value : { [path]: value });
      if (!read.success) return refuse(reply, 400, "active is true or false.", "invalidValue");
      active = read.data.active ?? active;
    }
    const now = active === undefined ? person : await activated(door, request, person, active);
    return send(reply, tellUser(door, request, now));
  },
});

async function personIn({ deps }: Door, request: FastifyRequest): Promise<Person | undefined> {
  try {
    const person = await deps.people.person(nameIn(request, "id", { code: "route_not_found" }) as PersonId);
    return person && !isErased(person) ? person : undefined;
  } catch (error) {
    if (error instanceof NetworkError && error.failure.code === "route_not_found") return undefined;
    throw error;
  }
}

const unknown = (reply: FastifyReply): FastifyReply => refuse(reply, 404, "There is nobody with this id.");

/** The one way in which somebody is let out and in again, whoever says so. */
async function activated({ deps }: Door, request: FastifyRequest, person: Person, active: boolean): Promise<Person> {
  if (active === (person.disabledAt === null)) return person;
  const admin = deps.adminFor(actorOf(request));
  return active ? await admin.enablePerson(person.personId) : await admin.disablePerson(person.personId);
}
