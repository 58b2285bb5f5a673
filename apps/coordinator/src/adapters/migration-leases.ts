import { sql } from "kysely";
import type { Migration } from "./migrations.ts";

/** What several coordinators of one database need, and a single one has no use for. */
export const postgresLeases: Migration = {
  name: "0013_leases",
  async up(db) {
    // One row for each coordinator that lives. Who finds another's time over takes its row away.
    await sql`
      CREATE TABLE leases (
        lease TEXT PRIMARY KEY,
        number BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
        expires_at TIMESTAMPTZ NOT NULL
      ) WITH (fillfactor = 50)`.execute(db);
    // The transparency log's checkpoint that all of them publish.
    await sql`
      CREATE TABLE log_heads (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        size BIGINT NOT NULL,
        note TEXT NOT NULL
      )`.execute(db);
    // By whom an answer that is owed is on its way to its caller.
    await sql`ALTER TABLE idempotency_keys ADD COLUMN carried_by TEXT`.execute(db);
  },
};
