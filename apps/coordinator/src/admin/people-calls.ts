import type { AccountId, KeyId, MachineId, PersonId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import type { Invite } from "../accounts/admission.ts";
import { AUDIT_ROWS_MAX, auditActions, type Actor } from "../accounts/audit.ts";
import { MAIL_CHARS_MAX } from "../accounts/mail.ts";
import { roles, type Person } from "../accounts/people.ts";
import { at, call, id, nothing, type CallOf } from "./call.ts";
import type { InviteAdmin, PeopleAdmin } from "./people.ts";

export const person = z.object({
  person_id: z.string(),
  name: z.string(),
  mail: z.string().nullable(),
  role: z.enum(roles),
  account: z.string(),
  created_at: at,
  disabled_at: at.nullable(),
});

export const tellPerson = (one: Person): z.infer<typeof person> => ({
  person_id: one.personId,
  name: one.name,
  mail: one.mail,
  role: one.role,
  account: one.account,
  created_at: one.createdAt,
  disabled_at: one.disabledAt,
});
export const readPerson = (one: z.infer<typeof person>): Person => ({
  personId: one.person_id as PersonId,
  name: one.name,
  mail: one.mail,
  role: one.role,
  account: one.account as AccountId,
  createdAt: one.created_at,
  disabledAt: one.disabled_at,
});

const whole = z.coerce.number().int();

export const peopleCalls: { readonly [Name in keyof PeopleAdmin]: CallOf<Name> } = {
  signInLink: call("signInLink", {
    method: "POST",
    path: "/v1/admin/sign-in-links",
    summary: "Make a link that signs an operator in, once, within ten minutes",
    body: z.strictObject({ account: id.optional() }),
    answer: z.object({
      base_url: z.string(),
      path: z.string(),
      person_id: z.string(),
      account: z.string(),
      is_new_person: z.boolean().describe("Whether the operator was made with it"),
    }),
    send: ({ account }) => ({ account }),
    act: (admin, { account }) => admin.signInLink({ account }),
    tell: ({ baseUrl, path, personId, account, isNewPerson }) => ({
      base_url: baseUrl,
      path,
      person_id: personId,
      account,
      is_new_person: isNewPerson,
    }),
    read: (made) => ({
      baseUrl: made.base_url,
      path: made.path,
      personId: made.person_id as PersonId,
      account: made.account as AccountId,
      isNewPerson: made.is_new_person,
    }),
  }),
  listPeople: call("listPeople", {
    method: "GET",
    path: "/v1/admin/people",
    summary: "Everybody who can sign in, or could, oldest first",
    scope: "people:write",
    body: nothing,
    answer: z.object({ people: z.array(person) }),
    send: () => undefined,
    act: (admin) => admin.listPeople(),
    tell: (people) => ({ people: people.map(tellPerson) }),
    read: ({ people }) => people.map(readPerson),
  }),
  disablePerson: call("disablePerson", {
    method: "POST",
    path: "/v1/admin/people/disable",
    summary:
      "Let somebody sign in no more: ends their sessions, revokes their keys and unlinks their machines, at once",
    scope: "people:write",
    body: z.strictObject({ person_id: id }),
    answer: person.extend({
      revoked_keys: z.array(z.string()).describe("The ids of the keys that ended with it"),
      unlinked_machines: z.array(z.string()).describe("The ids of the machines that are theirs no more"),
    }),
    send: (personId) => ({ person_id: personId }),
    act: (admin, body) => admin.disablePerson(body.person_id),
    tell: ({ revoked, unlinked, ...one }) => ({
      ...tellPerson(one),
      revoked_keys: [...revoked],
      unlinked_machines: [...unlinked],
    }),
    read: ({ revoked_keys: revoked, unlinked_machines: unlinked, ...one }) => ({
      ...readPerson(one),
      revoked: revoked as KeyId[],
      unlinked: unlinked as MachineId[],
    }),
  }),
  enablePerson: call("enablePerson", {
    method: "POST",
    path: "/v1/admin/people/enable",
    summary: "Let somebody sign in again; their keys stay revoked",
    scope: "people:write",
    body: z.strictObject({ person_id: id }),
    answer: person,
    send: (personId) => ({ person_id: personId }),
    act: (admin, body) => admin.enablePerson(body.person_id),
    tell: tellPerson,
    read: readPerson,
  }),
  listAudit: call("listAudit", {
    method: "GET",
    path: "/v1/admin/audit",
    summary: "What sessions and operators have changed, newest first",
    scope: "audit:read",
    body: z.strictObject({
      rows: whole.min(1).max(AUDIT_ROWS_MAX).default(100),
      before: whole.min(1).optional().describe("The `seq` of the last entry of the page before"),
    }),
    answer: z.object({
      entries: z.array(
        z.object({ seq: z.int(), at, actor: z.string(), action: z.enum(auditActions), subject: z.string() }),
      ),
    }),
    send: ({ rows, before }) => ({ rows, before }),
    act: (admin, { rows, before }) => admin.listAudit({ rows, before }),
    tell: (entries) => ({ entries: entries.map((entry) => ({ ...entry })) }),
    read: ({ entries }) => entries.map((entry) => ({ ...entry, actor: entry.actor as Actor })),
  }),
};

const invite = z.object({
  invite_id: z.string(),
  mail: z.string().nullable().describe("Whose mailbox it is for; null: it is a link"),
  role: z.enum(roles),
  created_at: at,
  expires_at: at,
  used_at: at.nullable(),
  used_by: z.string().nullable().describe("Who came by it"),
  revoked_at: at.nullable(),
});

const tellInvite = (one: Invite): z.infer<typeof invite> => ({
  invite_id: one.inviteId,
  mail: one.mail,
  role: one.role,
  created_at: one.createdAt,
  expires_at: one.expiresAt,
  used_at: one.usedAt,
  used_by: one.usedBy,
  revoked_at: one.revokedAt,
});
const readInvite = (one: z.infer<typeof invite>): Invite => ({
  inviteId: one.invite_id,
  mail: one.mail,
  role: one.role,
  createdAt: one.created_at,
  expiresAt: one.expires_at,
  usedAt: one.used_at,
  usedBy: one.used_by as PersonId | null,
  revokedAt: one.revoked_at,
});

export const inviteCalls: { readonly [Name in keyof InviteAdmin]: CallOf<Name> } = {
  createInvite: call("createInvite", {
    method: "POST",
    path: "/v1/admin/invites",
    summary: "Let somebody come, once, within seven days: whoever proves a mailbox, or follows a link",
    body: z.strictObject({
      mail: z.string().max(MAIL_CHARS_MAX).optional().describe("Without it the invite is a link"),
      role: z.enum(roles).default("member"),
    }),
    answer: invite.extend({
      base_url: z.string().describe("Empty where no coordinator runs"),
      path: z.string().describe("Where its guest comes in; of a link the only time that it is shown"),
    }),
    send: ({ mail, role }) => ({ mail, role }),
    act: (admin, { mail, role }) => admin.createInvite({ mail, role }),
    tell: ({ baseUrl, path, ...one }) => ({ ...tellInvite(one), base_url: baseUrl, path }),
    read: ({ base_url: baseUrl, path, ...one }) => ({ ...readInvite(one), baseUrl, path }),
  }),
  listInvites: call("listInvites", {
    method: "GET",
    path: "/v1/admin/invites",
    summary: "Invites that were made, the newest first",
    body: nothing,
    answer: z.object({ invites: z.array(invite) }),
    send: () => undefined,
    act: (admin) => admin.listInvites(),
    tell: (invites) => ({ invites: invites.map(tellInvite) }),
    read: ({ invites }) => invites.map(readInvite),
  }),
  revokeInvite: call("revokeInvite", {
    method: "POST",
    path: "/v1/admin/invites/revoke",
    summary: "Take an invite back that nobody has used",
    body: z.strictObject({ invite_id: id }),
    answer: invite,
    send: (inviteId) => ({ invite_id: inviteId }),
    act: (admin, body) => admin.revokeInvite(body.invite_id),
    tell: tellInvite,
    read: readInvite,
  }),
};
