import { sql, type Kysely } from "kysely";

/**
 * What machines earned, by the money that paid it: a sub-account for what may be withdrawn one day, what each account earned by
 * day, machine and model, and what of it has not cleared. Nobody knows whose money paid what was earned before: it stays as it is,
 * and is never withdrawn. In the books of earnings it is nobody's.
 */
export const sqliteEarnings = {
  name: "0019_earnings",
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      ALTER TABLE accounts ADD COLUMN payable INTEGER NOT NULL DEFAULT 0
        CHECK (payable >= 0 OR account IN ('outside', 'platform'))`.execute(db);
    // A check of a table that is there cannot be changed. In the order of its key, which is the order of its rows.
    await sql`
      CREATE TABLE new_postings (
        entry INTEGER NOT NULL REFERENCES journal,
        account INTEGER NOT NULL REFERENCES accounts (id),
        sub TEXT NOT NULL CHECK (sub IN ('granted', 'paid_in', 'earned', 'payable', 'held', 'withdrawing', 'debt')),
        amount INTEGER NOT NULL,
        PRIMARY KEY (entry, account, sub)
      ) STRICT, WITHOUT ROWID`.execute(db);
    await sql`INSERT INTO new_postings SELECT * FROM postings ORDER BY entry, account, sub`.execute(db);
    await sql`DROP TABLE postings`.execute(db);
    await sql`ALTER TABLE new_postings RENAME TO postings`.execute(db);
    await makeTables(db, "INTEGER", " STRICT, WITHOUT ROWID");
  },
};

export const postgresEarnings = {
  name: "0011_earnings",
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      ALTER TABLE accounts ADD COLUMN payable BIGINT NOT NULL DEFAULT 0,
        ADD CHECK (payable >= 0 OR account IN ('outside', 'platform'))`.execute(db);
    await sql`
      ALTER TABLE postings DROP CONSTRAINT postings_sub_check,
        ADD CHECK (sub IN ('granted', 'paid_in', 'earned', 'payable', 'held', 'withdrawing', 'debt'))`.execute(db);
    await sql`
      ALTER TABLE holds ADD COLUMN payable BIGINT NOT NULL DEFAULT 0 CHECK (payable >= 0)`.execute(db);
    await makeTables(db, "BIGINT", " WITH (fillfactor = 80)");
  },
};

async function makeTables(db: Kysely<unknown>, long: "INTEGER" | "BIGINT", ending: string): Promise<void> {
  const make = (text: string): Promise<unknown> => sql.raw(text).execute(db);
  await make(`
    CREATE TABLE earnings (
      account TEXT NOT NULL,
      day ${long} NOT NULL,
      machine_id TEXT NOT NULL,
      model TEXT NOT NULL,
      answers ${long} NOT NULL CHECK (answers > 0),
      prompt_tokens ${long} NOT NULL,
      completion_tokens ${long} NOT NULL,
      earned ${long} NOT NULL CHECK (earned >= 0),
      payable ${long} NOT NULL CHECK (payable >= 0),
      PRIMARY KEY (account, day, machine_id, model)
    )${ending}`);
  await make(`
    INSERT INTO earnings (account, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable)
    SELECT '', 0, '', model, SUM(answers), SUM(prompt_tokens), SUM(completion_tokens), SUM(earned), 0
    FROM (
      SELECT model, 1 AS answers, COALESCE(prompt_tokens, 0) AS prompt_tokens,
        COALESCE(completion_tokens, 0) AS completion_tokens, COALESCE(earned, 0) + paid_by_platform AS earned
      FROM settlements
      UNION ALL
        SELECT model, requests, prompt_tokens, completion_tokens, earned + paid_by_platform FROM usage_days) AS before
    WHERE earned > 0 GROUP BY model`);
  await make(`
    CREATE TABLE clearing (
      account TEXT NOT NULL,
      day ${long} NOT NULL,
      payer TEXT NOT NULL,
      amount ${long} NOT NULL CHECK (amount >= 0),
      PRIMARY KEY (account, day, payer)
    )${ending}`);
  await make("CREATE INDEX clearing_of_payer ON clearing (payer, day)");
  await make("CREATE INDEX clearing_by_day ON clearing (day)");
}
