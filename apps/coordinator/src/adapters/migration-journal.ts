import { sql, type Kysely } from "kysely";
import { COORDINATOR_OF_FOLDER } from "./database-file.ts";

/**
 * From four figures of an account to a journal and its sub-accounts, each micro-dollar carried over.
 *
 * What was credited was given by operators: it becomes granted money, and so does what is left of it. A settlement becomes one
 * entry, its hold with it. Machines were named by their serials in the books, so what they earned stands in an account of that
 * name; what they earn from now on, in one of their identity key.
 */
export const journalMigration = {
  name: "0007_journal",
  async up(db: Kysely<unknown>) {
    await makeAccounts(db);
    await makeJournal(db);
    await carryHolds(db);
    for (const table of ["accounts", "holds"]) {
      await sql`DROP TABLE ${sql.table(table)}`.execute(db);
      await sql`ALTER TABLE ${sql.table(`new_${table}`)} RENAME TO ${sql.table(table)}`.execute(db);
    }
    await sql`DROP TABLE credits`.execute(db);
    // Nobody asks for earnings by serial.
    await sql`DROP INDEX earnings`.execute(db);
  },
};

/** Whatever was ever settled, by the row and by the day. */
const everSettled = sql`(
  SELECT account, serial, charge, COALESCE(earned, 0) + paid_by_platform AS earned FROM settlements
  UNION ALL SELECT account, serial, charge, earned + paid_by_platform FROM usage_days)`;

async function makeAccounts(db: Kysely<unknown>): Promise<void> {
  // Postings name an account by its number, which is not the rowid: VACUUM may give rows others.
  await sql`
    CREATE TABLE new_accounts (
      account TEXT PRIMARY KEY,
      id INTEGER NOT NULL UNIQUE,
      granted INTEGER NOT NULL DEFAULT 0,
      paid_in INTEGER NOT NULL DEFAULT 0,
      earned INTEGER NOT NULL DEFAULT 0,
      held INTEGER NOT NULL DEFAULT 0,
      withdrawing INTEGER NOT NULL DEFAULT 0,
      debt INTEGER NOT NULL DEFAULT 0,
      charged INTEGER NOT NULL DEFAULT 0 CHECK (charged >= 0),
      credited INTEGER NOT NULL DEFAULT 0 CHECK (credited >= 0),
      CHECK (account IN ('outside', 'platform') OR
        (granted >= 0 AND paid_in >= 0 AND earned >= 0 AND held >= 0 AND withdrawing >= 0 AND debt <= 0))
    ) STRICT`.execute(db);
  await sql`
    INSERT INTO new_accounts (account, id, granted, held, charged, credited)
    SELECT account, ROW_NUMBER() OVER (ORDER BY rowid), balance, held, charged, credited FROM accounts`.execute(db);
  await sql`
    INSERT INTO new_accounts (account, id, earned)
    SELECT 'serial_' || serial, ROW_NUMBER() OVER (ORDER BY serial) + (SELECT COUNT(*) FROM accounts), SUM(earned)
    FROM ${everSettled} WHERE earned > 0 GROUP BY serial`.execute(db);
  await sql`
    INSERT INTO new_accounts (account, id, granted)
    SELECT 'outside', (SELECT MAX(id) + 1 FROM new_accounts), -SUM(amount) FROM credits HAVING SUM(amount) > 0`.execute(
    db,
  );
  await sql`
    INSERT INTO new_accounts (account, id, earned, held)
    SELECT 'platform', (SELECT MAX(id) + 1 FROM new_accounts), kept - aside, aside FROM (
      SELECT (SELECT COALESCE(SUM(charge - earned), 0) FROM ${everSettled}) AS kept,
        (SELECT COALESCE(SUM(by_platform), 0) FROM holds) AS aside)
    WHERE EXISTS (SELECT 1 FROM accounts)`.execute(db);
}

