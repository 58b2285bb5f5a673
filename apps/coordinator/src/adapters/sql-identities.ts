import type { PersonId } from "@darkbloom/protocol/ids";
import type { Identities, Identity } from "../accounts/identities.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const columns = "issuer, subject, person_id, created_at, left_at";

const identityOf = (row: Row): Identity => ({
  issuer: textOf(row, "issuer"),
  subject: textOf(row, "subject"),
  personId: textOf(row, "person_id") as PersonId,
  createdAt: Number(row["created_at"]),
  leftAt: timeOf(row, "left_at"),
});

/** Identities in either database. Each statement comes to the same when it is made twice. */
export class SqlIdentities implements Identities {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async put({ issuer, subject, personId, createdAt, leftAt }: Identity): Promise<void> {
    await this.#query(
      `INSERT INTO identities (${columns}) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (issuer, subject) DO UPDATE
      SET person_id = excluded.person_id, created_at = excluded.created_at, left_at = excluded.left_at`,
      [issuer, subject, personId, createdAt, leftAt],
    );
  }

  async find(issuer: string, subject: string): Promise<Identity | undefined> {
    const [row] = await this.#query(`SELECT ${columns} FROM identities WHERE issuer = $1 AND subject = $2`, [
      issuer,
      subject,
    ]);
    return row && identityOf(row);
  }

  async of(personId: PersonId): Promise<Identity[]> {
    const rows = await this.#query(
      `SELECT ${columns} FROM identities WHERE person_id = $1 ORDER BY created_at, issuer, subject`,
      [personId],
    );
    return rows.map(identityOf);
  }

  async removeOf(personId: PersonId): Promise<void> {
    await this.#query("DELETE FROM identities WHERE person_id = $1", [personId]);
  }
}
