import type { AccountId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Notices } from "../events/notices.ts";
import { Known, type Sharing } from "./known.ts";
import type { Joined, Left, Member, Membership, Team, TeamInvite, TeamRole, Teams } from "./teams.ts";

/** Accounts, and memberships, that are kept in memory; of more, the one that was asked for longest ago is read again. */
export const TEAMS_KNOWN_MAX = 10_000;

/**
 * The teams with what each request asks kept in memory until the team changes: whether an account is a team's, and who is in it. A
 * membership that is not there is asked for every time, so that guesses take no room. Where other coordinators write too, they are told
 * of each change before it is answered.
 */
export class KnownTeams implements Teams {
  readonly #teams: Teams;
  readonly #notices: Notices | undefined;
  /** By account; null for one that is no team's. */
  readonly #accounts: Known<AccountId, Team | null>;
  readonly #memberships: Known<string, Membership>;

  constructor(teams: Teams, sharing?: Sharing) {
    this.#teams = teams;
    this.#notices = sharing?.notices;
    this.#accounts = new Known(TEAMS_KNOWN_MAX, sharing);
    this.#memberships = new Known(TEAMS_KNOWN_MAX, sharing);
    sharing?.notices.listen("team", (account) => this.#forget(account));
  }

  async team(account: AccountId): Promise<Team | undefined> {
    return (await this.#accounts.get(account, async () => (await this.#teams.team(account)) ?? null)) ?? undefined;
  }

  find(account: AccountId, personId: PersonId): Promise<Membership | undefined> {
    return this.#memberships.get(`${account} ${personId}`, () => this.#teams.find(account, personId));
  }

  add(team: Team, owner: PersonId): Promise<Joined> {
    return this.#forgetting(team.account, this.#teams.add(team, owner));
  }

  change(account: AccountId, change: Parameters<Teams["change"]>[1]): Promise<Team | undefined> {
    return this.#forgetting(account, this.#teams.change(account, change));
  }

  remove(account: AccountId): Promise<void> {
    return this.#forgetting(account, this.#teams.remove(account));
  }

  join(account: AccountId, personId: PersonId, role: TeamRole, at: number): Promise<Joined> {
    return this.#forgetting(account, this.#teams.join(account, personId, role, at));
  }

  changeRole(account: AccountId, personId: PersonId, role: TeamRole): Promise<Left> {
    return this.#forgetting(account, this.#teams.changeRole(account, personId, role));
  }

  leave(account: AccountId, personId: PersonId): Promise<Left> {
    return this.#forgetting(account, this.#teams.leave(account, personId));
  }

  teamsOf(personId: PersonId): Promise<Membership[]> {
    return this.#teams.teamsOf(personId);
  }

  members(account: AccountId): Promise<Member[]> {
    return this.#teams.members(account);
  }

  invite(secretHash: Sha256Hex, invite: TeamInvite): Promise<void> {
    return this.#teams.invite(secretHash, invite);
  }

  invites(account: AccountId, now: number): Promise<TeamInvite[]> {
    return this.#teams.invites(account, now);
  }

  withdraw(account: AccountId, inviteId: string): Promise<boolean> {
    return this.#teams.withdraw(account, inviteId);
  }

  invitedBy(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined> {
    return this.#teams.invitedBy(secretHash, now);
  }

  redeem(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined> {
    return this.#teams.redeem(secretHash, now);
  }

  withdrawAllOf(personId: PersonId, account?: AccountId): Promise<void> {
    return this.#teams.withdrawAllOf(personId, account);
  }

  /** Also where it is not known whether the change was made. */
  async #forgetting<Done>(account: AccountId, change: Promise<Done>): Promise<Done> {
    try {
      return await change;
    } finally {
      this.#forget(account);
      await this.#notices?.tell({ kind: "team", of: account });
    }
  }

  #forget(account: string): void {
    this.#accounts.forget((_, of) => of === account);
    this.#memberships.forget(({ team }) => team.account === account);
  }
}
