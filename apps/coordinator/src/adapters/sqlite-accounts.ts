import type { DatabaseSync } from "node:sqlite";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Accounts, KeyRecord } from "../accounts/port.ts";
import { textOf, type Row } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";
import { readStorage } from "./storage-failure.ts";

const columns = "key_id, account, label, min_trust, pins, created_at, revoked_at";

const accountsSql = {
  add: `
    INSERT INTO api_keys (key_hash, key_id, account, label, min_trust, pins, created_at, revoked_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  find: `SELECT ${columns} FROM api_keys WHERE key_hash = ?`,
  list: `SELECT ${columns} FROM api_keys ORDER BY created_at, rowid`,
  revoke: `UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE key_id = ? RETURNING ${columns}`,
} as const;

/** What we have written ourselves: the level is one of ours, and the pins are a list of serials. */
export const keyRecordOf = (row: Row): KeyRecord => ({
  keyId: textOf(row, "key_id") as KeyId,
  account: textOf(row, "account") as AccountId,
  label: textOf(row, "label"),
  minTrust: row["min_trust"] as TrustLevel | null,
  pins: JSON.parse(textOf(row, "pins")) as Serial[],
  createdAt: Number(row["created_at"]),
  revokedAt: row["revoked_at"] === null ? null : Number(row["revoked_at"]),
});

/** API keys in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteAccounts implements Accounts {
  readonly #sql: Prepared<keyof typeof accountsSql>;
  readonly #changed: () => void;

  /**
   * @param database opened by `openDatabase`
   * @param changed called behind each change, before anybody is told of it
   */
  constructor(database: DatabaseSync, changed = () => {}) {
    this.#changed = changed;
    this.#sql = prepareAll(database, accountsSql, "numbers");
  }

  async add(keyHash: Sha256Hex, record: KeyRecord): Promise<void> {
    const { keyId, account, label, minTrust, pins, createdAt, revokedAt } = record;
    readStorage(() =>
      this.#sql.add.run(keyHash, keyId, account, label, minTrust, JSON.stringify(pins), createdAt, revokedAt),
    );
    this.#changed();
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const row = readStorage(() => this.#sql.find.get(keyHash));
    return row && keyRecordOf(row);
  }

  async list(): Promise<KeyRecord[]> {
    return readStorage(() => this.#sql.list.all()).map(keyRecordOf);
  }

  async revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    const row = readStorage(() => this.#sql.revoke.get(at, keyId));
    this.#changed();
    return row && keyRecordOf(row);
  }
}
