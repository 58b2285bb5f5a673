import type { AccountId, KeyId, MachineId, PersonId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import type { MachineOwners } from "./machine-owners.ts";
import type { People, Person } from "./people.ts";
import type { Accounts } from "./port.ts";
import { revokeMadeBy } from "./team-admin.ts";
import type { Teams } from "./teams.ts";

/** Somebody who may do nothing more, with the keys and the links of machines that ended with it. */
export interface DisabledPerson extends Person {
  readonly revoked: readonly KeyId[];
  readonly unlinked: readonly MachineId[];
}

export interface DisablingWorld {
  readonly people: People;
  readonly teams: Teams;
  readonly accounts: Accounts;
  readonly owners: MachineOwners;
  readonly clock: Clock;
  /** Money of theirs that waits to be paid out comes back: whoever asked for it may not have been them. */
  readonly payouts: { callOffAll(account: AccountId): Promise<void> };
  /** What somebody could still come in by, or has let in, and nobody has used yet, is good no longer. */
  readonly forget?: ((personId: PersonId) => void) | undefined;
}

/**
 * Ends all that somebody can do, at once: they sign in no more, their sessions, keys and invites to teams are over, their machines
 * nobody's, and what waits to be paid out is called off. What was ended before is not counted again. @returns undefined for an unknown id
 */
export async function disable(world: DisablingWorld, personId: PersonId): Promise<DisabledPerson | undefined> {
  const { people, teams, accounts, owners, clock, payouts, forget } = world;
  const now = clock.now();
  const person = await people.change(personId, { disabledAt: now });
  if (!person) return undefined;
  forget?.(personId);
  await people.endSessions(personId);
  await teams.withdrawAllOf(personId);
  const own = (await accounts.list(person.account)).filter(({ revokedAt }) => revokedAt === null);
  for (const { keyId } of own) await accounts.revoke(keyId, now);
  const made = await revokeMadeBy({ accounts, clock }, personId);
  const unlinked = await owners.unlinkAll(person.account);
  await payouts.callOffAll(person.account);
  return { ...person, revoked: [...own.map(({ keyId }) => keyId), ...made], unlinked };
}
