import type { AccountId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import {
  MEMBERS_PER_TEAM_MAX,
  TEAM_INVITES_OPEN_MAX,
  TEAMS_PER_PERSON_MAX,
  type Joined,
  type Left,
  type Member,
  type Membership,
  type Team,
  type TeamInvite,
  type TeamRole,
  type Teams,
} from "../accounts/teams.ts";

/** Teams with nothing behind them: for tests and networks in one process. */
export class MemoryTeams implements Teams {
  readonly #teams = new Map<AccountId, Team>();
  #members: Member[] = [];
  readonly #invites = new Map<Sha256Hex, TeamInvite>();

  async add(team: Team, owner: PersonId): Promise<Joined> {
    const joined = await this.join(team.account, owner, "owner", team.createdAt);
    if (joined === "joined" && !this.#teams.has(team.account)) this.#teams.set(team.account, team);
    return joined;
  }

  async team(account: AccountId): Promise<Team | undefined> {
    return this.#teams.get(account);
  }

  async find(account: AccountId, personId: PersonId): Promise<Membership | undefined> {
    return (await this.teamsOf(personId)).find(({ team }) => team.account === account);
  }

  async teamsOf(personId: PersonId): Promise<Membership[]> {
    return this.#members
      .filter((member) => member.personId === personId)
      .flatMap((member) => {
        const team = this.#teams.get(member.account);
        return team ? [{ team, member }] : [];
      })
      .toSorted((a, b) => a.team.createdAt - b.team.createdAt);
  }

  async members(account: AccountId): Promise<Member[]> {
    return this.#members
      .filter((member) => member.account === account && this.#teams.has(account))
      .toSorted((a, b) => a.joinedAt - b.joinedAt);
  }

  async change(account: AccountId, change: Parameters<Teams["change"]>[1]): Promise<Team | undefined> {
    const team = this.#teams.get(account);
    const changed = team && { ...team, ...change };
    if (changed) this.#teams.set(account, changed);
    return changed;
  }

  async remove(account: AccountId): Promise<void> {
    this.#teams.delete(account);
    this.#members = this.#members.filter((member) => member.account !== account);
    this.#dropInvites((invite) => invite.account === account);
  }

  async join(account: AccountId, personId: PersonId, role: TeamRole, joinedAt: number): Promise<Joined> {
    if (this.#of(account, personId)) return "joined";
    const count = (counts: (member: Member) => boolean): number => this.#members.filter(counts).length;
    if (count((member) => member.account === account) >= MEMBERS_PER_TEAM_MAX) return "team_full";
    if (count((member) => member.personId === personId) >= TEAMS_PER_PERSON_MAX) return "person_full";
    this.#members.push({ account, personId, role, joinedAt });
    return "joined";
  }

  async changeRole(account: AccountId, personId: PersonId, role: TeamRole): Promise<Left> {
    const why = this.#refusal(account, personId, role);
    if (why) return why;
    this.#members = this.#members.map((member) =>
      member.account === account && member.personId === personId ? { ...member, role } : member,
    );
    return "left";
  }

  async leave(account: AccountId, personId: PersonId): Promise<Left> {
    const why = this.#refusal(account, personId);
    if (why) return why;
    this.#members = this.#members.filter((member) => member.account !== account || member.personId !== personId);
    await this.withdrawAllOf(personId, account);
    return "left";
  }

  async invite(secretHash: Sha256Hex, invite: TeamInvite): Promise<void> {
    const others = [...this.#invites].filter(([, { account }]) => account === invite.account);
    for (const [oldest] of others.slice(0, Math.max(0, others.length + 1 - TEAM_INVITES_OPEN_MAX)))
      this.#invites.delete(oldest);
    this.#invites.set(secretHash, invite);
  }

  async invites(account: AccountId, now: number): Promise<TeamInvite[]> {
    return [...this.#invites.values()].filter((invite) => invite.account === account && now < invite.expiresAt);
  }

  async withdraw(account: AccountId, inviteId: string): Promise<boolean> {
    return this.#dropInvites((invite) => invite.account === account && invite.inviteId === inviteId);
  }

  async invitedBy(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined> {
    const invite = this.#invites.get(secretHash);
    return invite && now < invite.expiresAt ? invite : undefined;
  }

  async redeem(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined> {
    const invite = await this.invitedBy(secretHash, now);
    if (invite) this.#invites.delete(secretHash);
    return invite;
  }

  async withdrawAllOf(personId: PersonId, account?: AccountId): Promise<void> {
    this.#dropInvites(
      (invite) => invite.createdBy === personId && (account === undefined || invite.account === account),
    );
  }

  #of(account: AccountId, personId: PersonId): Member | undefined {
    return this.#members.find((member) => member.account === account && member.personId === personId);
  }

  #refusal(account: AccountId, personId: PersonId, role?: TeamRole): Left | undefined {
    const member = this.#of(account, personId);
    if (!member) return "no_member";
    if (member.role !== "owner" || role === "owner") return undefined;
    const others = this.#members.some(
      (other) => other.account === account && other.role === "owner" && other.personId !== personId,
    );
    return others ? undefined : "last_owner";
  }

  #dropInvites(goes: (invite: TeamInvite) => boolean): boolean {
    const gone = [...this.#invites].filter(([, invite]) => goes(invite));
    for (const [secretHash] of gone) this.#invites.delete(secretHash);
    return gone.length > 0;
  }
}
