import { sql, type Kysely } from "kysely";

/**
 * From holds in the database to holds in memory: those that are open are released, as at every start before, and no more come.
 * And from receipts by their job to receipts by the number of their settlement, behind which they are written.
 *
 * A receipt outlives its settlement after 400 days at the earliest, which no database has seen yet.
 */
export const holdsMigration = {
  name: "0009_holds_in_memory",
  async up(db: Kysely<unknown>) {
    await releaseHolds(db);
    await sql`DROP TABLE holds`.execute(db);
    await sql`
      CREATE TABLE new_receipts (
        seq INTEGER PRIMARY KEY REFERENCES settlements,
        document TEXT NOT NULL,
        packed BLOB,
        sha256 BLOB,
        log_index INTEGER,
        expires_at INTEGER NOT NULL
      ) STRICT`.execute(db);
    await sql`
      INSERT INTO new_receipts (seq, document, packed, sha256, log_index, expires_at)
      SELECT seq, document, packed, sha256, log_index, expires_at FROM receipts JOIN settlements USING (job_id)
      ORDER BY seq`.execute(db);
    await sql`DROP TABLE receipts`.execute(db);
    await sql`ALTER TABLE new_receipts RENAME TO receipts`.execute(db);
    await sql`CREATE INDEX receipts_expiring ON receipts (expires_at)`.execute(db);
    await sql`
      CREATE INDEX receipts_unlogged ON receipts (seq) WHERE sha256 IS NOT NULL AND log_index IS NULL`.execute(db);
  },
};

async function releaseHolds(db: Kysely<unknown>): Promise<void> {
  // Each gets an entry of its own, behind all others.
  const open = sql`(
    SELECT *, IIF(by_platform, 'platform', account) AS payer, granted + paid_in + earned AS amount,
      rowid + (SELECT COALESCE(MAX(entry), 0) FROM journal) AS release
    FROM holds)`;
  await sql`CREATE TEMP TABLE released AS SELECT * FROM ${open}`.execute(db);
  const now = sql`CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
  await sql`
    INSERT INTO journal (entry, kind, at) SELECT release, 'release', ${now} FROM released WHERE amount > 0`.execute(db);
  for (const [sub, amount] of [
    ["held", sql`-amount`],
    ["granted", sql`granted`],
    ["paid_in", sql`paid_in`],
    ["earned", sql`earned`],
  ] as const) {
    await sql`
      INSERT INTO postings (entry, account, sub, amount)
      SELECT release, accounts.id, ${sql.lit(sub)}, back
      FROM (SELECT release, payer, ${amount} AS back FROM released WHERE amount > 0) JOIN accounts ON account = payer
      WHERE back <> 0`.execute(db);
    await sql`
      UPDATE accounts SET ${sql.ref(sub)} = ${sql.ref(sub)} + back
      FROM (SELECT payer, SUM(${amount}) AS back FROM released GROUP BY payer) WHERE account = payer`.execute(db);
  }
  await sql`
    INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at,
      hold_entry, entry)
    SELECT hold_id, request_id, account, key_id, model, IIF(by_platform, 0, amount), at, 'crashed', 0, ${now},
      entry, IIF(amount > 0, release, NULL)
    FROM released ORDER BY release`.execute(db);
  await sql`
    UPDATE idempotency_keys SET is_running = 0 WHERE hold_id IN (SELECT hold_id FROM released)`.execute(db);
  await sql`DROP TABLE released`.execute(db);
}
