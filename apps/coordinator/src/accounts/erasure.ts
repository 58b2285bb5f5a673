import type { ErasureObstacle } from "@darkbloom/protocol/erasure";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import { partsSum, type Balances } from "../ledger/journal.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Invites } from "./admission.ts";
import type { AuditAction } from "./audit.ts";
import { disable, type DisabledPerson, type DisablingWorld } from "./disabling.ts";
import type { Identities } from "./identities.ts";
import type { OperatorTokens } from "./operator-tokens.ts";
import type { Passkeys } from "./passkeys.ts";
import type { Person } from "./people.ts";
import { memberName } from "./team-admin.ts";

export interface ErasureWorld extends DisablingWorld {
  readonly invites: Pick<Invites, "forget">;
  readonly identities: Pick<Identities, "removeOf">;
  readonly passkeys: Pick<Passkeys, "removeOf">;
  readonly tokens: Pick<OperatorTokens, "forgetOf">;
  readonly ledger: Pick<Ledger, "balances" | "withdrawable">;
  readonly deposits: { countOpen(account: AccountId): Promise<number> };
  readonly payouts: DisablingWorld["payouts"] & { countOpen(account: AccountId): Promise<number> };
}

/** How somebody stands, as far as it decides whether they can go. */
export interface Standing {
  readonly balances: Balances;
  readonly withdrawable: bigint;
  /** Payments that may still be made. */
  readonly openDeposits: number;
  /** Withdrawals that are not over, of which one may have no money out of the balance yet. */
  readonly openWithdrawals: number;
  /** Teams that nobody else owns. */
  readonly ownedAlone: number;
  readonly isOnlyOperator: boolean;
}

/** What somebody would lose, or owe, unawares if they were erased now, in the order in which it is told. */
export function obstaclesOf(standing: Standing): ErasureObstacle[] {
  const { balances, withdrawable, openDeposits, openWithdrawals, ownedAlone, isOnlyOperator } = standing;
  const { held, withdrawing, debt } = balances;
  return [
    ...money("debt", -debt),
    ...money("holds", held),
    ...money("withdrawing", withdrawing),
    ...money("withdrawable", withdrawable),
    ...(openDeposits > 0 ? [{ obstacle: "deposits" as const, count: openDeposits }] : []),
    ...(openWithdrawals > 0 && withdrawing === 0n
      ? [{ obstacle: "withdrawals" as const, count: openWithdrawals }]
      : []),
    ...(ownedAlone > 0 ? [{ obstacle: "teams" as const, count: ownedAlone }] : []),
    ...(isOnlyOperator ? [{ obstacle: "operator" as const }] : []),
  ];
}

const money = (
  obstacle: Extract<ErasureObstacle, { microUsd: bigint }>["obstacle"],
  microUsd: bigint,
): ErasureObstacle[] => (microUsd > 0n ? [{ obstacle, microUsd }] : []);

/** What an erasure would come to now. */
export interface ErasurePlan {
  readonly person: Person;
  readonly obstacles: readonly ErasureObstacle[];
  /** What is left of granted, paid in and earned money: nobody can spend it afterwards. */
  readonly forfeit: bigint;
  /** Keys that would be revoked, machines that would be nobody's, teams that would be left. */
  readonly keys: number;
  readonly machines: number;
  readonly teams: number;
}

/** What is said to mean it: which account it is, and how much money goes with it, in micro-USD. */
export interface Confirmed {
  readonly account: string;
  readonly forfeit: bigint;
}

/** Somebody of whom there is an account left, and nothing that names them. */
export interface ErasedPerson extends DisabledPerson {
  readonly forfeited: bigint;
  /** The teams that they were in. */
  readonly left: readonly AccountId[];
}

/**
 * Looks what an erasure would come to, and changes nothing.
 *
 * @returns undefined for an unknown id
 */
