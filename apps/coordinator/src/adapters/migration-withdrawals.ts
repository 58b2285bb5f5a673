import { sql, type Kysely } from "kysely";

/** Money on its way out. */
const withdrawals = (long: "INTEGER" | "BIGINT", ending: string) => async (db: Kysely<unknown>) => {
  const make = (text: string): Promise<unknown> => sql.raw(text).execute(db);
  await make(`
    CREATE TABLE withdrawals (
      withdrawal_id TEXT PRIMARY KEY,
      account TEXT NOT NULL,
      amount ${long} NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
      created_at ${long} NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('opening', 'asked', 'sent', 'paid', 'failed', 'cancelled')),
      changed_at ${long} NOT NULL,
      pay_to TEXT CHECK (pay_to IS NULL OR state IN ('opening', 'asked', 'sent')),
      is_booked ${long} NOT NULL
    )${ending}`);
  await make("CREATE INDEX withdrawals_of ON withdrawals (account, withdrawal_id)");
  // Those that are not over, of all accounts: few beside those that are.
  await make("CREATE INDEX withdrawals_unbooked ON withdrawals (state, withdrawal_id) WHERE is_booked = 0");
};

export const sqliteWithdrawals = { name: "0022_withdrawals", up: withdrawals("INTEGER", " STRICT") };
export const postgresWithdrawals = { name: "0015_withdrawals", up: withdrawals("BIGINT", "") };
