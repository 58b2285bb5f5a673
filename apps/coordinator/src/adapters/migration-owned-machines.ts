import { sql, type Kysely } from "kysely";

/** Who owns which machine, in the SQL of both databases but for the word for a long integer. */
const ownedMachines = (long: "INTEGER" | "BIGINT", ending: string) => async (db: Kysely<unknown>) => {
  await sql
    .raw(
      `CREATE TABLE owned_machines (
        account TEXT NOT NULL,
        machine_id TEXT NOT NULL,
        name TEXT NOT NULL,
        private_only INTEGER NOT NULL CHECK (private_only IN (0, 1)),
        approved_by TEXT NOT NULL,
        created_at ${long} NOT NULL,
        token_hash TEXT NOT NULL UNIQUE,
        proven_at ${long},
        last_seen_at ${long},
        PRIMARY KEY (account, machine_id)
      )${ending}`,
    )
    .execute(db);
};

export const sqliteOwnedMachines = { name: "0016_owned_machines", up: ownedMachines("INTEGER", " STRICT") };
export const postgresOwnedMachines = { name: "0008_owned_machines", up: ownedMachines("BIGINT", "") };