export async function planErasure(world: ErasureWorld, personId: PersonId): Promise<ErasurePlan | undefined> {
  const { people, teams, accounts, owners, ledger, deposits, payouts, clock } = world;
  const person = await people.person(personId);
  if (!person) return undefined;
  const { account } = person;
  const [balances, withdrawable, openDeposits, openWithdrawals, memberships, keys, made] = await Promise.all([
    ledger.balances(account),
    ledger.withdrawable(account, clock.now()),
    deposits.countOpen(account),
    payouts.countOpen(account),
    teams.teamsOf(personId),
    accounts.list(account),
    accounts.liveBy(personId),
  ]);
  let ownedAlone = 0;
  for (const { member } of memberships)
    if (member.role === "owner" && !(await hasOtherOwner(world, member.account, personId))) ownedAlone++;
  const isOnlyOperator = isActingOperator(person) && !(await people.list()).some(isOtherOperator(personId));
  const elsewhere = made.filter((key) => key.account !== account);
  return {
    person,
    obstacles: obstaclesOf({ balances, withdrawable, openDeposits, openWithdrawals, ownedAlone, isOnlyOperator }),
    forfeit: partsSum(balances),
    keys: keys.filter(({ revokedAt }) => revokedAt === null).length + elsewhere.length,
    machines: owners.ofAccount(account).length,
    teams: memberships.length,
  };
}

/**
 * Erases somebody: afterwards nothing here names them. Their account stays, with its entries of the ledger, and is nobody's for good;
 * what is left on it nobody spends.
 *
 * Each step comes to the same when it is made twice. Teams go first, since a team can refuse; then what could let them in, and their name
 * and mail last: after a crash they still have a name, and the same call goes on from there.
 *
 * @returns undefined for an unknown id
 * @throws NetworkError `erasure_refused`: nothing is changed but, where a team lost its other owner in that moment, that others were left
 */
export async function erase(
  world: ErasureWorld,
  personId: PersonId,
  confirmed: Confirmed,
): Promise<ErasedPerson | undefined> {
  const plan = await planErasure(world, personId);
  if (!plan) return undefined;
  const [first] = plan.obstacles;
  if (first) throw new NetworkError({ code: "erasure_refused", ...first });
  const { person, forfeit } = plan;
  const { account, mail } = person;
  if (confirmed.account !== account || confirmed.forfeit !== forfeit)
    throw new NetworkError({ code: "erasure_refused", obstacle: "unconfirmed", account, microUsd: forfeit });
  const { people, teams, accounts, identities, passkeys, tokens, invites, clock } = world;
  const left: AccountId[] = [];
  for (const { team } of await teams.teamsOf(personId)) {
    // The other owner may have left in this very moment.
    if ((await teams.leave(team.account, personId)) === "last_owner")
      throw new NetworkError({ code: "erasure_refused", obstacle: "teams", count: 1 });
    left.push(team.account);
  }
  const disabled = await disable(world, personId);
  await identities.removeOf(personId);
  await passkeys.removeOf(personId);
  await tokens.forgetOf(personId, clock.now());
  await accounts.forgetWords({ account, personId });
  await invites.forget({ personId, mail }, clock.now());
  const erased = await people.erase(personId, clock.now());
  return disabled && erased && { ...disabled, ...erased, left, forfeited: forfeit };
}

/** What the audit log says of it, behind what it says of the erasure itself. */
export const endedWith = ({
  personId,
  revoked,
  unlinked,
  left,
}: ErasedPerson): readonly (readonly [action: AuditAction, subject: string])[] => [
  ...revoked.map((keyId) => ["keys.revoke", keyId] as const),
  ...unlinked.map((machineId) => ["machines.unlink", machineId] as const),
  ...left.map((account) => ["teams.leave", memberName(account, personId)] as const),
];

/** Whether somebody else can act as an owner: whoever is disabled cannot. */
async function hasOtherOwner(
  { teams, people }: Pick<ErasureWorld, "teams" | "people">,
  account: AccountId,
  personId: PersonId,
): Promise<boolean> {
  for (const other of await teams.members(account))
    if (other.role === "owner" && other.personId !== personId)
      if ((await people.person(other.personId))?.disabledAt === null) return true;
  return false;
}

const isActingOperator = ({ role, disabledAt }: Person): boolean => role === "operator" && disabledAt === null;
const isOtherOperator =
  (personId: PersonId) =>
  (other: Person): boolean =>
    isActingOperator(other) && other.personId !== personId;
