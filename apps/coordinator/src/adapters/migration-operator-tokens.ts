import { sql, type Kysely } from "kysely";

/** Operators' tokens for programs, in the SQL of both databases but for the word for a long integer. Scopes are words with spaces between. */
const operatorTokens = (long: "INTEGER" | "BIGINT", ending: string) => async (db: Kysely<unknown>) => {
  await sql
    .raw(
      `CREATE TABLE operator_tokens (
        secret_hash TEXT PRIMARY KEY,
        token_id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_by TEXT,
        created_at ${long} NOT NULL,
        expires_at ${long} NOT NULL,
        revoked_at ${long}
      )${ending}`,
    )
    .execute(db);
};

export const sqliteOperatorTokens = { name: "0013_operator_tokens", up: operatorTokens("INTEGER", " STRICT") };
export const postgresOperatorTokens = { name: "0005_operator_tokens", up: operatorTokens("BIGINT", "") };
