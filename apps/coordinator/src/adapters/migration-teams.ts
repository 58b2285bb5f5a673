import { sql, type Kysely } from "kysely";

/** Teams, who is in them and who may join, and who made a key: in the SQL of both databases but for the word for a long integer. */
const teams = (long: "INTEGER" | "BIGINT", ending: string) => async (db: Kysely<unknown>) => {
  for (const statement of [
    // What no key of the team goes beyond stands in one JSON, as it goes over HTTP.
    `CREATE TABLE teams (
      account TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      terms TEXT NOT NULL,
      created_at ${long} NOT NULL
    )${ending}`,
    `CREATE TABLE team_members (
      account TEXT NOT NULL,
      person_id TEXT NOT NULL,
      role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
      joined_at ${long} NOT NULL,
      PRIMARY KEY (account, person_id)
    )${ending}`,
    "CREATE INDEX teams_of ON team_members (person_id)",
    `CREATE TABLE team_invites (
      secret_hash TEXT PRIMARY KEY,
      invite_id TEXT NOT NULL UNIQUE,
      account TEXT NOT NULL,
      role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
      created_by TEXT NOT NULL,
      created_at ${long} NOT NULL,
      expires_at ${long} NOT NULL
    )${ending}`,
    "CREATE INDEX team_invites_of ON team_invites (account)",
    "ALTER TABLE api_keys ADD COLUMN created_by TEXT",
    "CREATE INDEX keys_by ON api_keys (created_by) WHERE created_by IS NOT NULL",
  ])
    await sql.raw(statement).execute(db);
};

export const sqliteTeams = { name: "0012_teams", up: teams("INTEGER", " STRICT") };
export const postgresTeams = { name: "0004_teams", up: teams("BIGINT", "") };
