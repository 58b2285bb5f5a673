import { sql, type Kysely } from "kysely";

/** Who people are at OpenID providers. A row may be there a moment before its person. */
const identities = (integer: string, strict: string) => async (db: Kysely<unknown>) => {
  const int = sql.raw(integer);
  await sql`
    CREATE TABLE identities (
      issuer TEXT NOT NULL,
      subject TEXT NOT NULL,
      person_id TEXT NOT NULL,
      created_at ${int} NOT NULL,
      left_at ${int},
      PRIMARY KEY (issuer, subject)
    )${sql.raw(strict)}`.execute(db);
  await sql`CREATE INDEX identities_of ON identities (person_id)`.execute(db);
};

export const sqliteIdentities = { name: "0018_identities", up: identities("INTEGER", " STRICT") };
export const postgresIdentities = { name: "0010_identities", up: identities("BIGINT", "") };
