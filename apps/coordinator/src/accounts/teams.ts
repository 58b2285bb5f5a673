import type { AccountId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Ceiling } from "./ceilings.ts";

/** Whoever is named earlier may do all that one named later may. */
export const teamRoles = ["owner", "admin", "member"] as const;
export type TeamRole = (typeof teamRoles)[number];

/** What somebody of a team may do, and the least role that may. */
const rights = {
  /** Ask for answers on its account; see the team, its members and its figures; have keys there. */
  take_part: "member",
  /** Pay in: what anybody may do for the others. */
  pay_in: "member",
  /** See, change, rotate and revoke what others made there. */
  all_keys: "admin",
  /** Invite members, and see and withdraw invites. */
  invite: "admin",
  /** Take members out. */
  remove_members: "admin",
  /** Its name and its ceilings. */
  settings: "admin",
  /** Machines of its account. */
  machines: "admin",
  /** Make, change or take out owners and admins. */
  roles: "owner",
  /** Money out of it. */
  withdraw: "owner",
  delete: "owner",
} as const satisfies Record<string, TeamRole>;
export type TeamRight = keyof typeof rights;
export const teamRights = Object.keys(rights) as TeamRight[];

export const mayOf = (role: TeamRole, right: TeamRight): boolean =>
  teamRoles.indexOf(role) <= teamRoles.indexOf(rights[right]);

/** An account that many share. It is called by its account. */
export interface Team {
  readonly account: AccountId;
  readonly name: string;
  readonly ceiling: Ceiling;
  /** Milliseconds since 1970, as are all times here. */
  readonly createdAt: number;
}

export interface Member {
  readonly account: AccountId;
  readonly personId: PersonId;
  readonly role: TeamRole;
  readonly joinedAt: number;
}

/** Of one person in one team. */
export interface Membership {
  readonly team: Team;
  readonly member: Member;
}

/** That whoever shows its secret may join, once. */
export interface TeamInvite {
  readonly inviteId: string;
  readonly account: AccountId;
  readonly role: TeamRole;
  readonly createdBy: PersonId;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Of a new member: whether it is one now, or why not. */
export type Joined = "joined" | "team_full" | "person_full";
/** Of one who was to go, or to become less. */
export type Left = "left" | "last_owner" | "no_member";

/**
 * Teams and who is in them. An adapter passes `teamsContract`.
 *
 * - `add` and `join` are idempotent. `add` makes the owner first: a team without one is not there.
 * - Nothing leaves a team without an owner, however many do it at once.
 * - `join` keeps `MEMBERS_PER_TEAM_MAX` and `TEAMS_PER_PERSON_MAX`; somebody who is in it already stays what they are.
 * - `invite` keeps `TEAM_INVITES_OPEN_MAX` of a team: of more the oldest goes. `redeem` gives one once, and none that is over.
 * - What a person leaves ends the invites that they made there.
 */
export interface Teams {
  add(team: Team, owner: PersonId): Promise<Joined>;
  team(account: AccountId): Promise<Team | undefined>;
  find(account: AccountId, personId: PersonId): Promise<Membership | undefined>;
  /** Oldest first. */
  teamsOf(personId: PersonId): Promise<Membership[]>;
  /** Who joined first comes first. */
  members(account: AccountId): Promise<Member[]>;
  change(account: AccountId, change: Partial<Pick<Team, "name" | "ceiling">>): Promise<Team | undefined>;
  /** With its members and invites. */
  remove(account: AccountId): Promise<void>;

  join(account: AccountId, personId: PersonId, role: TeamRole, at: number): Promise<Joined>;
  changeRole(account: AccountId, personId: PersonId, role: TeamRole): Promise<Left>;
  leave(account: AccountId, personId: PersonId): Promise<Left>;

  invite(secretHash: Sha256Hex, invite: TeamInvite): Promise<void>;
  invites(account: AccountId, now: number): Promise<TeamInvite[]>;
  /** @returns whether the team had it */
  withdraw(account: AccountId, inviteId: string): Promise<boolean>;
  /** What a secret invites to, and nothing else. */
  invitedBy(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined>;
  redeem(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined>;
  /** All that somebody made, in one team or everywhere. */
  withdrawAllOf(personId: PersonId, account?: AccountId): Promise<void>;
}

export const MEMBERS_PER_TEAM_MAX = 500;
export const TEAMS_PER_PERSON_MAX = 50;
/** Of one team; of more the oldest is good no longer. */
export const TEAM_INVITES_OPEN_MAX = 100;
