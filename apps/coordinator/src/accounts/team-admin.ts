import { toBase64Url, toHex } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, KeyId, PersonId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Ledger } from "../ledger/port.ts";
import type { Actor, Audit, AuditAction } from "./audit.ts";
import { noCeiling } from "./ceilings.ts";
import { hashOfKey, newAccountId } from "./keys.ts";
import type { Accounts } from "./port.ts";
import {
  mayOf,
  MEMBERS_PER_TEAM_MAX,
  TEAMS_PER_PERSON_MAX,
  type Joined,
  type Left,
  type Membership,
  type Team,
  type TeamInvite,
  type TeamRight,
  type TeamRole,
  type Teams,
} from "./teams.ts";

/** How long somebody who was invited to a team has to come. */
export const TEAM_INVITE_LIFE_MS = 7 * 24 * 60 * 60_000;
const INVITE_ID_BYTES = 16;
const INVITE_SECRET_BYTES = 32;
/** Of a team's name. */
export const TEAM_NAME_CHARS_MAX = 128;

export interface TeamWorld {
  readonly teams: Teams;
  readonly accounts: Accounts;
  readonly audit: Audit;
  readonly ledger: Pick<Ledger, "totals">;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

/** @throws NetworkError `team_role_needed` */
export function assertMay({ member }: Membership, right: TeamRight): void {
  if (!mayOf(member.role, right)) throw new NetworkError({ code: "team_role_needed" });
}

/** What may be done with teams, by somebody who is signed in. A team that they are not in is one that is not there. */
export class TeamAdmin {
  readonly #world: TeamWorld;
  readonly #personId: PersonId;

  constructor(world: TeamWorld, personId: PersonId) {
    this.#world = world;
    this.#personId = personId;
  }

  /** @throws NetworkError `team_not_found`, or `team_role_needed` */
  async my(account: AccountId, right: TeamRight): Promise<Membership> {
    const membership = await this.#world.teams.find(account, this.#personId);
    if (!membership) throw new NetworkError({ code: "team_not_found" });
    assertMay(membership, right);
    return membership;
  }

  async make(name: string): Promise<Membership> {
    const { teams, clock, random } = this.#world;
    const account = newAccountId(random);
    const team = { account, name, ceiling: noCeiling, createdAt: clock.now() };
    refuseFull(await teams.add(team, this.#personId));
    await this.#wrote("teams.create", account);
    return await this.my(account, "take_part");
  }

  async change(account: AccountId, change: Partial<Pick<Team, "name" | "ceiling">>): Promise<Membership> {
    await this.my(account, "settings");
    await this.#world.teams.change(account, change);
    await this.#wrote("teams.edit", account);
    return await this.my(account, "take_part");
  }

  /** @throws NetworkError `team_not_empty`, saying what is left */
  async remove(account: AccountId): Promise<void> {
    await this.my(account, "delete");
    const { teams, accounts, ledger } = this.#world;
    const { balance, held } = await ledger.totals(account);
    const keys = (await accounts.list(account)).filter(({ revokedAt }) => revokedAt === null).length;
    if (keys > 0 || balance + held > 0n)
      throw new NetworkError({ code: "team_not_empty", keys, microUsd: balance + held });
    await teams.remove(account);
    await this.#wrote("teams.delete", account);
  }

  /** Owners and admins are invited by owners alone. @returns the secret, which is shown this once */
  async invite(account: AccountId, role: TeamRole): Promise<{ readonly secret: string; readonly invite: TeamInvite }> {
    const { teams, clock, random, crypto } = this.#world;
    await this.my(account, role === "member" ? "invite" : "roles");
    const secret = toBase64Url(random.bytes(INVITE_SECRET_BYTES));
    const createdAt = clock.now();
    const invite = {
      inviteId: `invite_${toHex(random.bytes(INVITE_ID_BYTES))}`,
      account,
      role,
      createdBy: this.#personId,
      createdAt,
      expiresAt: createdAt + TEAM_INVITE_LIFE_MS,
    };
    await teams.invite(hashOfKey(crypto, secret), invite);
    await this.#wrote("teams.invite", invite.inviteId);
    return { secret, invite };
  }

  async withdraw(account: AccountId, inviteId: string): Promise<void> {
    await this.my(account, "invite");
    if (!(await this.#world.teams.withdraw(account, inviteId))) throw new NetworkError({ code: "invite_not_found" });
    await this.#wrote("teams.withdraw", inviteId);
  }

  /** The invite goes first: it lets in one, whatever comes after. @throws NetworkError `invite_not_found` */
  async join(secret: string): Promise<Membership> {
    const { teams, clock, crypto } = this.#world;
    const invite = await teams.redeem(hashOfKey(crypto, secret), clock.now());
    if (!invite || !(await teams.team(invite.account))) throw new NetworkError({ code: "invite_not_found" });
    refuseFull(await teams.join(invite.account, this.#personId, invite.role, clock.now()));
    await this.#wrote("teams.join", memberName(invite.account, this.#personId));
    return await this.my(invite.account, "take_part");
  }

  async changeRole(account: AccountId, personId: PersonId, role: TeamRole): Promise<void> {
    await this.my(account, "roles");
    refuseLeft(await this.#world.teams.changeRole(account, personId, role));
    await this.#wrote("teams.role", memberName(account, personId));
  }

  /** Somebody else, or oneself. What they made there ends before anybody is told. */
  async leave(account: AccountId, personId: PersonId): Promise<readonly KeyId[]> {
    const { teams } = this.#world;
    const isSelf = personId === this.#personId;
    await this.my(account, isSelf ? "take_part" : "remove_members");
    const other = isSelf ? undefined : await teams.find(account, personId);
    if (other && other.member.role !== "member") await this.my(account, "roles");
    refuseLeft(await teams.leave(account, personId));
    await this.#wrote(isSelf ? "teams.leave" : "teams.remove", memberName(account, personId));
    const revoked = await revokeMadeBy(this.#world, personId, account);
    for (const keyId of revoked) await this.#wrote("keys.revoke", keyId);
    return revoked;
  }

  async #wrote(action: AuditAction, subject: string): Promise<void> {
    const { audit, clock } = this.#world;
    await audit.add({ at: clock.now(), actor: this.#personId satisfies Actor, action, subject });
  }
}

/** Ends what somebody made, on one account or on every one. @returns what ended with it */
export async function revokeMadeBy(
  { accounts, clock }: Pick<TeamWorld, "accounts" | "clock">,
  personId: PersonId,
  account?: AccountId,
): Promise<readonly KeyId[]> {
  const made = (await accounts.liveBy(personId)).filter((key) => account === undefined || key.account === account);
  for (const { keyId } of made) await accounts.revoke(keyId, clock.now());
  return made.map(({ keyId }) => keyId);
}

/** A member as the audit log names one. */
export const memberName = (account: AccountId, personId: PersonId): string => `${account}/${personId}`;

function refuseFull(joined: Joined): void {
  if (joined === "team_full") throw new NetworkError({ code: "members_too_many", most: MEMBERS_PER_TEAM_MAX });
  if (joined === "person_full") throw new NetworkError({ code: "teams_too_many", most: TEAMS_PER_PERSON_MAX });
}

function refuseLeft(left: Left): void {
  if (left === "no_member") throw new NetworkError({ code: "member_not_found" });
  if (left === "last_owner") throw new NetworkError({ code: "last_owner" });
}
