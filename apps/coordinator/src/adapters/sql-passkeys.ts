import type { PersonId } from "@darkbloom/protocol/ids";
import { PASSKEYS_PER_PERSON_MAX, type Passkey, type Passkeys } from "../accounts/passkeys.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const columns = "passkey_id, credential_id, person_id, name, public_key, counter, rp_id, created_at, used_at";

const passkeyOf = (row: Row): Passkey => ({
  passkeyId: textOf(row, "passkey_id"),
  credentialId: textOf(row, "credential_id"),
  personId: textOf(row, "person_id") as PersonId,
  name: textOf(row, "name"),
  publicKey: textOf(row, "public_key"),
  counter: Number(row["counter"]),
  rpId: textOf(row, "rp_id"),
  createdAt: Number(row["created_at"]),
  usedAt: timeOf(row, "used_at"),
});

/** Passkeys in either database. */
export class SqlPasskeys implements Passkeys {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add(passkey: Passkey): Promise<boolean> {
    const { passkeyId, credentialId, personId, name, publicKey, counter, rpId, createdAt, usedAt } = passkey;
    const added = await this.#query(
      `INSERT INTO passkeys (${columns}) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
      WHERE NOT EXISTS (SELECT 1 FROM passkeys WHERE credential_id = $2)
        AND (SELECT COUNT(*) FROM passkeys WHERE person_id = $3) < ${PASSKEYS_PER_PERSON_MAX}
      RETURNING 1 AS one`,
      [passkeyId, credentialId, personId, name, publicKey, counter, rpId, createdAt, usedAt],
    );
    return added.length > 0;
  }

  async find(credentialId: string): Promise<Passkey | undefined> {
    const [row] = await this.#query(`SELECT ${columns} FROM passkeys WHERE credential_id = $1`, [credentialId]);
    return row && passkeyOf(row);
  }

  async of(personId: PersonId): Promise<Passkey[]> {
    const rows = await this.#query(
      `SELECT ${columns} FROM passkeys WHERE person_id = $1 ORDER BY created_at, credential_id`,
      [personId],
    );
    return rows.map(passkeyOf);
  }

  async used(credentialId: string, counter: number, at: number): Promise<boolean> {
    const used = await this.#query(
      `UPDATE passkeys SET counter = $2, used_at = $3
      WHERE credential_id = $1 AND (counter < $2 OR counter + $2 = 0) RETURNING 1 AS one`,
      [credentialId, counter, at],
    );
    return used.length > 0;
  }

  async remove(personId: PersonId, passkeyId: string): Promise<boolean> {
    const removed = await this.#query(
      "DELETE FROM passkeys WHERE person_id = $1 AND passkey_id = $2 RETURNING 1 AS one",
      [personId, passkeyId],
    );
    return removed.length > 0;
  }

  async removeOf(personId: PersonId): Promise<void> {
    await this.#query("DELETE FROM passkeys WHERE person_id = $1", [personId]);
  }
}