async function makeJournal(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE journal (entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT NULL, ref TEXT) STRICT`.execute(
    db,
  );
  await sql`CREATE UNIQUE INDEX journal_refs ON journal (kind, ref) WHERE ref IS NOT NULL`.execute(db);
  await sql`
    CREATE TABLE postings (
      entry INTEGER NOT NULL REFERENCES journal,
      account INTEGER NOT NULL REFERENCES new_accounts (id),
      sub TEXT NOT NULL CHECK (sub IN ('granted', 'paid_in', 'earned', 'held', 'withdrawing', 'debt')),
      amount INTEGER NOT NULL,
      PRIMARY KEY (entry, account, sub)
    ) STRICT, WITHOUT ROWID`.execute(db);
  await sql`INSERT INTO journal (kind, at, ref) SELECT 'grant', at, credit_id FROM credits ORDER BY rowid`.execute(db);
  const grants = sql`credits JOIN journal ON kind = 'grant' AND ref = credit_id`;
  await post(db, sql`SELECT entry, 'outside' AS account, 'granted' AS sub, -amount AS amount FROM ${grants}`);
  await post(db, sql`SELECT entry, credits.account, 'granted' AS sub, amount FROM ${grants}`);

  await sql`
    INSERT INTO journal (kind, at, ref)
    SELECT 'day', day * 86400000, CAST(day AS TEXT) FROM usage_days GROUP BY day ORDER BY day`.execute(db);
  await postSettled(
    db,
    sql`usage_days JOIN journal ON journal.kind = 'day' AND journal.ref = CAST(usage_days.day AS TEXT)`,
  );

  // The hold of what was settled before is in the end's own entry.
  await sql`ALTER TABLE settlements ADD COLUMN hold_entry INTEGER`.execute(db);
  await sql`ALTER TABLE settlements ADD COLUMN entry INTEGER`.execute(db);
  await sql`
    UPDATE settlements SET entry = seq + (SELECT COALESCE(MAX(entry), 0) FROM journal)
    WHERE charge > 0 OR paid_by_platform > 0`.execute(db);
  await sql`
    INSERT INTO journal (entry, kind, at)
    SELECT entry, 'settle', at FROM settlements WHERE entry IS NOT NULL ORDER BY entry`.execute(db);
  await postSettled(db, sql`settlements JOIN journal USING (entry)`);
}

/** What callers were charged, what machines earned of it or beside it, and what is left for the platform. */
async function postSettled(db: Kysely<unknown>, rows: ReturnType<typeof sql>): Promise<void> {
  const earned = sql`COALESCE(earned, 0) + paid_by_platform`;
  await post(
    db,
    sql`SELECT entry, account, 'granted' AS sub, -SUM(charge) AS amount FROM ${rows} GROUP BY entry, account`,
  );
  await post(
    db,
    sql`SELECT entry, 'serial_' || serial AS account, 'earned' AS sub, SUM(${earned}) AS amount FROM ${rows}
      GROUP BY entry, serial`,
  );
  await post(
    db,
    sql`SELECT entry, 'platform' AS account, 'earned' AS sub, SUM(charge - (${earned})) AS amount FROM ${rows}
      GROUP BY entry`,
  );
}

async function post(db: Kysely<unknown>, postings: ReturnType<typeof sql>): Promise<void> {
  await sql`
    INSERT INTO postings (entry, account, sub, amount)
    SELECT entry, new_accounts.id, sub, amount FROM (${postings}) AS said JOIN new_accounts USING (account)
    WHERE amount <> 0`.execute(db);
}

async function carryHolds(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE new_holds (
      hold_id TEXT PRIMARY KEY,
      request_id TEXT NOT NULL,
      account TEXT NOT NULL REFERENCES new_accounts,
      key_id TEXT NOT NULL,
      model TEXT NOT NULL,
      lease TEXT NOT NULL,
      by_platform INTEGER NOT NULL CHECK (by_platform IN (0, 1)),
      granted INTEGER NOT NULL CHECK (granted >= 0),
      paid_in INTEGER NOT NULL CHECK (paid_in >= 0),
      earned INTEGER NOT NULL CHECK (earned >= 0),
      entry INTEGER,
      at INTEGER NOT NULL
    ) STRICT`.execute(db);
  await sql`
    INSERT INTO new_holds (hold_id, request_id, account, key_id, model, lease, by_platform, granted, paid_in, earned, entry, at)
    SELECT hold_id, request_id, account, key_id, model, ${sql.lit(`${COORDINATOR_OF_FOLDER}/before`)}, by_platform > 0,
      amount, 0, by_platform,
      IIF(amount + by_platform > 0, rowid + (SELECT COALESCE(MAX(entry), 0) FROM journal), NULL), at
    FROM holds`.execute(db);
  await sql`
    INSERT INTO journal (entry, kind, at) SELECT entry, 'hold', at FROM new_holds WHERE entry IS NOT NULL`.execute(db);
  const payer = sql`IIF(by_platform, 'platform', account) AS account`;
  const held = sql`FROM new_holds WHERE entry IS NOT NULL`;
  await post(db, sql`SELECT entry, ${payer}, 'granted' AS sub, -granted AS amount ${held}`);
  await post(db, sql`SELECT entry, ${payer}, 'earned' AS sub, -earned AS amount ${held}`);
  await post(db, sql`SELECT entry, ${payer}, 'held' AS sub, granted + earned AS amount ${held}`);
}
