import type { AccountId, PersonId, SessionId, Sha256Hex } from "@darkbloom/protocol/ids";
import { INVITES_TOLD_MAX, type Invite, type Invites } from "../accounts/admission.ts";
import {
  SESSIONS_PER_PERSON_MAX,
  type People,
  type Person,
  type Role,
  type Session,
  type SessionKind,
  type SignedIn,
} from "../accounts/people.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const personColumns = "person_id, name, mail, role, account, created_at, disabled_at";
const sessionColumns = "session_id, person_id, kind, client, created_at, used_at, expires_at";

/** What we have written ourselves: roles and kinds are ours by the tables' own rules. */
const personOf = (row: Row): Person => ({
  personId: textOf(row, "person_id") as PersonId,
  name: textOf(row, "name"),
  mail: row["mail"] === null ? null : textOf(row, "mail"),
  role: textOf(row, "role") as Role,
  account: textOf(row, "account") as AccountId,
  createdAt: Number(row["created_at"]),
  disabledAt: timeOf(row, "disabled_at"),
});

const sessionOf = (row: Row): Session => ({
  sessionId: textOf(row, "session_id") as SessionId,
  personId: textOf(row, "person_id") as PersonId,
  kind: textOf(row, "kind") as SessionKind,
  client: textOf(row, "client"),
  createdAt: Number(row["created_at"]),
  usedAt: Number(row["used_at"]),
  expiresAt: Number(row["expires_at"]),
});

/** People and sessions in either database. Each statement comes to the same when it is made twice. */
export class SqlPeople implements People {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add({ personId, name, mail, role, account, createdAt, disabledAt }: Person): Promise<void> {
    await this.#query(
      `INSERT INTO people (${personColumns}) SELECT $1, $2, $3, $4, $5, $6, $7
      WHERE NOT EXISTS (SELECT 1 FROM people WHERE person_id = $1)`,
      [personId, name, mail, role, account, createdAt, disabledAt],
    );
  }

  async person(personId: PersonId): Promise<Person | undefined> {
    const [row] = await this.#query(`SELECT ${personColumns} FROM people WHERE person_id = $1`, [personId]);
    return row && personOf(row);
  }

  async personOf(account: AccountId): Promise<Person | undefined> {
    const [row] = await this.#query(`SELECT ${personColumns} FROM people WHERE account = $1`, [account]);
    return row && personOf(row);
  }

  async byMail(mail: string): Promise<Person | undefined> {
    const [row] = await this.#query(`SELECT ${personColumns} FROM people WHERE mail = $1`, [mail]);
    return row && personOf(row);
  }

  async list(): Promise<Person[]> {
    return (await this.#query(`SELECT ${personColumns} FROM people ORDER BY created_at, seq`, [])).map(personOf);
  }

  async change(
    personId: PersonId,
    { role, disabledAt }: Partial<Pick<Person, "role" | "disabledAt">>,
  ): Promise<Person | undefined> {
    const [row] = await this.#query(
      `UPDATE people SET role = COALESCE($2, role),
        disabled_at = CASE WHEN CAST($3 AS BIGINT) = 1 THEN CAST($4 AS BIGINT) ELSE disabled_at END
      WHERE person_id = $1 RETURNING ${personColumns}`,
      [personId, role ?? null, disabledAt === undefined ? 0 : 1, disabledAt ?? null],
    );
    return row && personOf(row);
  }

  /** Sessions first, whose words name them too. */
  async erase(personId: PersonId, at: number): Promise<Person | undefined> {
    await this.endSessions(personId);
    const [row] = await this.#query(
      `UPDATE people SET name = '', mail = NULL, role = 'member', disabled_at = COALESCE(disabled_at, CAST($2 AS BIGINT))
      WHERE person_id = $1 RETURNING ${personColumns}`,
      [personId, at],
    );
    return row && personOf(row);
  }

  async addSession(secretHash: Sha256Hex, session: Session): Promise<void> {
    const { sessionId, personId, kind, client, createdAt, usedAt, expiresAt } = session;
    await this.#query(
      `DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions WHERE person_id = $1 AND session_id <> $2
        ORDER BY used_at DESC, created_at DESC LIMIT 1000 OFFSET ${SESSIONS_PER_PERSON_MAX - 1})`,
      [personId, sessionId],
    );
    await this.#query(
      `INSERT INTO sessions (secret_hash, ${sessionColumns}) SELECT $1, $2, $3, $4, $5, $6, $7, $8
      WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE secret_hash = $1 AND session_id = $2)`,
      [secretHash, sessionId, personId, kind, client, createdAt, usedAt, expiresAt],
    );
  }

  async findSession(secretHash: Sha256Hex): Promise<SignedIn | undefined> {
    const [session] = await this.#query(`SELECT ${sessionColumns} FROM sessions WHERE secret_hash = $1`, [secretHash]);
    if (!session) return undefined;
    const person = await this.person(textOf(session, "person_id") as PersonId);
    return person && { person, session: sessionOf(session) };
  }

  async sessionsOf(personId: PersonId): Promise<Session[]> {
    const rows = await this.#query(
      `SELECT ${sessionColumns} FROM sessions WHERE person_id = $1 ORDER BY used_at DESC, created_at DESC`,
      [personId],
    );
    return rows.map(sessionOf);
  }

  async usedSession(sessionId: SessionId, at: number): Promise<void> {
    await this.#query("UPDATE sessions SET used_at = $2 WHERE session_id = $1", [sessionId, at]);
  }

  async endSession(personId: PersonId, sessionId: SessionId): Promise<boolean> {
    const ended = await this.#query(
      "DELETE FROM sessions WHERE person_id = $1 AND session_id = $2 RETURNING 1 AS one",
      [personId, sessionId],
    );
    return ended.length > 0;
  }

  async endSessions(personId: PersonId): Promise<void> {
    await this.#query("DELETE FROM sessions WHERE person_id = $1", [personId]);
  }
}

