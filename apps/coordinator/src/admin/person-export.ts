import type { PersonId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import type { Invites } from "../accounts/admission.ts";
import { auditActions, type Audit } from "../accounts/audit.ts";
import type { Identities } from "../accounts/identities.ts";
import { keyTermsSchema, tellTerms } from "../accounts/key-terms.ts";
import type { MachineOwners } from "../accounts/machine-owners.ts";
import { scopes, type OperatorTokens } from "../accounts/operator-tokens.ts";
import type { Passkeys } from "../accounts/passkeys.ts";
import { roles, sessionKinds, type People } from "../accounts/people.ts";
import type { Accounts } from "../accounts/port.ts";
import { teamRoles, type Teams } from "../accounts/teams.ts";
import { subAccounts } from "../ledger/journal.ts";
import type { Ledger } from "../ledger/port.ts";
import { outcomes } from "../ledger/settlement.ts";
import { everyDay, MILLIS_OF_DAY } from "../ledger/windows.ts";
import type { DepositStore } from "../payments/deposits.ts";
import { depositStates } from "../payments/port.ts";
import { withdrawalStates, type WithdrawalStore } from "../payouts/withdrawals.ts";
import { EXPORT_ROWS_MAX } from "./limits.ts";

export interface ExportWorld {
  readonly people: People;
  readonly teams: Teams;
  readonly tokens: OperatorTokens;
  readonly accounts: Accounts;
  readonly owners: MachineOwners;
  readonly invites: Invites;
  readonly identities: Identities;
  readonly passkeys: Passkeys;
  readonly audit: Audit;
  readonly ledger: Pick<Ledger, "balances" | "withdrawable" | "earnings" | "usage">;
  readonly deposits: DepositStore;
  readonly withdrawals: Pick<WithdrawalStore, "list">;
  readonly clock: { now(): number };
}

const time = z.iso.datetime();
const microUsd = z.string().describe("Micro-USD");
const listOf = <Row extends z.ZodType>(row: Row) =>
  z.object({
    data: z.array(row),
    has_more: z.boolean().describe(`Whether there are more than these: ${EXPORT_ROWS_MAX} at most are told`),
  });

/** All that is kept about one person, but for secrets, of which only hashes are kept. */
export const personExport = z.object({
  exported_at: time,
  person: z.object({
    id: z.string(),
    name: z.string(),
    mail: z.string().nullable(),
    role: z.enum(roles),
    account: z.string(),
    created_at: time,
    disabled_at: time.nullable(),
  }),
  sessions: listOf(
    z.object({
      id: z.string(),
      kind: z.enum(sessionKinds),
      client: z.string(),
      created_at: time,
      last_used_at: time,
      expires_at: time,
    }),
  ),
  identities: listOf(
    z.object({ issuer: z.string(), subject: z.string(), created_at: time, left_at: time.nullable() }),
  ).describe("Who you are at OpenID providers"),
  passkeys: listOf(
    z.object({
      id: z.string(),
      name: z.string(),
      site: z.string(),
      credential_id: z.string(),
      public_key: z.string(),
      created_at: time,
      last_used_at: time.nullable(),
    }),
  ),
  invites: listOf(
    z.object({ id: z.string(), mail: z.string().nullable(), created_at: time, used_at: time.nullable() }),
  ).describe("By which you came"),
  keys: listOf(
    keyTermsSchema.extend({
      id: z.string(),
      account: z.string(),
      label: z.string().describe("Its first and last characters"),
      created_at: time,
      last_used_at: time.nullable(),
      revoked_at: time.nullable(),
    }),
  ).describe("Of your account, oldest first; then those that you made elsewhere and were not revoked"),
  operator_tokens: listOf(
    z.object({
      id: z.string(),
      name: z.string(),
      scopes: z.array(z.enum(scopes)),
      created_at: time,
      expires_at: time,
      revoked_at: time.nullable(),
    }),
  ),
  teams: listOf(z.object({ account: z.string(), name: z.string(), role: z.enum(teamRoles), joined_at: time })),
  machines: listOf(
    z.object({
      id: z.string(),
      name: z.string(),
      private_only: z.boolean(),
      linked_at: time,
      owned_since: time.nullable().describe("When it first showed its identity key"),
      last_seen_at: time.nullable(),
    }),
  ),
  balances_micro_usd: z.record(z.enum(subAccounts), microUsd).describe("Where the account's money stands"),
  withdrawable_micro_usd: microUsd,
  deposits: listOf(
    z.object({
      id: z.string(),
      at: time,
      amount_micro_usd: microUsd,
      state: z.enum(depositStates),
      payment: z.string().nullable().describe("Stripe's name for it"),
      refunded_micro_usd: microUsd,
      disputed_micro_usd: microUsd,
    }),
  ).describe("Newest first, with what was given back of each"),
  withdrawals: listOf(
    z.object({
      id: z.string(),
      at: time,
      amount_micro_usd: microUsd,
      state: z.enum(withdrawalStates),
      changed_at: time,
      pay_to: z.string().nullable().describe("Null once it is over"),
    }),
  ).describe("Newest first"),
  earnings: listOf(
    z.object({
      day: z.iso.date(),
      answers: z.int(),
      prompt_tokens: z.int(),
      completion_tokens: z.int(),
      earned_micro_usd: microUsd,
    }),
  ).describe("By UTC day, newest first"),
  usage: listOf(
    z.object({
      job_id: z.string(),
      request_id: z.string(),
      model: z.string(),
      prompt_tokens: z.int(),
      cached_tokens: z.int(),
      completion_tokens: z.int(),
      cost_micro_usd: microUsd,
      outcome: z.enum(outcomes),
      at: time,
    }),
  ).describe("Newest first; no prompt and no answer is kept anywhere"),
  audit: listOf(z.object({ at: time, actor: z.string(), action: z.enum(auditActions), subject: z.string() })).describe(
    "What you did, and what was done to you: newest first",
  ),
});
export type PersonExport = z.infer<typeof personExport>;

/**
 * All that is kept about somebody, each list bounded by `EXPORT_ROWS_MAX`.
 *
 * @returns undefined for an unknown id
 */
export async function exportOf(world: ExportWorld, personId: PersonId): Promise<PersonExport | undefined> {
  const { people, teams, tokens, accounts, owners, invites, identities, passkeys, audit, ledger, deposits } = world;
  const person = await people.person(personId);
  if (!person) return undefined;
  const { account } = person;
  const now = world.clock.now();
  // One more than is told says whether there are more.
  const rows = EXPORT_ROWS_MAX + 1;
  const own = await accounts.list(account, { rows });
  const elsewhere = (await accounts.liveBy(personId)).filter((key) => key.account !== account);
  const balances = await ledger.balances(account);
  return {
    exported_at: at(now),
    person: {
      id: personId,
      name: person.name,
      mail: person.mail,
      role: person.role,
      account,
      created_at: at(person.createdAt),
      disabled_at: atOrNull(person.disabledAt),
    },
    sessions: told(await people.sessionsOf(personId), (one) => ({
      id: one.sessionId,
      kind: one.kind,
      client: one.client,
      created_at: at(one.createdAt),
      last_used_at: at(one.usedAt),
      expires_at: at(one.expiresAt),
    })),
    identities: told(await identities.of(personId), ({ issuer, subject, createdAt, leftAt }) => ({
      issuer,
      subject,
      created_at: at(createdAt),
      left_at: atOrNull(leftAt),
    })),
    passkeys: told(await passkeys.of(personId), (one) => ({
      id: one.passkeyId,
      name: one.name,
      site: one.rpId,
      credential_id: one.credentialId,
      public_key: one.publicKey,
      created_at: at(one.createdAt),
      last_used_at: atOrNull(one.usedAt),
    })),
    invites: told(
      (await invites.list()).filter(({ usedBy }) => usedBy === personId),
      ({ inviteId, mail, createdAt, usedAt }) => ({
        id: inviteId,
        mail,
        created_at: at(createdAt),
        used_at: atOrNull(usedAt),
      }),
    ),
    keys: told([...own, ...elsewhere], (key) => ({
      ...tellTerms(key),
      id: key.keyId,
      account: key.account,
      label: key.label,
      created_at: at(key.createdAt),
      last_used_at: atOrNull(key.lastUsedAt),
      revoked_at: atOrNull(key.revokedAt),
    })),
    operator_tokens: told(
      (await tokens.list()).filter(({ createdBy }) => createdBy === personId),
      (one) => ({
        id: one.tokenId,
        name: one.name,
        scopes: [...one.scopes],
        created_at: at(one.createdAt),
        expires_at: at(one.expiresAt),
        revoked_at: atOrNull(one.revokedAt),
      }),
    ),
    teams: told(await teams.teamsOf(personId), ({ team, member }) => ({
      account: team.account,
      name: team.name,
      role: member.role,
      joined_at: at(member.joinedAt),
    })),
    machines: told(owners.ofAccount(account), (one) => ({
      id: one.machineId,
      name: one.name,
      private_only: one.privateOnly,
      linked_at: at(one.createdAt),
      owned_since: atOrNull(one.provenAt),
      last_seen_at: atOrNull(one.lastSeenAt),
    })),
    balances_micro_usd: {
      granted: String(balances.granted),
      paid_in: String(balances.paid_in),
      earned: String(balances.earned),
      payable: String(balances.payable),
      held: String(balances.held),
      withdrawing: String(balances.withdrawing),
      debt: String(balances.debt),
    },
    withdrawable_micro_usd: String(await ledger.withdrawable(account, now)),
    deposits: told(await deposits.list(account, { rows }), (one) => ({
      id: one.depositId,
      at: at(one.createdAt),
      amount_micro_usd: String(one.amount),
      state: one.state,
      payment: one.payment,
      refunded_micro_usd: String(one.refunded),
      disputed_micro_usd: String(one.disputed),
    })),
    withdrawals: told(await world.withdrawals.list(account, { rows }), (one) => ({
      id: one.withdrawalId,
      at: at(one.createdAt),
      amount_micro_usd: String(one.amount),
      state: one.state,
      changed_at: at(one.changedAt),
      pay_to: one.payTo,
    })),
    earnings: told(await ledger.earnings(account, { by: "day", ...everyDay }), (one) => ({
      day: at(Number(one.key) * MILLIS_OF_DAY).slice(0, 10),
      answers: Number(one.answers),
      prompt_tokens: Number(one.promptTokens),
      completion_tokens: Number(one.completionTokens),
      earned_micro_usd: String(one.earned + one.payable),
    })),
    usage: told(await ledger.usage(account, rows), (row) => ({
      job_id: row.jobId,
      request_id: row.requestId,
      model: row.model,
      prompt_tokens: row.usage.promptTokens,
      cached_tokens: row.usage.cachedTokens,
      completion_tokens: row.usage.completionTokens,
      cost_micro_usd: String(row.cost),
      outcome: row.outcome,
      at: at(row.at),
    })),
    audit: told(await audit.about(personId, rows), (one) => ({
      at: at(one.at),
      actor: one.actor,
      action: one.action,
      subject: one.subject,
    })),
  };
}

const at = (when: number): string => new Date(when).toISOString();
const atOrNull = (when: number | null): string | null => (when === null ? null : at(when));

const told = <Row, Told>(rows: readonly Row[], tell: (row: Row) => Told): { data: Told[]; has_more: boolean } => ({
  data: rows.slice(0, EXPORT_ROWS_MAX).map(tell),
  has_more: rows.length > EXPORT_ROWS_MAX,
});
