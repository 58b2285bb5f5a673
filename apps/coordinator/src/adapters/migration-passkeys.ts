import { sql, type Kysely } from "kysely";

/** What in somebody's devices signs them in: public halves alone. */
const passkeys = (integer: string, strict: string) => async (db: Kysely<unknown>) => {
  const int = sql.raw(integer);
  await sql`
    CREATE TABLE passkeys (
      passkey_id TEXT PRIMARY KEY,
      credential_id TEXT NOT NULL UNIQUE,
      person_id TEXT NOT NULL REFERENCES people (person_id),
      name TEXT NOT NULL,
      public_key TEXT NOT NULL,
      counter ${int} NOT NULL CHECK (counter >= 0),
      rp_id TEXT NOT NULL,
      created_at ${int} NOT NULL,
      used_at ${int}
    )${sql.raw(strict)}`.execute(db);
  await sql`CREATE INDEX passkeys_of ON passkeys (person_id)`.execute(db);
};

export const sqlitePasskeys = { name: "0020_passkeys", up: passkeys("INTEGER", " STRICT") };
export const postgresPasskeys = { name: "0012_passkeys", up: passkeys("BIGINT", "") };
