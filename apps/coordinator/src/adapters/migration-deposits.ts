import { sql, type Kysely } from "kysely";

/** What people pay in: pages on which they pay, refunds, and the processor's notices that were dealt with. */
export const sqliteDeposits = {
  name: "0017_deposits",
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
        CREATE TABLE deposits (
          deposit_id TEXT PRIMARY KEY,
          account TEXT NOT NULL,
          amount INTEGER NOT NULL CHECK (amount > 0),
          created_at INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('opening', 'open', 'paid', 'expired')),
          session_id TEXT UNIQUE,
          payment TEXT UNIQUE,
          refunded INTEGER NOT NULL CHECK (refunded >= 0),
          disputed INTEGER NOT NULL CHECK (disputed >= 0),
          ask_at INTEGER,
          asked INTEGER NOT NULL
        ) STRICT`.execute(db);
    await sql`CREATE INDEX deposits_of ON deposits (account, deposit_id)`.execute(db);
    await sql`CREATE INDEX deposits_due ON deposits (ask_at) WHERE ask_at IS NOT NULL`.execute(db);
    await sql`
        CREATE TABLE refunds (
          refund_id TEXT PRIMARY KEY,
          deposit_id TEXT NOT NULL,
          amount INTEGER NOT NULL CHECK (amount > 0),
          created_at INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('asked', 'made', 'failed'))
        ) STRICT`.execute(db);
    await sql`CREATE INDEX refunds_of ON refunds (deposit_id)`.execute(db);
    await sql`CREATE INDEX refunds_asked ON refunds (refund_id) WHERE state = 'asked'`.execute(db);
    // Of the processor's notices, those that were dealt with.
    await sql`CREATE TABLE payment_notices (notice_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT`.execute(db);
    await sql`CREATE INDEX notices_old ON payment_notices (at)`.execute(db);
  },
};

export const postgresDeposits = {
  name: "0009_deposits",
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
        CREATE TABLE deposits (
          deposit_id TEXT PRIMARY KEY,
          account TEXT NOT NULL,
          amount BIGINT NOT NULL CHECK (amount > 0),
          created_at BIGINT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('opening', 'open', 'paid', 'expired')),
          session_id TEXT UNIQUE,
          payment TEXT UNIQUE,
          refunded BIGINT NOT NULL CHECK (refunded >= 0),
          disputed BIGINT NOT NULL CHECK (disputed >= 0),
          ask_at BIGINT,
          asked BIGINT NOT NULL
        )`.execute(db);
    await sql`CREATE INDEX deposits_of ON deposits (account, deposit_id)`.execute(db);
    await sql`CREATE INDEX deposits_due ON deposits (ask_at) WHERE ask_at IS NOT NULL`.execute(db);
    await sql`
        CREATE TABLE refunds (
          refund_id TEXT PRIMARY KEY,
          deposit_id TEXT NOT NULL,
          amount BIGINT NOT NULL CHECK (amount > 0),
          created_at BIGINT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('asked', 'made', 'failed'))
        )`.execute(db);
    await sql`CREATE INDEX refunds_of ON refunds (deposit_id)`.execute(db);
    await sql`CREATE INDEX refunds_asked ON refunds (refund_id) WHERE state = 'asked'`.execute(db);
    // Of the processor's notices, those that were dealt with.
    await sql`CREATE TABLE payment_notices (notice_id TEXT PRIMARY KEY, at BIGINT NOT NULL)`.execute(db);
    await sql`CREATE INDEX notices_old ON payment_notices (at)`.execute(db);
  },
};
