import type { KeyId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Accounts, KeyRecord } from "../accounts/port.ts";
import type { Postgres } from "./postgres.ts";
import { keyRecordOf } from "./sqlite-accounts.ts";

const columns = "key_id, account, label, min_trust, pins, created_at, revoked_at";

/** API keys in PostgreSQL: every query here is one statement and commits by itself. */
export class PostgresAccounts implements Accounts {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async add(keyHash: Sha256Hex, record: KeyRecord): Promise<void> {
    const { keyId, account, label, minTrust, pins, createdAt, revokedAt } = record;
    // What was lost on its way back and is said again is there already; anything else under its hash or id is refused.
    await this.#postgres.query(
      `INSERT INTO api_keys (key_hash, key_id, account, label, min_trust, pins, created_at, revoked_at)
      SELECT $1, $2, $3, $4, $5, $6, $7, $8
      WHERE NOT EXISTS (
        SELECT 1 FROM api_keys WHERE key_hash = $1 AND key_id = $2 AND account = $3 AND label = $4 AND created_at = $7)`,
      [keyHash, keyId, account, label, minTrust, JSON.stringify(pins), createdAt, revokedAt],
    );
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const [row] = await this.#postgres.query(`SELECT ${columns} FROM api_keys WHERE key_hash = $1`, [keyHash]);
    return row && keyRecordOf(row);
  }

  async list(): Promise<KeyRecord[]> {
    return (await this.#postgres.query(`SELECT ${columns} FROM api_keys ORDER BY created_at, seq`)).map(keyRecordOf);
  }

  async revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    const [row] = await this.#postgres.query(
      `UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE key_id = $2 RETURNING ${columns}`,
      [at, keyId],
    );
    return row && keyRecordOf(row);
  }
}
