import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { openDataFolder, type DataFolder } from "@darkbloom/protocol/node";
import { afterAll, expect, it } from "vitest";
import { OUTSIDE, PLATFORM } from "../ledger/journal.ts";
import { leaseOf } from "../ledger/lease.ts";
import { settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { USAGE_LIFE_MS } from "../ledger/port.ts";
import type { HoldId } from "../ledger/settlement.ts";
import { COORDINATOR_OF_FOLDER, DATABASE_FILE } from "./database-file.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "journal-"));
afterAll(() => rmSync(root, { recursive: true }));
const newFolder = () => openDataFolder(mkdtempSync(join(root, "data-")), "coordinator");

const lease = leaseOf(COORDINATOR_OF_FOLDER, "now");
/** With the journal's. */
const STEPS = 7;
const ACCOUNTS = 7;
const SERIALS = 5;
const START_MS = 1_790_000_000_000;

/** The tables of 0.1.0, as its program made them. */
const tablesOf010 = `
  CREATE TABLE accounts (
    account TEXT PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0), held INTEGER NOT NULL CHECK (held >= 0),
    charged INTEGER NOT NULL CHECK (charged >= 0), credited INTEGER NOT NULL CHECK (credited >= 0),
    CHECK (balance + held + charged = credited)) STRICT;
  CREATE TABLE credits (
    credit_id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts,
    amount INTEGER NOT NULL CHECK (amount > 0), at INTEGER NOT NULL) STRICT;
  CREATE TABLE holds (
    hold_id TEXT PRIMARY KEY, request_id TEXT NOT NULL, account TEXT NOT NULL REFERENCES accounts,
    key_id TEXT NOT NULL, model TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount >= 0), at INTEGER NOT NULL) STRICT;
  CREATE TABLE settlements (
    seq INTEGER PRIMARY KEY, hold_id TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts, key_id TEXT NOT NULL, model TEXT NOT NULL,
    held INTEGER NOT NULL CHECK (held >= 0), held_at INTEGER NOT NULL, outcome TEXT NOT NULL,
    charge INTEGER NOT NULL CHECK (charge BETWEEN 0 AND held), at INTEGER NOT NULL, job_id TEXT UNIQUE, serial TEXT,
    prompt_tokens INTEGER, cached_tokens INTEGER, completion_tokens INTEGER, reasoning_tokens INTEGER,
    earned INTEGER CHECK (earned BETWEEN 0 AND charge)) STRICT;
  CREATE INDEX usage_newest ON settlements (account, at) WHERE job_id IS NOT NULL;
  CREATE INDEX earnings ON settlements (serial, at) WHERE earned > 0;
  CREATE TABLE receipts (
    job_id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts, document TEXT NOT NULL,
    expires_at INTEGER NOT NULL) STRICT;
  CREATE INDEX receipts_expiring ON receipts (expires_at);
  CREATE TABLE api_keys (
    key_hash TEXT PRIMARY KEY, key_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, label TEXT NOT NULL,
    created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT;
  ALTER TABLE api_keys ADD COLUMN min_trust TEXT;
  ALTER TABLE api_keys ADD COLUMN pins TEXT NOT NULL DEFAULT '[]';
  CREATE TABLE kysely_migration (name VARCHAR(255) NOT NULL PRIMARY KEY, timestamp VARCHAR(255) NOT NULL);
  CREATE TABLE kysely_migration_lock (id VARCHAR(255) NOT NULL PRIMARY KEY, is_locked INTEGER DEFAULT 0 NOT NULL);
  INSERT INTO kysely_migration VALUES
    ('0001_ledger_and_keys', '2026-11-25T00:00:00.000Z'), ('0002_what_a_key_may_reach', '2026-11-25T00:00:00.000Z');
  INSERT INTO kysely_migration_lock VALUES ('migration_lock', 0);
  PRAGMA user_version = 2;
  PRAGMA journal_mode = WAL`;

interface Wanted {
  readonly balance: bigint;
  readonly held: bigint;
  readonly charged: bigint;
  readonly credited: bigint;
}

/** What an older program left, and what it says of itself: by account, by serial, and the platform's. */
class Old {
  readonly accounts = new Map<string, Wanted>();
  readonly earned = new Map<string, bigint>();
  platform = 0n;
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** As the program of 0.1.0 wrote them, in one transaction; `settlements` of them, of which most charge something. */
  fill(settlements: number): void {
    const { prepare, exec } = {
      prepare: (text: string) => this.#database.prepare(text),
      exec: (text: string) => this.#database.exec(text),
    };
    exec("BEGIN");
    const addAccount = prepare("INSERT INTO accounts VALUES (?, ?, 0, 0, ?)");
    const addCredit = prepare("INSERT INTO credits VALUES (?, ?, ?, ?)");
    for (let n = 0; n < ACCOUNTS; n++) {
      const [account, one] = [`acct_${n}`, 10n ** 12n + BigInt(n)];
      addAccount.run(account, 2n * one, 2n * one);
      for (const half of [1, 2]) addCredit.run(`credit_${n}_${half}`, account, one, START_MS + n);
      this.accounts.set(account, { balance: 2n * one, held: 0n, charged: 0n, credited: 2n * one });
    }
    addAccount.run("acct_poor", 0, 0);
    this.accounts.set("acct_poor", { balance: 0n, held: 0n, charged: 0n, credited: 0n });
    const add = prepare(`
      INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at, job_id,
        serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned)
      VALUES (?, ?, ?, 'key_1', 'darkbloom-tiny', ?, ?, ?, ?, ?, ?, ?, 11, 3, 7, 2, ?)`);
    for (let n = 0; n < settlements; n++) {
      const at = START_MS + n * 60_000;
      // Every ninth came to nothing, every tenth had no machine.
      const charge = n % 9 === 0 || n % 10 === 0 ? 0n : BigInt((n * 7919) % 4_001);
      const earned = (charge * 90n) / 100n;
      const [account, job, serial] = [`acct_${n % ACCOUNTS}`, n % 10 === 0 ? null : `job_${n}`, `SERIAL${n % SERIALS}`];
      const outcome = charge > 0n ? "finished" : "provider_fault";
      add.run(
        `hold_${n}`,
        `request_${n}`,
        account,
        charge + 500n,
        at - 900,
        outcome,
        charge,
        at,
        job,
        job && serial,
        job && earned,
      );
      this.settled(account, job ? serial : undefined, charge, earned);
    }
    const addHold = prepare(
      "INSERT INTO holds (hold_id, request_id, account, key_id, model, amount, at) VALUES (?, ?, ?, 'key_1', 'm', ?, ?)",
    );
    for (let n = 0; n < 40; n++) {
      const amount = BigInt(n * 100);
      addHold.run(`open_${n}`, `request_open_${n}`, `acct_${n % 3}`, amount, START_MS + n);
      this.move(`acct_${n % 3}`, { balance: -amount, held: amount });
    }
    const figures = prepare("UPDATE accounts SET balance = ?, held = ?, charged = ? WHERE account = ?");
    for (const [account, { balance, held, charged }] of this.accounts) figures.run(balance, held, charged, account);
    exec("COMMIT");
  }

  settled(account: string, serial: string | undefined, charge: bigint, earned: bigint): void {
    this.move(account, { balance: -charge, charged: charge });
    if (serial && earned > 0n) this.earned.set(serial, (this.earned.get(serial) ?? 0n) + earned);
    this.platform += charge - (serial ? earned : 0n);
  }

  move(account: string, by: Partial<Wanted>): void {
    const { balance, held, charged, credited } = this.accounts.get(account) ?? {
      balance: 0n,
      held: 0n,
      charged: 0n,
      credited: 0n,
    };
    this.accounts.set(account, {
      balance: balance + (by.balance ?? 0n),
      held: held + (by.held ?? 0n),
      charged: charged + (by.charged ?? 0n),
      credited,
    });
  }
}

/** Each figure as the old books had it, the journal behind it, and no more accounts than there are names for. */
async function expectCarriedOver(database: DatabaseSync, ledger: SqliteLedger, old: Old): Promise<void> {
  for (const [account, figures] of old.accounts)
    expect(await ledger.totals(account as AccountId), account).toEqual(figures);
  for (const [serial, earned] of old.earned)
    expect(await ledger.totals(`serial_${serial}` as AccountId), serial).toEqual({
      balance: earned,
      held: 0n,
      charged: 0n,
      credited: 0n,
    });
  const machines = [...old.earned.values()].reduce((sum, earned) => sum + earned, 0n);
  expect(await ledger.shares()).toEqual({ machines, platform: old.platform });
  expect(await ledger.check()).toEqual([]);
  const names = database
    .prepare("SELECT account FROM accounts ORDER BY account")
    .all()
    .map((row) => row["account"]);
  const serials = [...old.earned.keys()].map((serial) => `serial_${serial}`);
  expect(names).toEqual([...old.accounts.keys(), ...serials, OUTSIDE, PLATFORM].toSorted());
  expect(database.prepare("SELECT SUM(amount) AS made FROM postings").get()).toEqual({ made: 0 });
  expect(database.prepare("PRAGMA foreign_key_check").all()).toEqual([]);
  expect(database.prepare("PRAGMA foreign_keys").get()).toEqual({ foreign_keys: 1 });
}

/** What the journal's own step makes of the holds that are open; the next ones release them. */
async function expectHeld(folder: DataFolder, old: Old, holds: number): Promise<void> {
  using database = await openDatabase(folder, migrations.slice(0, STEPS));
  const read = database.prepare(
    "SELECT account, granted AS balance, held, charged, credited FROM accounts WHERE account LIKE 'acct_%'",
  );
  read.setReadBigInts(true);
  const left = read.all().map(({ account, ...figures }) => [account, figures]);
  expect(new Map(left as [string, Wanted][])).toEqual(old.accounts);
  const count = "SELECT COUNT(*) AS holds, COUNT(DISTINCT lease) AS leases FROM holds";
  expect(database.prepare(count).get()).toEqual({ holds, leases: 1 });
  for (const [account, { held }] of old.accounts) old.move(account, { balance: held, held: -held });
}

/** A folder with a database of 0.1.0 in it. */
function makeOld(folder: DataFolder, settlements: number): Old {
  using database = new DatabaseSync(folder.touch(DATABASE_FILE));
  database.exec(tablesOf010);
  const old = new Old(database);
  old.fill(settlements);
  return old;
}

/**
 * Goal: a database of 0.1.0 goes on with every micro-dollar where it was. Method: ten thousand settlements of its program, open
 * holds, earnings of five serials; every figure before and after; then a start, a request, and a year.
 */
it("carries 0.1.0 over", { timeout: 120_000 }, async () => {
  await using folder = await newFolder();
  const old = makeOld(folder, 10_000);
  await expectHeld(folder, old, 40);
  using database = await openDatabase(folder);
  await using ledger = new SqliteLedger(database, { lease });
  await expectCarriedOver(database, ledger, old);
  expect(await ledger.settle("open_7" as HoldId, settlementOf(9_000n))).toBe(0n);
  // Known still: neither a credit nor a settlement of then moves anything again.
  await ledger.credit("credit_0_1", "acct_0" as AccountId, microUsd(5n), START_MS);
  expect(await ledger.settle(termsOf("1", 0n).holdId, settlementOf(9_000n))).toBe(3_918n);
  await expectCarriedOver(database, ledger, old);

  const account = "acct_1" as AccountId;
  await ledger.hold(termsOf("new", 100n, account));
  await ledger.settle(termsOf("new", 100n).holdId, settlementOf(70n, { id: "new", earned: 63n }));
  expect(await ledger.totals("mach_1" as AccountId)).toMatchObject({ balance: 63n });
  expect(await ledger.check()).toEqual([]);

  const before = await Promise.all([...old.accounts.keys()].map((one) => ledger.totals(one as AccountId)));
  while ((await ledger.rollUpUsage(START_MS + 2 * USAGE_LIFE_MS)) > 0);
  expect(database.prepare("SELECT DISTINCT kind FROM journal ORDER BY kind").all()).toEqual([
    { kind: "day" },
    { kind: "grant" },
  ]);
  expect(await ledger.check()).toEqual([]);
  expect(await Promise.all([...old.accounts.keys()].map((one) => ledger.totals(one as AccountId)))).toEqual(before);
});

/** Goal: so does that of every later version. Method: each with what it added: sums of old days, answers that the platform pays for, their holds and keys. */
it.each(migrations.slice(1, 6).map(({ name }, index) => [name, index + 2] as const))(
  "carries %s over",
  async (_name, version) => {
    await using folder = await newFolder();
    let old: Old;
    {
      using database = await openDatabase(folder, migrations.slice(0, version));
      old = new Old(database);
      old.fill(300);
      if (version >= 3) {
        const add = database.prepare(`
        INSERT INTO usage_days (day, account, key_id, model, serial, outcome, requests, prompt_tokens, cached_tokens,
          completion_tokens, reasoning_tokens, charge, earned) VALUES (?, ?, 'key_1', 'm', ?, 'finished', 3, 1, 1, 1, 1, ?, ?)`);
        for (const [day, account, serial, charge, earned] of [
          [20_000, "acct_0", "SERIAL1", 70n, 60n],
          [20_000, "acct_0", "", 5n, 0n],
          [20_000, "acct_1", "SERIAL9", 30n, 30n],
          [20_001, "acct_0", "SERIAL1", 11n, 0n],
        ] as const) {
          add.run(day, account, serial, charge, earned);
          old.settled(account, serial || undefined, charge, earned);
          database
            .prepare("UPDATE accounts SET balance = balance - ?, charged = charged + ? WHERE account = ?")
            .run(charge, charge, account);
        }
      }
      if (version >= 5) {
        database.exec(`
        UPDATE settlements SET paid_by_platform = 41 WHERE hold_id = 'hold_9';
        UPDATE usage_days SET paid_by_platform = 13 WHERE serial = 'SERIAL9';
        INSERT INTO holds VALUES ('owed', 'request_owed', 'acct_2', 'key_1', 'm', 0, 1, 77);
        INSERT INTO idempotency_keys VALUES ('acct_2', 'k', 'b', 'owed', 1, 1, ${START_MS * 2})`);
        old.earned.set("SERIAL4", (old.earned.get("SERIAL4") ?? 0n) + 41n);
        old.earned.set("SERIAL9", (old.earned.get("SERIAL9") ?? 0n) + 13n);
        old.platform -= 54n;
      }
    }
    await expectHeld(folder, old, version < 5 ? 40 : 41);
    using database = await openDatabase(folder);
    await using ledger = new SqliteLedger(database, { lease });
    await expectCarriedOver(database, ledger, old);
    if (version < 5) return;
    expect(await ledger.totals(PLATFORM)).toMatchObject({ held: 0n });
    expect(database.prepare("SELECT hold_id, is_running, is_owed FROM idempotency_keys").all()).toEqual([
      { hold_id: "owed", is_running: 0, is_owed: 1 },
    ]);
    expect(await ledger.settle("owed" as HoldId, settlementOf(90n, { id: "owed", earned: 80n }))).toBe(0n);
    expect(await ledger.check()).toEqual([]);
  },
);

/** Goal: a crash within the step leaves the old database whole, and the next start carries it over. Method: a process that is killed behind the step's last statement; look into the file, then open it. */
it("leaves the old database whole where it breaks off", async () => {
  const path = mkdtempSync(join(root, "data-"));
  let old: Old;
  {
    await using folder = await openDataFolder(path, "coordinator");
    old = makeOld(folder, 300);
  }
  const child = fileURLToPath(new URL("./migration-journal.crash-child.ts", import.meta.url));
  expect(spawnSync(process.execPath, [child, path], { stdio: "ignore" }).signal).toBe("SIGKILL");
  await using folder = await openDataFolder(path, "coordinator");
  {
    using database = new DatabaseSync(folder.file(DATABASE_FILE));
    expect(database.prepare("PRAGMA user_version").get()).toEqual({ user_version: 2 });
    const read = database.prepare("SELECT account, balance, held, charged, credited FROM accounts");
    read.setReadBigInts(true);
    const left = read.all().map(({ account, ...figures }) => [account, figures]);
    expect(new Map(left as [string, Wanted][])).toEqual(old.accounts);
    expect(database.prepare("SELECT COUNT(*) AS holds FROM holds").get()).toEqual({ holds: 40 });
  }
  await expectHeld(folder, old, 40);
  using database = await openDatabase(folder);
  await using ledger = new SqliteLedger(database, { lease });
  await expectCarriedOver(database, ledger, old);
});

/** Goal: a new database has no accounts that nobody made. Method: look, and make one. */
it("begins empty", async () => {
  await using folder = await newFolder();
  using database = await openDatabase(folder);
  for (const table of ["accounts", "journal", "postings", "settlements"])
    expect(database.prepare(`SELECT COUNT(*) AS rows FROM ${table}`).get(), table).toEqual({ rows: 0 });
  await using ledger = new SqliteLedger(database, { lease });
  expect(await ledger.check()).toEqual([]);
  expect(await ledger.shares()).toEqual({ machines: 0n, platform: 0n });
});
