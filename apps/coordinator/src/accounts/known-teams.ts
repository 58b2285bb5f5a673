import type { AccountId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Joined, Left, Member, Membership, Team, TeamInvite, TeamRole, Teams } from "./teams.ts";

/** Accounts, and memberships, that are kept in memory; of more, the one that was asked for longest ago is read again. */
export const TEAMS_KNOWN_MAX = 10_000;

/**
 * The teams of a process that nobody else writes beside, with what each request asks kept in memory until the team changes:
 * whether an account is a team's, and who is in it. A membership that is not there is asked for every time, so that guesses take no room.
 */
export class KnownTeams implements Teams {
  readonly #teams: Teams;
  /** By account; null for one that is no team's. In the order of their last use, as are those below. */
  readonly #accounts = new Map<AccountId, Team | null>();
  readonly #memberships = new Map<string, Membership>();
  /** What was read before a change, and comes behind it, is not kept. */
  #changes = 0;

  constructor(teams: Teams) {
    this.#teams = teams;
  }

  async team(account: AccountId): Promise<Team | undefined> {
    const known = this.#accounts.get(account);
    const team =
      known === undefined
        ? await this.#read(
            () => this.#teams.team(account),
            (found) => {
              keep(this.#accounts, account, found ?? null);
            },
          )
        : known;
    if (known !== undefined) keep(this.#accounts, account, known);
    return team ?? undefined;
  }

  async find(account: AccountId, personId: PersonId): Promise<Membership | undefined> {
    const key = `${account} ${personId}`;
    const known = this.#memberships.get(key);
    if (known) {
      keep(this.#memberships, key, known);
      return known;
    }
    return await this.#read(
      () => this.#teams.find(account, personId),
      (found) => {
        if (found) keep(this.#memberships, key, found);
      },
    );
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

  async #read<Found>(read: () => Promise<Found>, kept: (found: Found) => void): Promise<Found> {
    const changes = this.#changes;
    const found = await read();
    if (changes === this.#changes) kept(found);
    return found;
  }

  /** Also where it is not known whether the change was made. */
  async #forgetting<Done>(account: AccountId, change: Promise<Done>): Promise<Done> {
    try {
      return await change;
    } finally {
      this.#changes += 1;
      this.#accounts.delete(account);
      for (const [key, { team }] of this.#memberships) if (team.account === account) this.#memberships.delete(key);
    }
  }
}

function keep<Key, Value>(kept: Map<Key, Value>, key: Key, value: Value): void {
  kept.delete(key);
  if (kept.size >= TEAMS_KNOWN_MAX) for (const oldest of kept.keys().take(1)) kept.delete(oldest);
  kept.set(key, value);
}
