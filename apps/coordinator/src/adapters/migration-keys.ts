import { sql, type Kysely } from "kysely";

/**
 * What bounds a key stands in one JSON, as it goes over HTTP; what was its label is its name. Of a key from before, nobody knows
 * the first and last characters.
 */
export const keysMigration = {
  name: "0011_what_bounds_a_key",
  async up(db: Kysely<unknown>) {
    await sql`ALTER TABLE api_keys ADD COLUMN terms TEXT NOT NULL DEFAULT '{}'`.execute(db);
    await sql`ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER`.execute(db);
    // The secret that the latest rotation replaced, and until when it goes on.
    await sql`ALTER TABLE api_keys ADD COLUMN earlier_hash TEXT`.execute(db);
    await sql`ALTER TABLE api_keys ADD COLUMN earlier_until INTEGER`.execute(db);
    await sql`
      UPDATE api_keys SET label = 'eigeninference-…',
        terms = json_object('name', label, 'min_trust', min_trust, 'provider_serials', json(pins))`.execute(db);
    await sql`ALTER TABLE api_keys DROP COLUMN min_trust`.execute(db);
    await sql`ALTER TABLE api_keys DROP COLUMN pins`.execute(db);
    await sql`CREATE UNIQUE INDEX earlier_secrets ON api_keys (earlier_hash) WHERE earlier_hash IS NOT NULL`.execute(
      db,
    );
    await sql`CREATE INDEX keys_of_account ON api_keys (account)`.execute(db);
    await sql`CREATE INDEX keys_by_age ON api_keys (created_at)`.execute(db);
  },
};
