import { sql, type Kysely } from "kysely";
import { holdsMigration } from "./migration-holds.ts";
import { journalMigration } from "./migration-journal.ts";
import { sqlitePasskeys } from "./migration-passkeys.ts";
import { sqliteIdentities } from "./migration-identities.ts";
import { sqliteInvites } from "./migration-invites.ts";
import { sqliteOwnedMachines } from "./migration-owned-machines.ts";
import { sqliteDeposits } from "./migration-deposits.ts";
import { sqliteEarnings } from "./migration-earnings.ts";
import { keysMigration } from "./migration-keys.ts";
import { sqliteOperatorTokens } from "./migration-operator-tokens.ts";
import { sqliteTeams } from "./migration-teams.ts";
import { usedMigration } from "./migration-used.ts";
import { sqliteFrozen } from "./migration-frozen.ts";
import { sqliteWithdrawals } from "./migration-withdrawals.ts";

/**
 * One step of the schema. Steps are only ever added: a step that a published version has run stays as
 * it is. A database's schema version is the number of steps that made it.
 */
export interface Migration {
  readonly name: string;
  up(db: Kysely<unknown>): Promise<void>;
}

/**
 * Money is in micro-USD, times are milliseconds since 1970. `STRICT` makes SQLite keep the types, and
 * the checks repeat in the file what the ledger promises, so that a mistake of ours stops a
 * transaction instead of making money.
 */
