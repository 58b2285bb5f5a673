import type { DatabaseSync } from "node:sqlite";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { sql, type Kysely } from "kysely";
import type { Accounts, KeyRecord } from "../accounts/port.ts";
import { kyselyOver } from "./kysely-node-sqlite.ts";
import { throwAsStorageFailure } from "./storage-failure.ts";

interface Tables {
  api_keys: {
    key_hash: Sha256Hex;
    key_id: KeyId;
    account: AccountId;
    label: string;
    min_trust: TrustLevel | null;
    pins: string;
    created_at: number;
    revoked_at: number | null;
  };
}

const columns = [
  "key_id as keyId",
  "account",
  "label",
  "min_trust as minTrust",
  "pins",
  "created_at as createdAt",
  "revoked_at as revokedAt",
] as const;

type Row = Omit<KeyRecord, "pins"> & { readonly pins: string };

/** What we have written ourselves, as a list of serials. */
const recordOf = (row: Row): KeyRecord => ({ ...row, pins: JSON.parse(row.pins) as Serial[] });

/** API keys in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteAccounts implements Accounts {
  readonly #db: Kysely<Tables>;
  readonly #changed: () => void;

  /**
   * @param database opened by `openDatabase`
   * @param changed called behind each change, before anybody is told of it
   */
  constructor(database: DatabaseSync, changed = () => {}) {
    this.#changed = changed;
    this.#db = kyselyOver<Tables>(database);
  }

  async add(keyHash: Sha256Hex, record: KeyRecord): Promise<void> {
    await this.#db
      .insertInto("api_keys")
      .values({
        key_hash: keyHash,
        key_id: record.keyId,
        account: record.account,
        label: record.label,
        min_trust: record.minTrust,
        pins: JSON.stringify(record.pins),
        created_at: record.createdAt,
        revoked_at: record.revokedAt,
      })
      .execute()
      .catch(throwAsStorageFailure);
    this.#changed();
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const row = await this.#db
      .selectFrom("api_keys")
      .select(columns)
      .where("key_hash", "=", keyHash)
      .executeTakeFirst()
      .catch(throwAsStorageFailure);
    return row && recordOf(row);
  }

  async list(): Promise<KeyRecord[]> {
    const rows = await this.#db
      .selectFrom("api_keys")
      .select(columns)
      .orderBy("created_at")
      .orderBy(sql`rowid`)
      .execute()
      .catch(throwAsStorageFailure);
    return rows.map(recordOf);
  }

  async revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    const row = await this.#db
      .updateTable("api_keys")
      .set((eb) => ({ revoked_at: eb.fn.coalesce("revoked_at", eb.val(at)) }))
      .where("key_id", "=", keyId)
      .returning(columns)
      .executeTakeFirst()
      .catch(throwAsStorageFailure);
    this.#changed();
    return row && recordOf(row);
  }
}