const inviteColumns = "invite_id, mail, role, created_at, expires_at, used_at, used_by, revoked_at";
const isOpen = "used_at IS NULL AND revoked_at IS NULL";

const inviteOf = (row: Row): Invite => ({
  inviteId: textOf(row, "invite_id"),
  mail: row["mail"] === null ? null : textOf(row, "mail"),
  role: textOf(row, "role") as Role,
  createdAt: Number(row["created_at"]),
  expiresAt: Number(row["expires_at"]),
  usedAt: timeOf(row, "used_at"),
  usedBy: row["used_by"] === null ? null : (textOf(row, "used_by") as PersonId),
  revokedAt: timeOf(row, "revoked_at"),
});

/** Invites in either database. Each statement comes to the same when it is made twice. */
export class SqlInvites implements Invites {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add(secretHash: Sha256Hex | null, invite: Invite): Promise<void> {
    const { inviteId, mail, role, createdAt, expiresAt } = invite;
    await this.#query(
      `INSERT INTO invites (invite_id, secret_hash, mail, role, created_at, expires_at) SELECT $1, $2, $3, $4, $5, $6
      WHERE NOT EXISTS (SELECT 1 FROM invites WHERE invite_id = $1)`,
      [inviteId, secretHash, mail, role, createdAt, expiresAt],
    );
  }

  async list(): Promise<Invite[]> {
    const rows = await this.#query(
      `SELECT ${inviteColumns} FROM invites ORDER BY seq DESC LIMIT ${INVITES_TOLD_MAX}`,
      [],
    );
    return rows.map(inviteOf);
  }

  async countOpen(now: number): Promise<number> {
    const [row] = await this.#query(`SELECT COUNT(*) AS open FROM invites WHERE ${isOpen} AND expires_at > $1`, [now]);
    return Number(row?.["open"]);
  }

  async openFor(mail: string, now: number): Promise<Invite | undefined> {
    const [row] = await this.#query(
      `SELECT ${inviteColumns} FROM invites WHERE mail = $1 AND ${isOpen} AND expires_at > $2 ORDER BY seq LIMIT 1`,
      [mail, now],
    );
    return row && inviteOf(row);
  }

  async openBy(secretHash: Sha256Hex, now: number): Promise<Invite | undefined> {
    const [row] = await this.#query(
      `SELECT ${inviteColumns} FROM invites WHERE secret_hash = $1 AND ${isOpen} AND expires_at > $2`,
      [secretHash, now],
    );
    return row && inviteOf(row);
  }

  async use(inviteId: string, by: PersonId, now: number): Promise<boolean> {
    const used = await this.#query(
      `UPDATE invites SET used_at = $3, used_by = $2
      WHERE invite_id = $1 AND (${isOpen} OR used_by = $2) AND expires_at > $3 RETURNING 1 AS one`,
      [inviteId, by, now],
    );
    return used.length > 0;
  }

  async forget({ personId, mail }: Pick<Person, "personId" | "mail">, at: number): Promise<void> {
    await this.#query(
      `UPDATE invites SET mail = NULL,
        revoked_at = CASE WHEN used_at IS NULL THEN COALESCE(revoked_at, CAST($3 AS BIGINT)) ELSE revoked_at END
      WHERE used_by = $1 OR mail = CAST($2 AS TEXT)`,
      [personId, mail, at],
    );
  }

  async revoke(inviteId: string, now: number): Promise<Invite | undefined> {
    const [row] = await this.#query(
      `UPDATE invites SET revoked_at = COALESCE(revoked_at, CAST($2 AS BIGINT))
      WHERE invite_id = $1 AND used_at IS NULL RETURNING ${inviteColumns}`,
      [inviteId, now],
    );
    return row && inviteOf(row);
  }
}