export const migrations: readonly Migration[] = [
  {
    name: "0001_ledger_and_keys",
    async up(db) {
      await sql`
        CREATE TABLE accounts (
          account TEXT PRIMARY KEY,
          balance INTEGER NOT NULL CHECK (balance >= 0),
          held INTEGER NOT NULL CHECK (held >= 0),
          charged INTEGER NOT NULL CHECK (charged >= 0),
          credited INTEGER NOT NULL CHECK (credited >= 0),
          CHECK (balance + held + charged = credited)
        ) STRICT`.execute(db);
      await sql`
        CREATE TABLE credits (
          credit_id TEXT PRIMARY KEY,
          account TEXT NOT NULL REFERENCES accounts,
          amount INTEGER NOT NULL CHECK (amount > 0),
          at INTEGER NOT NULL
        ) STRICT`.execute(db);
      // Open holds only: a settlement takes the row away, so what a crash left open is all that is here.
      await sql`
        CREATE TABLE holds (
          hold_id TEXT PRIMARY KEY,
          request_id TEXT NOT NULL,
          account TEXT NOT NULL REFERENCES accounts,
          key_id TEXT NOT NULL,
          model TEXT NOT NULL,
          amount INTEGER NOT NULL CHECK (amount >= 0),
          at INTEGER NOT NULL
        ) STRICT`.execute(db);
      await sql`
        CREATE TABLE settlements (
          seq INTEGER PRIMARY KEY,
          hold_id TEXT NOT NULL UNIQUE,
          request_id TEXT NOT NULL,
          account TEXT NOT NULL REFERENCES accounts,
          key_id TEXT NOT NULL,
          model TEXT NOT NULL,
          held INTEGER NOT NULL CHECK (held >= 0),
          held_at INTEGER NOT NULL,
          outcome TEXT NOT NULL,
          charge INTEGER NOT NULL CHECK (charge BETWEEN 0 AND held),
          at INTEGER NOT NULL,
          job_id TEXT UNIQUE,
          serial TEXT,
          prompt_tokens INTEGER,
          cached_tokens INTEGER,
          completion_tokens INTEGER,
          reasoning_tokens INTEGER,
          earned INTEGER CHECK (earned BETWEEN 0 AND charge)
        ) STRICT`.execute(db);
      await sql`CREATE INDEX usage_newest ON settlements (account, at) WHERE job_id IS NOT NULL`.execute(db);
      await sql`CREATE INDEX earnings ON settlements (serial, at) WHERE earned > 0`.execute(db);
      await sql`
        CREATE TABLE receipts (
          job_id TEXT PRIMARY KEY,
          account TEXT NOT NULL REFERENCES accounts,
          document TEXT NOT NULL,
          expires_at INTEGER NOT NULL
        ) STRICT`.execute(db);
      await sql`CREATE INDEX receipts_expiring ON receipts (expires_at)`.execute(db);
      await sql`
        CREATE TABLE api_keys (
          key_hash TEXT PRIMARY KEY,
          key_id TEXT NOT NULL UNIQUE,
          account TEXT NOT NULL,
          label TEXT NOT NULL,
          created_at INTEGER NOT NULL,
          revoked_at INTEGER
        ) STRICT`.execute(db);
    },
  },
  {
    name: "0002_what_a_key_may_reach",
    async up(db) {
      await sql`ALTER TABLE api_keys ADD COLUMN min_trust TEXT`.execute(db);
      // A JSON list of serials.
      await sql`ALTER TABLE api_keys ADD COLUMN pins TEXT NOT NULL DEFAULT '[]'`.execute(db);
    },
  },
  {
    name: "0003_compact_receipts_and_days",
    async up(db) {
      // Packed by `receipt-pack.ts`. Receipts from before stay as they are, in `document`, until their time is over.
      await sql`ALTER TABLE receipts ADD COLUMN packed BLOB`.execute(db);
      await sql`
        CREATE TABLE usage_days (
          day INTEGER NOT NULL,
          account TEXT NOT NULL REFERENCES accounts,
          key_id TEXT NOT NULL,
          model TEXT NOT NULL,
          serial TEXT NOT NULL,
          outcome TEXT NOT NULL,
          requests INTEGER NOT NULL CHECK (requests > 0),
          prompt_tokens INTEGER NOT NULL,
          cached_tokens INTEGER NOT NULL,
          completion_tokens INTEGER NOT NULL,
          reasoning_tokens INTEGER NOT NULL,
          charge INTEGER NOT NULL CHECK (charge >= 0),
          earned INTEGER NOT NULL CHECK (earned BETWEEN 0 AND charge),
          PRIMARY KEY (account, day, key_id, model, serial, outcome)
        ) STRICT, WITHOUT ROWID`.execute(db);
      // Written to find out whether anything can be.
      await sql`
        CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), written INTEGER NOT NULL) STRICT`.execute(db);
    },
  },
  {
    name: "0004_decisions_on_machines",
    async up(db) {
      await sql`
        CREATE TABLE machines (
          machine_id TEXT PRIMARY KEY,
          serial TEXT,
          state TEXT NOT NULL CHECK (state IN ('approved', 'refused')),
          decided_at INTEGER NOT NULL
        ) STRICT`.execute(db);
    },
  },
  {
    name: "0005_idempotency_keys",
    async up(db) {
      await sql`
        CREATE TABLE idempotency_keys (
          account TEXT NOT NULL REFERENCES accounts,
          key_sha256 TEXT NOT NULL,
          body_sha256 TEXT NOT NULL,
          hold_id TEXT,
          is_running INTEGER NOT NULL CHECK (is_running IN (0, 1)),
          is_owed INTEGER NOT NULL CHECK (is_owed IN (0, 1)),
          expires_at INTEGER NOT NULL,
          PRIMARY KEY (account, key_sha256)
        ) STRICT, WITHOUT ROWID`.execute(db);
      await sql`CREATE UNIQUE INDEX idempotency_holds ON idempotency_keys (hold_id) WHERE hold_id IS NOT NULL`.execute(
        db,
      );
      await sql`CREATE INDEX idempotency_expiring ON idempotency_keys (expires_at)`.execute(db);
      // Set aside by the platform, not by the account: for an answer that is owed.
      await sql`
        ALTER TABLE holds ADD COLUMN by_platform INTEGER NOT NULL DEFAULT 0 CHECK (by_platform >= 0)`.execute(db);
      // What a machine earned beside its part of the charge.
      await sql`
        ALTER TABLE settlements ADD COLUMN paid_by_platform INTEGER NOT NULL DEFAULT 0
          CHECK (paid_by_platform >= 0)`.execute(db);
      await sql`
        ALTER TABLE usage_days ADD COLUMN paid_by_platform INTEGER NOT NULL DEFAULT 0
          CHECK (paid_by_platform >= 0)`.execute(db);
    },
  },
  {
    name: "0006_transparency_log",
    async up(db) {
      // Receipts from before have no digest and are not logged.
      await sql`ALTER TABLE receipts ADD COLUMN sha256 BLOB`.execute(db);
      await sql`ALTER TABLE receipts ADD COLUMN log_index INTEGER`.execute(db);
      await sql`
        CREATE INDEX receipts_unlogged ON receipts (job_id)
          WHERE sha256 IS NOT NULL AND log_index IS NULL`.execute(db);
      // Level -1 holds the entries themselves, the others hashes.
      await sql`
        CREATE TABLE log_tiles (
          level INTEGER NOT NULL,
          tile INTEGER NOT NULL,
          width INTEGER NOT NULL CHECK (width BETWEEN 1 AND 256),
          bytes BLOB NOT NULL,
          PRIMARY KEY (level, tile)
        ) STRICT`.execute(db);
      // Entries of which there is one however often they are said; receipts are not among them.
      await sql`
        CREATE TABLE log_facts (leaf BLOB PRIMARY KEY, log_index INTEGER NOT NULL) STRICT, WITHOUT ROWID`.execute(db);
    },
  },
  journalMigration,
  {
    name: "0008_grievances",
    async up(db) {
      await sql`
        CREATE TABLE grievances (
          machine_id TEXT PRIMARY KEY,
          why TEXT NOT NULL CHECK (why IN ('answer', 'challenge')),
          until_at INTEGER,
          since_at INTEGER NOT NULL
        ) STRICT`.execute(db);
    },
  },
  holdsMigration,
  {
    name: "0010_people_and_audit",
    async up(db) {
      await sql`
        CREATE TABLE people (
          seq INTEGER PRIMARY KEY,
          person_id TEXT NOT NULL UNIQUE,
          name TEXT NOT NULL,
          mail TEXT UNIQUE,
          role TEXT NOT NULL CHECK (role IN ('operator', 'member')),
          account TEXT NOT NULL UNIQUE,
          created_at INTEGER NOT NULL,
          disabled_at INTEGER
        ) STRICT`.execute(db);
      await sql`
        CREATE TABLE sessions (
          secret_hash TEXT PRIMARY KEY,
          session_id TEXT NOT NULL UNIQUE,
          person_id TEXT NOT NULL REFERENCES people (person_id),
          kind TEXT NOT NULL CHECK (kind IN ('browser', 'cli')),
          client TEXT NOT NULL,
          created_at INTEGER NOT NULL,
          used_at INTEGER NOT NULL,
          expires_at INTEGER NOT NULL
        ) STRICT`.execute(db);
      await sql`CREATE INDEX sessions_of ON sessions (person_id)`.execute(db);
      // Rows are only ever added.
      await sql`
        CREATE TABLE audit (
          seq INTEGER PRIMARY KEY,
          at INTEGER NOT NULL,
          actor TEXT NOT NULL,
          action TEXT NOT NULL,
          subject TEXT NOT NULL
        ) STRICT`.execute(db);
    },
  },
  keysMigration,
  sqliteTeams,
  sqliteOperatorTokens,
  usedMigration,
  sqliteInvites,
  sqliteOwnedMachines,
  sqliteDeposits,
  sqliteIdentities,
  sqliteEarnings,
  sqlitePasskeys,
  sqliteFrozen,
  sqliteWithdrawals,
];
