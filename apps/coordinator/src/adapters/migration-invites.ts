import { sql, type Kysely } from "kysely";

/** Who was asked to come; what was used, revoked or is over stays, for whoever wants to know how somebody came. */
const invites = (seq: string, integer: string, strict: string) => async (db: Kysely<unknown>) => {
  const [seqType, int] = [sql.raw(seq), sql.raw(integer)];
  await sql`
    CREATE TABLE invites (
      seq ${seqType},
      invite_id TEXT NOT NULL UNIQUE,
      secret_hash TEXT UNIQUE,
      mail TEXT,
      role TEXT NOT NULL CHECK (role IN ('operator', 'member')),
      created_at ${int} NOT NULL,
      expires_at ${int} NOT NULL,
      used_at ${int},
      used_by TEXT,
      revoked_at ${int}
    )${sql.raw(strict)}`.execute(db);
  await sql`CREATE INDEX invites_of_mail ON invites (mail) WHERE mail IS NOT NULL`.execute(db);
};

export const sqliteInvites = { name: "0015_invites", up: invites("INTEGER PRIMARY KEY", "INTEGER", " STRICT") };
export const postgresInvites = {
  name: "0007_invites",
  up: invites("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BIGINT", ""),
};
