import { ourWords, type AccountId, type PersonId } from "@darkbloom/protocol/ids";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import { tellCeiling } from "../accounts/ceilings.ts";
import { keyChangeSchema, keyTermsSchema, readKeyChange } from "../accounts/key-terms.ts";
import { TEAM_NAME_CHARS_MAX, TeamAdmin } from "../accounts/team-admin.ts";
import { teamRoles, type Membership, type TeamInvite } from "../accounts/teams.ts";
import { signedInOf } from "./access.ts";
import { ownOrigin } from "./credentials.ts";
import type { Door, Route } from "./door.ts";
import { nameIn } from "./path-name.ts";
import { readShortJson } from "./short-json.ts";
import { JOIN_PATH } from "./team-page.ts";
import { refusing } from "./keys.ts";

const ofSession = { access: "session", limit: "rate" } as const;
const fails = ["team_not_found", "team_role_needed"] as const;
const failsReading = [...fails, "body_invalid", "payload_too_large"] as const;

const timeOf = (at: number): string => new Date(at).toISOString();
const ceiling = keyTermsSchema.pick({ allowed_models: true, min_trust: true, privacy: true });
const team = ceiling.extend({
  id: z.string().describe("Of its account: what `x-darkbloom-account` takes"),
  name: z.string(),
  role: z.enum(teamRoles).describe("Yours in it"),
  created_at: z.iso.datetime(),
});
const member = z.object({
  id: z.string(),
  name: z.string(),
  mail: z.string().nullable(),
  role: z.enum(teamRoles),
  joined_at: z.iso.datetime(),
});
const invite = z.object({
  id: z.string(),
  role: z.enum(teamRoles),
  created_by: z.string(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
});
const newInvite = invite.extend({ url: z.string().describe("Shown this once: whoever opens it signed in may join") });
const name = z.string().trim().min(1).max(TEAM_NAME_CHARS_MAX).refine(isPrintable);
const named = z.strictObject({ name });
const change = z
  .strictObject({ name, ...keyChangeSchema.pick({ allowed_models: true, min_trust: true, privacy: true }).shape })
  .partial();
const role = z.strictObject({ role: z.enum(teamRoles) });
const joining = z.strictObject({ invite: z.string().max(128).describe("The last part of an invite's address") });

const teamParams = z.object({ id: z.string().describe("Of `GET /v1/teams`") });
const memberParams = teamParams.extend({ person: z.string().describe("Of `GET /v1/teams/{id}/members`") });
const inviteParams = teamParams.extend({ invite: z.string().describe("Of `GET /v1/teams/{id}/invites`") });
const gone = z.object({ id: z.string(), deleted: z.literal(true) });

const tellTeam = ({ team: one, member: me }: Membership): z.infer<typeof team> => ({
  id: one.account,
  name: one.name,
  role: me.role,
  created_at: timeOf(one.createdAt),
  ...tellCeiling(one.ceiling),
});
const tellInvite = (one: TeamInvite): z.infer<typeof invite> => ({
  id: one.inviteId,
  role: one.role,
  created_by: one.createdBy,
  created_at: timeOf(one.createdAt),
  expires_at: timeOf(one.expiresAt),
});

const adminFor = ({ deps }: Door, request: FastifyRequest): TeamAdmin =>
  new TeamAdmin(deps, signedInOf(request).person.personId);

/** `GET /v1/teams` */
export const listTeams = ({ deps }: Door): Route => ({
  schema: {
    summary: "The teams that you are in, the oldest first",
    tags: ["teams"],
    response: { 200: z.object({ data: z.array(team) }) },
  },
  config: ofSession,
  handler: async (request) => ({
    data: (await deps.teams.teamsOf(signedInOf(request).person.personId)).map(tellTeam),
  }),
});

/** `POST /v1/teams` */
export const createTeam = (door: Door): Route => ({
  schema: { summary: "Make a team, which you own", tags: ["teams"], body: named, response: { 200: team } },
  config: { ...ofSession, fails: ["body_invalid", "payload_too_large", "teams_too_many"] },
  handler: async (request) => {
    const { name: called } = await readShortJson(door, request, named, expectedOf);
    return tellTeam(await adminFor(door, request).make(called));
  },
});

/** `GET /v1/teams/{id}` */
export const showTeam = (door: Door): Route => ({
  schema: { summary: "A team that you are in", tags: ["teams"], params: teamParams, response: { 200: team } },
  config: { ...ofSession, fails: ["team_not_found"] },
  handler: async (request) => tellTeam(await adminFor(door, request).my(accountIn(request), "take_part")),
});

/** `PATCH /v1/teams/{id}`: what is not named stays; a ceiling counts for the next request of each key. */
export const editTeam = (door: Door): Route => ({
  schema: {
    summary: "Change a team's name, or what no key of it goes beyond",
    tags: ["teams"],
    params: teamParams,
    body: change,
    response: { 200: team },
  },
  config: { ...ofSession, fails: failsReading },
  handler: async (request) => {
    const admin = adminFor(door, request);
    const before = await admin.my(accountIn(request), "settings");
    const { name: called, ...terms } = await readShortJson(door, request, change, expectedOf);
    const set = { ...before.team.ceiling, ...(await refusing(async () => readKeyChange(terms))) };
    return tellTeam(
      await admin.change(before.team.account, { ...(called !== undefined && { name: called }), ceiling: set }),
    );
  },
});

/** `DELETE /v1/teams/{id}` */
export const deleteTeam = (door: Door): Route => ({
  schema: {
    summary: "Delete a team that has no key and no money left, with all memberships",
    tags: ["teams"],
    params: teamParams,
    response: { 200: gone },
  },
  config: { ...ofSession, fails: [...fails, "team_not_empty"] },
  handler: async (request): Promise<z.infer<typeof gone>> => {
    const account = accountIn(request);
    await adminFor(door, request).remove(account);
    return { id: account, deleted: true };
  },
});

/** `GET /v1/teams/{id}/members` */
export const listMembers = (door: Door): Route => ({
  schema: {
    summary: "Who is in a team, who joined first comes first",
    tags: ["teams"],
    params: teamParams,
    response: { 200: z.object({ data: z.array(member) }) },
  },
  config: { ...ofSession, fails: ["team_not_found"] },
  handler: async (request): Promise<{ data: z.infer<typeof member>[] }> => {
    const { people, teams } = door.deps;
    const { team: one } = await adminFor(door, request).my(accountIn(request), "take_part");
    const data: z.infer<typeof member>[] = [];
    for (const { personId, role: theirs, joinedAt } of await teams.members(one.account)) {
      const person = await people.person(personId);
      data.push({
        id: personId,
        name: person?.name ?? "",
        mail: person?.mail ?? null,
        role: theirs,
        joined_at: timeOf(joinedAt),
      });
    }
    return { data };
  },
});

/** `PATCH /v1/teams/{id}/members/{person}` */
export const editMember = (door: Door): Route => ({
  schema: {
    summary: "Give a member another role",
    tags: ["teams"],
    params: memberParams,
    body: role,
    response: { 200: z.object({ id: z.string(), role: z.enum(teamRoles) }) },
  },
  config: { ...ofSession, fails: [...failsReading, "member_not_found", "last_owner"] },
  handler: async (request) => {
    const { role: theirs } = await readShortJson(door, request, role, expectedOf);
    const personId = personIn(request);
    await adminFor(door, request).changeRole(accountIn(request), personId, theirs);
    return { id: personId, role: theirs };
  },
});

/** `DELETE /v1/teams/{id}/members/{person}`: oneself is to leave. What they made there ends with it, at once. */
export const removeMember = (door: Door): Route => ({
  schema: {
    summary: "Take somebody out of a team, or leave it: revokes the keys that they made there, at once",
    tags: ["teams"],
    params: memberParams,
    response: { 200: gone.extend({ revoked_keys: z.array(z.string()) }) },
  },
  config: { ...ofSession, fails: [...fails, "member_not_found", "last_owner"] },
  handler: async (request) => {
    const personId = personIn(request);
    const revoked = await adminFor(door, request).leave(accountIn(request), personId);
    return { id: personId, deleted: true, revoked_keys: [...revoked] };
  },
});

/** `GET /v1/teams/{id}/invites` */
export const listInvites = (door: Door): Route => ({
  schema: {
    summary: "A team's open invites, the oldest first",
    tags: ["teams"],
    params: teamParams,
    response: { 200: z.object({ data: z.array(invite) }) },
  },
  config: { ...ofSession, fails },
  handler: async (request) => {
    const { team: one } = await adminFor(door, request).my(accountIn(request), "invite");
    return { data: (await door.deps.teams.invites(one.account, door.deps.clock.now())).map(tellInvite) };
  },
});

/** `POST /v1/teams/{id}/invites` */
export const createInvite = (door: Door): Route => ({
  schema: {
    summary: "Invite somebody to a team: a link, good once and for seven days",
    tags: ["teams"],
    params: teamParams,
    body: role,
    response: { 200: newInvite },
  },
  config: { ...ofSession, fails: failsReading },
  handler: async (request): Promise<z.infer<typeof newInvite>> => {
    const asked = await readShortJson(door, request, role, expectedOf);
    const made = await adminFor(door, request).invite(accountIn(request), asked.role);
    const origin = ownOrigin(request.raw, door.deps.settings.trustProxy);
    return { ...tellInvite(made.invite), url: `${origin}${JOIN_PATH}/${made.secret}` };
  },
});

/** `DELETE /v1/teams/{id}/invites/{invite}` */
export const withdrawInvite = (door: Door): Route => ({
  schema: {
    summary: "Withdraw an invite of a team",
    tags: ["teams"],
    params: inviteParams,
    response: { 200: gone },
  },
  config: { ...ofSession, fails: [...fails, "invite_not_found"] },
  handler: async (request): Promise<z.infer<typeof gone>> => {
    const id = nameIn(request, "invite", { code: "invite_not_found" });
    await adminFor(door, request).withdraw(accountIn(request), id);
    return { id, deleted: true };
  },
});

/** `POST /v1/teams/join` */
export const joinTeam = (door: Door): Route => ({
  schema: { summary: "Join the team of an invite", tags: ["teams"], body: joining, response: { 200: team } },
  config: {
    ...ofSession,
    fails: ["body_invalid", "payload_too_large", "invite_not_found", "teams_too_many", "members_too_many"],
  },
  handler: async (request) => {
    const { invite: secret } = await readShortJson(door, request, joining, expectedOf);
    return tellTeam(await adminFor(door, request).join(secret));
  },
});

const expectedOf = (param: string) => {
  if (param === "name") return ourWords`it must be a text of 1 to ${TEAM_NAME_CHARS_MAX} printable characters`;
  if (param === "role") return ourWords`it must be owner, admin or member`;
  if (param in ceiling.shape) return ourWords`it must be as it is for a key`;
  return ourWords`GET /openapi.json describes what this route takes`;
};

const accountIn = (request: FastifyRequest) => nameIn(request, "id", { code: "team_not_found" }) as AccountId;
const personIn = (request: FastifyRequest) => nameIn(request, "person", { code: "member_not_found" }) as PersonId;
