import { sql } from "kysely";
import { postgresPasskeys } from "./migration-passkeys.ts";
import { postgresIdentities } from "./migration-identities.ts";
import { postgresInvites } from "./migration-invites.ts";
import { postgresOperatorTokens } from "./migration-operator-tokens.ts";
import { postgresDeposits } from "./migration-deposits.ts";
import { postgresEarnings } from "./migration-earnings.ts";
import { postgresTeams } from "./migration-teams.ts";
import { postgresOwnedMachines } from "./migration-owned-machines.ts";
import { postgresLeases } from "./migration-leases.ts";
import type { Migration } from "./migrations.ts";
import { postgresFrozen } from "./migration-frozen.ts";
import { postgresWithdrawals } from "./migration-withdrawals.ts";

/**
 * The schema in PostgreSQL; by the same rules as SQLite's, from which its tables differ in two: a hold is a row here, since more
 * than one process may write, and a network says whose it is, since no folder does.
 */
export const postgresMigrations: readonly Migration[] = [
  {
    name: "0001_all_that_exists",
    async up(db) {
      await sql`
        CREATE TABLE network (
          id SMALLINT PRIMARY KEY CHECK (id = 1),
          coordinator_key_id TEXT NOT NULL
        )`.execute(db);
      // How often a coordinator has taken the database for itself.
      await sql`CREATE TABLE turns (id SMALLINT PRIMARY KEY CHECK (id = 1), taken BIGINT NOT NULL)`.execute(db);
      await sql`
        CREATE TABLE accounts (
          account TEXT PRIMARY KEY,
          id BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
          granted BIGINT NOT NULL DEFAULT 0,
          paid_in BIGINT NOT NULL DEFAULT 0,
          earned BIGINT NOT NULL DEFAULT 0,
          held BIGINT NOT NULL DEFAULT 0,
          withdrawing BIGINT NOT NULL DEFAULT 0,
          debt BIGINT NOT NULL DEFAULT 0,
          charged BIGINT NOT NULL DEFAULT 0 CHECK (charged >= 0),
          credited BIGINT NOT NULL DEFAULT 0 CHECK (credited >= 0),
          CHECK (account IN ('outside', 'platform') OR
            (granted >= 0 AND paid_in >= 0 AND earned >= 0 AND held >= 0 AND withdrawing >= 0 AND debt <= 0))
        ) WITH (fillfactor = 80)`.execute(db);
      await sql`INSERT INTO accounts (account) VALUES ('outside'), ('platform')`.execute(db);
      await sql`
        CREATE TABLE journal (
          entry BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          kind TEXT NOT NULL,
          at BIGINT NOT NULL,
          ref TEXT
        )`.execute(db);
      await sql`CREATE UNIQUE INDEX journal_refs ON journal (kind, ref) WHERE ref IS NOT NULL`.execute(db);
      await sql`
        CREATE TABLE postings (
          entry BIGINT NOT NULL REFERENCES journal,
          account BIGINT NOT NULL REFERENCES accounts (id),
          sub TEXT NOT NULL CHECK (sub IN ('granted', 'paid_in', 'earned', 'held', 'withdrawing', 'debt')),
          amount BIGINT NOT NULL,
          PRIMARY KEY (entry, account, sub)
        )`.execute(db);
      // Open ones only: a settlement takes the row away. Its money is held, and in the journal it moves with its end.
      await sql`
        CREATE TABLE holds (
          hold_id TEXT PRIMARY KEY,
          request_id TEXT NOT NULL,
          account TEXT NOT NULL REFERENCES accounts,
          key_id TEXT NOT NULL,
          model TEXT NOT NULL,
          lease TEXT NOT NULL,
          by_platform BOOLEAN NOT NULL,
          granted BIGINT NOT NULL CHECK (granted >= 0),
          paid_in BIGINT NOT NULL CHECK (paid_in >= 0),
          earned BIGINT NOT NULL CHECK (earned >= 0),
          at BIGINT NOT NULL
        )`.execute(db);
      await sql`CREATE INDEX holds_of_lease ON holds (lease)`.execute(db);
      await sql`
        CREATE TABLE settlements (
          seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          hold_id TEXT NOT NULL UNIQUE,
          request_id TEXT NOT NULL,
          account TEXT NOT NULL REFERENCES accounts,
          key_id TEXT NOT NULL,
          model TEXT NOT NULL,
          held BIGINT NOT NULL CHECK (held >= 0),
          held_at BIGINT NOT NULL,
          outcome TEXT NOT NULL,
          charge BIGINT NOT NULL CHECK (charge BETWEEN 0 AND held),
          at BIGINT NOT NULL,
          job_id TEXT UNIQUE,
          serial TEXT,
          prompt_tokens BIGINT,
          cached_tokens BIGINT,
          completion_tokens BIGINT,
          reasoning_tokens BIGINT,
          earned BIGINT CHECK (earned BETWEEN 0 AND charge),
          paid_by_platform BIGINT NOT NULL DEFAULT 0 CHECK (paid_by_platform >= 0),
          entry BIGINT
        )`.execute(db);
      await sql`CREATE INDEX usage_newest ON settlements (account, at) WHERE job_id IS NOT NULL`.execute(db);
      await sql`
        CREATE TABLE receipts (
          seq BIGINT PRIMARY KEY REFERENCES settlements,
          packed BYTEA NOT NULL,
          sha256 BYTEA,
          log_index BIGINT,
          expires_at BIGINT NOT NULL
        )`.execute(db);
      await sql`CREATE INDEX receipts_expiring ON receipts (expires_at)`.execute(db);
      await sql`
        CREATE INDEX receipts_unlogged ON receipts (seq) WHERE sha256 IS NOT NULL AND log_index IS NULL`.execute(db);
      await sql`
        CREATE TABLE usage_days (
          day BIGINT NOT NULL,
          account TEXT NOT NULL REFERENCES accounts,
          key_id TEXT NOT NULL,
          model TEXT NOT NULL,
          serial TEXT NOT NULL,
          outcome TEXT NOT NULL,
          requests BIGINT NOT NULL CHECK (requests > 0),
          prompt_tokens BIGINT NOT NULL,
          cached_tokens BIGINT NOT NULL,
          completion_tokens BIGINT NOT NULL,
          reasoning_tokens BIGINT NOT NULL,
          charge BIGINT NOT NULL CHECK (charge >= 0),
          earned BIGINT NOT NULL CHECK (earned BETWEEN 0 AND charge),
          paid_by_platform BIGINT NOT NULL DEFAULT 0 CHECK (paid_by_platform >= 0),
          PRIMARY KEY (account, day, key_id, model, serial, outcome)
        )`.execute(db);
      await sql`
        CREATE TABLE idempotency_keys (
          account TEXT NOT NULL REFERENCES accounts,
          key_sha256 TEXT NOT NULL,
          body_sha256 TEXT NOT NULL,
          hold_id TEXT,
          is_running BOOLEAN NOT NULL,
          is_owed BOOLEAN NOT NULL,
          expires_at BIGINT NOT NULL,
          PRIMARY KEY (account, key_sha256)
        )`.execute(db);
      await sql`CREATE UNIQUE INDEX idempotency_holds ON idempotency_keys (hold_id) WHERE hold_id IS NOT NULL`.execute(
        db,
      );
      await sql`CREATE INDEX idempotency_expiring ON idempotency_keys (expires_at)`.execute(db);
      // Written to find out whether anything can be.
      await sql`CREATE TABLE probes (id SMALLINT PRIMARY KEY CHECK (id = 1), written BIGINT NOT NULL)`.execute(db);
      await sql`
        CREATE TABLE api_keys (
          seq BIGINT GENERATED ALWAYS AS IDENTITY,
          key_hash TEXT PRIMARY KEY,
          key_id TEXT NOT NULL UNIQUE,
          account TEXT NOT NULL,
          label TEXT NOT NULL,
          min_trust TEXT,
          pins TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          revoked_at BIGINT
        )`.execute(db);
      await sql`
        CREATE TABLE machines (
          seq BIGINT GENERATED ALWAYS AS IDENTITY,
          machine_id TEXT PRIMARY KEY,
          serial TEXT,
          state TEXT NOT NULL CHECK (state IN ('approved', 'refused')),
          decided_at BIGINT NOT NULL
        )`.execute(db);
      await sql`
        CREATE TABLE grievances (
          seq BIGINT GENERATED ALWAYS AS IDENTITY,
          machine_id TEXT PRIMARY KEY,
          why TEXT NOT NULL CHECK (why IN ('answer', 'challenge')),
          until_at BIGINT,
          since_at BIGINT NOT NULL
        )`.execute(db);
      // Level -1 holds the entries themselves, the others hashes.
      await sql`
        CREATE TABLE log_tiles (
          level BIGINT NOT NULL,
          tile BIGINT NOT NULL,
          width BIGINT NOT NULL CHECK (width BETWEEN 1 AND 256),
          bytes BYTEA NOT NULL,
          PRIMARY KEY (level, tile)
        )`.execute(db);
      await sql`CREATE TABLE log_facts (leaf BYTEA PRIMARY KEY, log_index BIGINT NOT NULL)`.execute(db);
    },
  },
  {
    name: "0002_people_and_audit",
    async up(db) {
      await sql`
        CREATE TABLE people (
          seq BIGINT GENERATED ALWAYS AS IDENTITY,
          person_id TEXT PRIMARY KEY,
          name TEXT NOT NULL,
          mail TEXT UNIQUE,
          role TEXT NOT NULL CHECK (role IN ('operator', 'member')),
          account TEXT NOT NULL UNIQUE,
          created_at BIGINT NOT NULL,
          disabled_at BIGINT
        )`.execute(db);
      await sql`
        CREATE TABLE sessions (
          secret_hash TEXT PRIMARY KEY,
          session_id TEXT NOT NULL UNIQUE,
          person_id TEXT NOT NULL REFERENCES people,
          kind TEXT NOT NULL CHECK (kind IN ('browser', 'cli')),
          client TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          used_at BIGINT NOT NULL,
          expires_at BIGINT NOT NULL
        )`.execute(db);
      await sql`CREATE INDEX sessions_of ON sessions (person_id)`.execute(db);
      // Rows are only ever added.
      await sql`
        CREATE TABLE audit (
          seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          at BIGINT NOT NULL,
          actor TEXT NOT NULL,
          action TEXT NOT NULL,
          subject TEXT NOT NULL
        )`.execute(db);
    },
  },
  {
    name: "0003_what_bounds_a_key",
    async up(db) {
      // What bounds a key, as it goes over HTTP; what was its label is its name.
      await sql`ALTER TABLE api_keys ADD COLUMN terms JSONB NOT NULL DEFAULT '{}'`.execute(db);
      await sql`ALTER TABLE api_keys ADD COLUMN last_used_at BIGINT`.execute(db);
      // The secret that the latest rotation replaced, and until when it goes on.
      await sql`ALTER TABLE api_keys ADD COLUMN earlier_hash TEXT`.execute(db);
      await sql`ALTER TABLE api_keys ADD COLUMN earlier_until BIGINT`.execute(db);
      await sql`
        UPDATE api_keys SET label = 'eigeninference-…',
          terms = jsonb_build_object('name', label, 'min_trust', min_trust, 'provider_serials', pins::jsonb)`.execute(
        db,
      );
      await sql`ALTER TABLE api_keys DROP COLUMN min_trust, DROP COLUMN pins`.execute(db);
      await sql`CREATE UNIQUE INDEX earlier_secrets ON api_keys (earlier_hash) WHERE earlier_hash IS NOT NULL`.execute(
        db,
      );
      await sql`CREATE INDEX keys_of_account ON api_keys (account)`.execute(db);
      await sql`CREATE INDEX keys_by_age ON api_keys (created_at, seq)`.execute(db);
    },
  },
  postgresTeams,
  postgresOperatorTokens,
  {
    name: "0006_what_a_key_has_used",
    async up(db) {
      // By the UTC day in which a hold was taken; -1 is every day that is in no window any more.
      await sql`
        CREATE TABLE used (
          subject TEXT NOT NULL,
          day BIGINT NOT NULL CHECK (day >= -1),
          micro_usd BIGINT NOT NULL CHECK (micro_usd >= 0),
          tokens BIGINT NOT NULL CHECK (tokens >= 0),
          PRIMARY KEY (subject, day)
        ) WITH (fillfactor = 80)`.execute(db);
      await sql`CREATE INDEX used_by_day ON used (day)`.execute(db);
      // The most that an open hold can use, and whose use it is.
      await sql`ALTER TABLE holds ADD COLUMN tokens BIGINT NOT NULL DEFAULT 0`.execute(db);
      await sql`ALTER TABLE holds ADD COLUMN subjects TEXT[] NOT NULL DEFAULT '{}'`.execute(db);
      await sql`UPDATE holds SET subjects = ARRAY[key_id]`.execute(db);
      // Of a settlement's tokens those that count: none of an answer that the platform paid for.
      await sql`ALTER TABLE settlements ADD COLUMN counted_tokens BIGINT NOT NULL DEFAULT 0`.execute(db);
      await sql`ALTER TABLE usage_days ADD COLUMN counted_tokens BIGINT NOT NULL DEFAULT 0`.execute(db);
      await sql`
        UPDATE settlements SET counted_tokens = prompt_tokens + completion_tokens
        WHERE prompt_tokens IS NOT NULL AND paid_by_platform = 0`.execute(db);
      await sql`
        UPDATE usage_days SET counted_tokens = prompt_tokens + completion_tokens WHERE paid_by_platform = 0`.execute(
        db,
      );
      await sql`
        INSERT INTO used (subject, day, micro_usd, tokens)
        SELECT key_id, day, SUM(charge), SUM(counted_tokens)
        FROM (
          SELECT key_id, held_at / 86400000 AS day, charge, counted_tokens FROM settlements
          UNION ALL SELECT key_id, -1, charge, counted_tokens FROM usage_days) AS settled
        GROUP BY key_id, day HAVING SUM(charge) > 0 OR SUM(counted_tokens) > 0`.execute(db);
    },
  },
  postgresInvites,
  postgresOwnedMachines,
  postgresDeposits,
  postgresIdentities,
  postgresEarnings,
  postgresPasskeys,
  postgresLeases,
  postgresFrozen,
  postgresWithdrawals,
];
