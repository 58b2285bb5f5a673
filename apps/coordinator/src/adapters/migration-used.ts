import { sql, type Kysely } from "kysely";

/**
 * What each key has used, by the UTC day in which its holds were taken: windows of any kind are made of days. Day -1 is every
 * earlier one. What was settled before has been used too.
 */
export const usedMigration = {
  name: "0014_what_a_key_has_used",
  async up(db: Kysely<unknown>) {
    await sql`
      CREATE TABLE used (
        subject TEXT NOT NULL,
        day INTEGER NOT NULL CHECK (day >= -1),
        micro_usd INTEGER NOT NULL CHECK (micro_usd >= 0),
        tokens INTEGER NOT NULL CHECK (tokens >= 0),
        PRIMARY KEY (subject, day)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`CREATE INDEX used_by_day ON used (day)`.execute(db);
    // Of a settlement's tokens those that count: none of an answer that the platform paid for.
    await sql`ALTER TABLE settlements ADD COLUMN counted_tokens INTEGER NOT NULL DEFAULT 0`.execute(db);
    await sql`ALTER TABLE usage_days ADD COLUMN counted_tokens INTEGER NOT NULL DEFAULT 0`.execute(db);
    await sql`
      UPDATE settlements SET counted_tokens = prompt_tokens + completion_tokens
      WHERE prompt_tokens IS NOT NULL AND paid_by_platform = 0`.execute(db);
    await sql`
      UPDATE usage_days SET counted_tokens = prompt_tokens + completion_tokens WHERE paid_by_platform = 0`.execute(db);
    await sql`
      INSERT INTO used (subject, day, micro_usd, tokens)
      SELECT key_id, day, SUM(charge), SUM(counted_tokens)
      FROM (
        SELECT key_id, held_at / 86400000 AS day, charge, counted_tokens FROM settlements
        UNION ALL SELECT key_id, -1, charge, counted_tokens FROM usage_days)
      GROUP BY key_id, day HAVING SUM(charge) > 0 OR SUM(counted_tokens) > 0`.execute(db);
  },
};
