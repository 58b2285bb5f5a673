import type { AccountId, KeyId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { tellChange, tellTerms } from "../accounts/key-terms.ts";
import {
  KEY_USED_EVERY_MS,
  type Accounts,
  type KeyPage,
  type KeyRecord,
  type KeyTerms,
  type RotatedTo,
} from "../accounts/port.ts";
import { keyColumns, keyFoundBy, keyRecordOf } from "./key-row.ts";
import type { Postgres } from "./postgres.ts";

/** The first half of the lock of those who add keys, the second is the account; no other lock here has two halves. */
const ADDING_KEYS = 1;

/** API keys in PostgreSQL: every query here but that of `add` is one statement and commits by itself. */
export class PostgresAccounts implements Accounts {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async add(keyHash: Sha256Hex, record: KeyRecord, liveMax = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const { keyId, account, createdBy, label, createdAt, lastUsedAt, revokedAt } = record;
    return await this.#postgres.transaction(async (query) => {
      // Who adds a key of this account at the same moment, in whichever process, counts behind us.
      await query("SELECT pg_advisory_xact_lock($1, hashtext($2))", [ADDING_KEYS, account]);
      // What was lost on its way back and is said again is there already; anything else under its hash or id is refused.
      const same = "key_hash = $1 AND key_id = $2 AND account = $3 AND label = $4 AND created_at = $5";
      const known = [keyHash, keyId, account, label, createdAt];
      if ((await query(`SELECT 1 FROM api_keys WHERE ${same}`, known)).length > 0) return true;
      const added = await query(
        `INSERT INTO api_keys (key_hash, key_id, account, label, created_at, terms, last_used_at, revoked_at, created_by)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $10
        WHERE (SELECT COUNT(*) FROM api_keys WHERE account = $3 AND revoked_at IS NULL) < $9 RETURNING key_id`,
        [...known, JSON.stringify(tellTerms(record)), lastUsedAt, revokedAt, liveMax, createdBy],
      );
      return added.length > 0;
    });
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const found = `SELECT ${keyColumns} FROM api_keys WHERE key_hash = $1 OR earlier_hash = $1`;
    const [row] = await this.#postgres.query(found, [keyHash]);
    return row && keyFoundBy(row, keyHash);
  }

  byId(keyId: KeyId): Promise<KeyRecord | undefined> {
    return this.#one(`SELECT ${keyColumns} FROM api_keys WHERE key_id = $1`, [keyId]);
  }

  async list(account?: AccountId, { rows, after, createdBy }: Partial<KeyPage> = {}): Promise<KeyRecord[]> {
    const listed = `
      SELECT ${keyColumns} FROM api_keys
      WHERE ($1::text IS NULL OR account = $1) AND ($4::text IS NULL OR created_by = $4) AND ($2::text IS NULL OR
        (created_at, seq) > (SELECT created_at, seq FROM api_keys WHERE key_id = $2 AND ($1::text IS NULL OR account = $1)))
      ORDER BY created_at, seq LIMIT $3::bigint`;
    return (await this.#postgres.query(listed, [account, after, rows, createdBy])).map(keyRecordOf);
  }

  async liveBy(personId: PersonId): Promise<KeyRecord[]> {
    const made = `
      SELECT ${keyColumns} FROM api_keys WHERE created_by = $1 AND revoked_at IS NULL ORDER BY created_at, seq`;
    return (await this.#postgres.query(made, [personId])).map(keyRecordOf);
  }

  change(keyId: KeyId, change: Partial<KeyTerms>): Promise<KeyRecord | undefined> {
    return this.#one(`UPDATE api_keys SET terms = terms || $1::jsonb WHERE key_id = $2 RETURNING ${keyColumns}`, [
      JSON.stringify(tellChange(change)),
      keyId,
    ]);
  }

  /** Said again since its answer was lost, it leaves the secrets as the first time did. */
  rotate(keyId: KeyId, to: RotatedTo, earlierUntil: number | null): Promise<KeyRecord | undefined> {
    return this.#one(
      `UPDATE api_keys SET
        earlier_hash = CASE WHEN key_hash = $3 THEN earlier_hash WHEN $1::bigint IS NULL THEN NULL ELSE key_hash END,
        earlier_until = $1, key_hash = $3, label = $4
      WHERE key_id = $2 RETURNING ${keyColumns}`,
      [earlierUntil, keyId, to.keyHash, to.label],
    );
  }

  revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    return this.#one(
      `UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE key_id = $2 RETURNING ${keyColumns}`,
      [at, keyId],
    );
  }

  async forgetWords({ account, personId }: Parameters<Accounts["forgetWords"]>[0]): Promise<void> {
    await this.#postgres.query(
      "UPDATE api_keys SET terms = '{}' WHERE revoked_at IS NOT NULL AND (account = $1 OR created_by = $2)",
      [account, personId],
    );
  }

  async used(keyId: KeyId, at: number): Promise<void> {
    await this.#postgres.query(
      `UPDATE api_keys SET last_used_at = $1
      WHERE key_id = $2 AND (last_used_at IS NULL OR last_used_at <= $1::bigint - ${KEY_USED_EVERY_MS})`,
      [at, keyId],
    );
  }

  async #one(statement: string, values: readonly unknown[]): Promise<KeyRecord | undefined> {
    const [row] = await this.#postgres.query(statement, values);
    return row && keyRecordOf(row);
  }
}
