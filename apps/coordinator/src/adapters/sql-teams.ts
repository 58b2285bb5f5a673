import type { AccountId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { keptCeiling, tellCeiling } from "../accounts/ceilings.ts";
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
import { turns } from "../accounts/turns.ts";
import { textOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const inviteColumns = "invite_id, account, role, created_by, created_at, expires_at";
const membershipSql = `
  SELECT teams.account, teams.name, teams.terms, teams.created_at, members.person_id, members.role, members.joined_at
  FROM team_members AS members JOIN teams ON teams.account = members.account`;

/** What we have written ourselves: roles are ours by the tables' own rules. */
const teamOf = (row: Row): Team => ({
  account: textOf(row, "account") as AccountId,
  name: textOf(row, "name"),
  ceiling: keptCeiling(JSON.parse(textOf(row, "terms"))),
  createdAt: Number(row["created_at"]),
});

const memberOf = (row: Row): Member => ({
  account: textOf(row, "account") as AccountId,
  personId: textOf(row, "person_id") as PersonId,
  role: textOf(row, "role") as TeamRole,
  joinedAt: Number(row["joined_at"]),
});

const membershipOf = (row: Row): Membership => ({ team: teamOf(row), member: memberOf(row) });

const inviteOf = (row: Row): TeamInvite => ({
  inviteId: textOf(row, "invite_id"),
  account: textOf(row, "account") as AccountId,
  role: textOf(row, "role") as TeamRole,
  createdBy: textOf(row, "created_by") as PersonId,
  createdAt: Number(row["created_at"]),
  expiresAt: Number(row["expires_at"]),
});

/** Somebody else of the same team owns it too. */
const anotherOwner = `
  EXISTS (SELECT 1 FROM team_members AS others
    WHERE others.account = $1 AND others.role = 'owner' AND others.person_id <> $2)`;

/** Teams in either database. Each statement comes to the same when it is made twice; who comes and goes does so one after the other. */
export class SqlTeams implements Teams {
  readonly #query: SqlQuery;
  readonly #inTurn = turns();

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add({ account, name, ceiling, createdAt }: Team, owner: PersonId): Promise<Joined> {
    const joined = await this.join(account, owner, "owner", createdAt);
    if (joined !== "joined") return joined;
    await this.#query(
      `INSERT INTO teams (account, name, terms, created_at) SELECT $1, $2, $3, $4
      WHERE NOT EXISTS (SELECT 1 FROM teams WHERE account = $1)`,
      [account, name, JSON.stringify(tellCeiling(ceiling)), createdAt],
    );
    return joined;
  }

  async team(account: AccountId): Promise<Team | undefined> {
    const [row] = await this.#query("SELECT account, name, terms, created_at FROM teams WHERE account = $1", [account]);
    return row && teamOf(row);
  }

  async find(account: AccountId, personId: PersonId): Promise<Membership | undefined> {
    const [row] = await this.#query(`${membershipSql} WHERE members.account = $1 AND members.person_id = $2`, [
      account,
      personId,
    ]);
    return row && membershipOf(row);
  }

  async teamsOf(personId: PersonId): Promise<Membership[]> {
    const rows = await this.#query(
      `${membershipSql} WHERE members.person_id = $1 ORDER BY teams.created_at, teams.account`,
      [personId],
    );
    return rows.map(membershipOf);
  }

  async members(account: AccountId): Promise<Member[]> {
    const rows = await this.#query(`${membershipSql} WHERE members.account = $1 ORDER BY joined_at, person_id`, [
      account,
    ]);
    return rows.map(memberOf);
  }

  async change(account: AccountId, { name, ceiling }: Parameters<Teams["change"]>[1]): Promise<Team | undefined> {
    const [row] = await this.#query(
      `UPDATE teams SET name = COALESCE($2, name), terms = COALESCE($3, terms)
      WHERE account = $1 RETURNING account, name, terms, created_at`,
      [account, name ?? null, ceiling === undefined ? null : JSON.stringify(tellCeiling(ceiling))],
    );
    return row && teamOf(row);
  }

  /** The team first: what a crash leaves of it is nobody's. */
  async remove(account: AccountId): Promise<void> {
    for (const table of ["teams", "team_invites", "team_members"])
      await this.#query(`DELETE FROM ${table} WHERE account = $1`, [account]);
  }

  join(account: AccountId, personId: PersonId, role: TeamRole, at: number): Promise<Joined> {
    return this.#inTurn(async () => {
      const [counted] = await this.#query(
        `SELECT (SELECT COUNT(*) FROM team_members WHERE account = $1) AS members,
          (SELECT COUNT(*) FROM team_members WHERE person_id = $2) AS teams,
          (SELECT COUNT(*) FROM team_members WHERE account = $1 AND person_id = $2) AS here`,
        [account, personId],
      );
      if (Number(counted?.["here"]) > 0) return "joined";
      if (Number(counted?.["members"]) >= MEMBERS_PER_TEAM_MAX) return "team_full";
      if (Number(counted?.["teams"]) >= TEAMS_PER_PERSON_MAX) return "person_full";
      await this.#query(
        `INSERT INTO team_members (account, person_id, role, joined_at) SELECT $1, $2, $3, $4
        WHERE NOT EXISTS (SELECT 1 FROM team_members WHERE account = $1 AND person_id = $2)`,
        [account, personId, role, at],
      );
      return "joined";
    });
  }

  changeRole(account: AccountId, personId: PersonId, role: TeamRole): Promise<Left> {
    return this.#taking(
      `UPDATE team_members SET role = $3
      WHERE account = $1 AND person_id = $2 AND (role <> 'owner' OR $3 = 'owner' OR ${anotherOwner}) RETURNING 1 AS one`,
      [account, personId, role],
    );
  }

  async leave(account: AccountId, personId: PersonId): Promise<Left> {
    const left = await this.#taking(
      `DELETE FROM team_members
      WHERE account = $1 AND person_id = $2 AND (role <> 'owner' OR ${anotherOwner}) RETURNING 1 AS one`,
      [account, personId],
    );
    if (left === "left") await this.withdrawAllOf(personId, account);
    return left;
  }

  async invite(secretHash: Sha256Hex, invite: TeamInvite): Promise<void> {
    const { inviteId, account, role, createdBy, createdAt, expiresAt } = invite;
    await this.#query(
      `DELETE FROM team_invites WHERE invite_id IN (
        SELECT invite_id FROM team_invites WHERE account = $1 AND invite_id <> $2
        ORDER BY created_at DESC, invite_id LIMIT 1000 OFFSET ${TEAM_INVITES_OPEN_MAX - 1})`,
      [account, inviteId],
    );
    await this.#query(
      `INSERT INTO team_invites (secret_hash, ${inviteColumns}) SELECT $1, $2, $3, $4, $5, $6, $7
      WHERE NOT EXISTS (SELECT 1 FROM team_invites WHERE invite_id = $2)`,
      [secretHash, inviteId, account, role, createdBy, createdAt, expiresAt],
    );
  }

  async invites(account: AccountId, now: number): Promise<TeamInvite[]> {
    const rows = await this.#query(
      `SELECT ${inviteColumns} FROM team_invites WHERE account = $1 AND expires_at > $2 ORDER BY created_at, invite_id`,
      [account, now],
    );
    return rows.map(inviteOf);
  }

  async withdraw(account: AccountId, inviteId: string): Promise<boolean> {
    const gone = await this.#query(
      "DELETE FROM team_invites WHERE account = $1 AND invite_id = $2 RETURNING 1 AS one",
      [account, inviteId],
    );
    return gone.length > 0;
  }

  async invitedBy(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined> {
    const [row] = await this.#query(
      `SELECT ${inviteColumns} FROM team_invites WHERE secret_hash = $1 AND expires_at > $2`,
      [secretHash, now],
    );
    return row && inviteOf(row);
  }

  async redeem(secretHash: Sha256Hex, now: number): Promise<TeamInvite | undefined> {
    const [row] = await this.#query(
      `DELETE FROM team_invites WHERE secret_hash = $1 AND expires_at > $2 RETURNING ${inviteColumns}`,
      [secretHash, now],
    );
    return row && inviteOf(row);
  }

  async withdrawAllOf(personId: PersonId, account?: AccountId): Promise<void> {
    await this.#query("DELETE FROM team_invites WHERE created_by = $1 AND account = COALESCE($2, account)", [
      personId,
      account ?? null,
    ]);
  }

  /** What may take a team's last owner away is not done then. */
  #taking(statement: string, values: readonly [account: AccountId, personId: PersonId, ...string[]]): Promise<Left> {
    return this.#inTurn(async () => {
      const done = await this.#query(statement, values);
      if (done.length > 0) return "left";
      return (await this.find(values[0], values[1])) ? "last_owner" : "no_member";
    });
  }
}
