import type { DatabaseSync } from "node:sqlite";
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
import { SYNC_LATER, SYNC_NOW } from "./group-commit.ts";
import { keyColumns, keyFoundBy, keyRecordOf } from "./key-row.ts";
import type { Row } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";
import { readStorage } from "./storage-failure.ts";

const accountsSql = {
  add: `
    INSERT INTO api_keys (key_hash, key_id, account, created_by, label, terms, created_at, last_used_at, revoked_at)
    SELECT :keyHash, :keyId, :account, :createdBy, :label, :terms, :createdAt, :lastUsedAt, :revokedAt
    WHERE (SELECT COUNT(*) FROM api_keys WHERE account = :account AND revoked_at IS NULL) < :liveMax`,
  find: `SELECT ${keyColumns} FROM api_keys WHERE key_hash = :hash OR earlier_hash = :hash`,
  byId: `SELECT ${keyColumns} FROM api_keys WHERE key_id = ?`,
  list: `
    SELECT ${keyColumns} FROM api_keys
    WHERE :after IS NULL OR (created_at, rowid) > (SELECT created_at, rowid FROM api_keys WHERE key_id = :after)
    ORDER BY created_at, rowid LIMIT :rows`,
  listOf: `
    SELECT ${keyColumns} FROM api_keys
    WHERE account = :account AND (:createdBy IS NULL OR created_by = :createdBy) AND (:after IS NULL OR
      (created_at, rowid) > (SELECT created_at, rowid FROM api_keys WHERE key_id = :after AND account = :account))
    ORDER BY created_at, rowid LIMIT :rows`,
  liveBy: `
    SELECT ${keyColumns} FROM api_keys WHERE created_by = ? AND revoked_at IS NULL ORDER BY created_at, rowid`,
  // Null takes a field away, which then bounds nothing: https://www.sqlite.org/json1.html#jpatch
  change: `UPDATE api_keys SET terms = json_patch(terms, ?) WHERE key_id = ? RETURNING ${keyColumns}`,
  rotate: `
    UPDATE api_keys SET earlier_hash = IIF(:until IS NULL, NULL, key_hash), earlier_until = :until, key_hash = :hash,
      label = :label
    WHERE key_id = :keyId RETURNING ${keyColumns}`,
  revoke: `UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE key_id = ? RETURNING ${keyColumns}`,
  forgetWords: `
    UPDATE api_keys SET terms = '{}' WHERE revoked_at IS NOT NULL AND (account = :account OR created_by = :personId)`,
  used: `
    UPDATE api_keys SET last_used_at = :at
    WHERE key_id = :keyId AND (last_used_at IS NULL OR last_used_at <= :at - ${KEY_USED_EVERY_MS})`,
} as const;

/** API keys in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteAccounts implements Accounts {
  readonly #sql: Prepared<keyof typeof accountsSql>;
  readonly #database: DatabaseSync;
  readonly #changed: () => void;

  /**
   * @param database opened by `openDatabase`
   * @param changed called behind each change, before anybody is told of it
   */
  constructor(database: DatabaseSync, changed = () => {}) {
    this.#database = database;
    this.#changed = changed;
    this.#sql = prepareAll(database, accountsSql, "numbers");
  }

  async add(keyHash: Sha256Hex, record: KeyRecord, liveMax = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const { keyId, account, createdBy, label, createdAt, lastUsedAt, revokedAt } = record;
    const terms = JSON.stringify(tellTerms(record));
    const row = { keyHash, keyId, account, createdBy, label, terms, createdAt, lastUsedAt, revokedAt, liveMax };
    const { changes } = readStorage(() => this.#sql.add.run(row));
    if (changes > 0) this.#changed();
    return changes > 0;
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const row = readStorage(() => this.#sql.find.get({ hash: keyHash }));
    return row && keyFoundBy(row, keyHash);
  }

  async byId(keyId: KeyId): Promise<KeyRecord | undefined> {
    const row = readStorage(() => this.#sql.byId.get(keyId));
    return row && keyRecordOf(row);
  }

  async list(account?: AccountId, { rows = -1, after, createdBy }: Partial<KeyPage> = {}): Promise<KeyRecord[]> {
    const page = { after: after ?? null, rows };
    const listed = readStorage(() =>
      account === undefined
        ? this.#sql.list.all(page)
        : this.#sql.listOf.all({ account, createdBy: createdBy ?? null, ...page }),
    );
    return listed.map(keyRecordOf);
  }

  async liveBy(personId: PersonId): Promise<KeyRecord[]> {
    return readStorage(() => this.#sql.liveBy.all(personId)).map(keyRecordOf);
  }

  async change(keyId: KeyId, change: Partial<KeyTerms>): Promise<KeyRecord | undefined> {
    return this.#update(() => this.#sql.change.get(JSON.stringify(tellChange(change)), keyId));
  }

  async rotate(keyId: KeyId, to: RotatedTo, earlierUntil: number | null): Promise<KeyRecord | undefined> {
    const { keyHash: hash, label } = to;
    return this.#update(() => this.#sql.rotate.get({ until: earlierUntil, hash, label, keyId }));
  }

  async revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    return this.#update(() => this.#sql.revoke.get(at, keyId));
  }

  async forgetWords({ account, personId }: Parameters<Accounts["forgetWords"]>[0]): Promise<void> {
    readStorage(() => this.#sql.forgetWords.run({ account, personId }));
    this.#changed();
  }

  /** Nobody waits for the disk: a use that a crash forgets is written with the next. */
  async used(keyId: KeyId, at: number): Promise<void> {
    readStorage(() => {
      this.#database.exec(SYNC_LATER);
      try {
        this.#sql.used.run({ at, keyId });
      } finally {
        this.#database.exec(SYNC_NOW);
      }
    });
  }

  #update(update: () => Row | undefined): KeyRecord | undefined {
    const row = readStorage(update);
    this.#changed();
    return row && keyRecordOf(row);
  }
}
