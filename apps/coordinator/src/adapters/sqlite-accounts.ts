import type { DatabaseSync } from "node:sqlite";
import type { AccountId, KeyId, Sha256Hex } from "@darkbloom/protocol";
import { sql, type Kysely } from "kysely";
import type { Accounts, KeyRecord } from "../accounts/port.ts";
import { kyselyOver } from "./kysely-node-sqlite.ts";

interface Tables {
  api_keys: {
    key_hash: Sha256Hex;
    key_id: KeyId;
    account: AccountId;
    label: string;
    created_at: number;
    revoked_at: number | null;
  };
}

const columns = ["key_id as keyId", "account", "label", "created_at as createdAt", "revoked_at as revokedAt"] as const;

/** API keys in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteAccounts implements Accounts {
  readonly #db: Kysely<Tables>;

  /** @param database opened by `openDatabase` */
  constructor(database: DatabaseSync) {
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
        created_at: record.createdAt,
        revoked_at: record.revokedAt,
      })
      .execute();
  }

  find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    return this.#db.selectFrom("api_keys").select(columns).where("key_hash", "=", keyHash).executeTakeFirst();
  }

  list(): Promise<KeyRecord[]> {
    return this.#db
      .selectFrom("api_keys")
      .select(columns)
      .orderBy("created_at")
      .orderBy(sql`rowid`)
      .execute();
  }

  revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    return this.#db
      .updateTable("api_keys")
      .set((row) => ({ revoked_at: row.fn.coalesce("revoked_at", row.val(at)) }))
      .where("key_id", "=", keyId)
      .returning(columns)
      .executeTakeFirst();
  }
}
