import { sql, type Kysely } from "kysely";

/** What each refund or dispute has kept from clearing, and of which day it was: to undo it where that is won. */
const frozen = (long: "INTEGER" | "BIGINT", ending: string) => async (db: Kysely<unknown>) => {
  const make = (text: string): Promise<unknown> => sql.raw(text).execute(db);
  await make(`
    CREATE TABLE frozen (
      ref TEXT NOT NULL,
      account TEXT NOT NULL,
      day ${long} NOT NULL,
      payer TEXT NOT NULL,
      amount ${long} NOT NULL CHECK (amount > 0),
      PRIMARY KEY (ref, account, day, payer)
    )${ending}`);
  await make("CREATE INDEX frozen_of ON frozen (account)");
};

export const sqliteFrozen = { name: "0021_frozen", up: frozen("INTEGER", " STRICT") };
export const postgresFrozen = { name: "0014_frozen", up: frozen("BIGINT", "") };
