import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { JobId } from "@darkbloom/protocol/ids";
import { openDataFolder } from "@darkbloom/protocol/node";
import { sql } from "kysely";
import { afterAll, expect, it, vi } from "vitest";
import { CHECK_HERE_BYTES_MAX } from "./database-check.ts";
import { openDatabase } from "./database.ts";
import { DATABASE_FILE } from "./database-file.ts";
import { anna, lease, receiptOf } from "../ledger/ledger.samples.ts";
import { migrations, type Migration } from "./migrations.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "database-"));
afterAll(() => rmSync(root, { recursive: true }));
const newFolder = () => openDataFolder(mkdtempSync(join(root, "data-")), "coordinator");

const later: Migration = {
  name: "9999_later",
  async up(db) {
    await sql`CREATE TABLE later (word TEXT) STRICT`.execute(db);
  },
};
const broken: Migration = {
  name: "9999_broken",
  async up(db) {
    await sql`DELETE FROM accounts`.execute(db);
    await sql`CREATE TABLE accounts (again TEXT)`.execute(db);
  },
};
const orphaning: Migration = {
  name: "9999_orphaning",
  async up(db) {
    await sql`CREATE TABLE names (account TEXT REFERENCES accounts (account)) STRICT`.execute(db);
    await sql`INSERT INTO names VALUES ('acct_nobody')`.execute(db);
  },
};
const tablesOf = (database: DatabaseSync): unknown[] =>
  database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'kysely%' ORDER BY name")
    .all()
    .map((row) => row["name"]);

/** Goal: a new database is ours alone and needs no backup. Method: open, look at modes, settings and files. */
it("makes a private, durable database", async () => {
  await using folder = await newFolder();
  using database = await openDatabase(folder);
  expect(tablesOf(database)).toEqual([
    "accounts",
    "api_keys",
    "audit",
    "clearing",
    "deposits",
    "earnings",
    "frozen",
    "grievances",
    "idempotency_keys",
    "identities",
    "invites",
    "journal",
    "log_facts",
    "log_tiles",
    "machines",
    "operator_tokens",
    "owned_machines",
    "passkeys",
    "payment_notices",
    "people",
    "postings",
    "probes",
    "receipts",
    "refunds",
    "sessions",
    "settlements",
    "team_invites",
    "team_members",
    "teams",
    "usage_days",
    "used",
    "withdrawals",
  ]);
  expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  (await openDatabase(folder)).close();
  const files = readdirSync(folder.path);
  expect(files.filter((name) => name.includes("backup"))).toEqual([]);
  for (const name of files) expect(statSync(folder.file(name)).mode & 0o777, name).toBe(0o600);
});

/** Goal: no money is entrusted to a program that does not know the tables. Method: raise the version, open, read the sentence. */
it("refuses a newer schema and leaves it alone", async () => {
  await using folder = await newFolder();
  (await openDatabase(folder, [...migrations, later])).close();
  await expect(openDatabase(folder)).rejects.toMatchObject({
    code: "newer_schema",
    message: expect.stringContaining(
      `has schema version ${migrations.length + 1} and this program knows versions up to ${migrations.length}. Use the newer`,
    ),
  });
  using database = await openDatabase(folder, [...migrations, later]);
  expect(tablesOf(database)).toContain("later");
});

/** Goal: an update can be undone. Method: migrate a database with a row in it; the backup beside it has the row and the old schema. */
it("copies an older database before it migrates", async () => {
  await using folder = await newFolder();
  {
    using database = await openDatabase(folder);
    database.exec("INSERT INTO accounts (account, id, granted) VALUES ('acct_1', 1, 5)");
  }
  (await openDatabase(folder, [...migrations, later])).close();
  const backup = folder.file(`coordinator.v${migrations.length}.backup.db`);
  expect(statSync(backup).mode & 0o777).toBe(0o600);
  using copy = new DatabaseSync(backup, { readOnly: true });
  expect(copy.prepare("SELECT granted FROM accounts").all()).toEqual([{ granted: 5 }]);
  expect(copy.prepare("PRAGMA user_version").get()).toEqual({ user_version: migrations.length });
  expect(tablesOf(copy)).not.toContain("later");
  using database = await openDatabase(folder, [...migrations, later]);
  expect(tablesOf(database)).toContain("later");
});

/** Goal: a database of 0.1.0 goes on. Method: its two steps and rows as it wrote them; balances, usage and receipts are there. */
it("carries over what 0.1.0 wrote", async () => {
  await using folder = await newFolder();
  const receipt = receiptOf("job_1");
  {
    using database = await openDatabase(folder, migrations.slice(0, 2));
    database.exec(`
      INSERT INTO accounts VALUES ('acct_anna', 60, 15, 25, 100);
      INSERT INTO credits VALUES ('credit_1', 'acct_anna', 100, 1);
      INSERT INTO holds VALUES ('hold_2', 'request_2', 'acct_anna', 'key_1', 'darkbloom-tiny', 15, 1000);
      INSERT INTO settlements VALUES (1, 'hold_1', 'request_1', 'acct_anna', 'key_1', 'darkbloom-tiny', 40, 1000,
        'finished', 25, 2000, 'job_1', 'SERIAL1', 11, 3, 7, 2, 20)`);
    database.prepare("INSERT INTO receipts VALUES ('job_1', 'acct_anna', ?, 5000)").run(JSON.stringify(receipt));
  }
  using database = await openDatabase(folder);
  await using ledger = new SqliteLedger(database, { lease });
  expect(statSync(folder.file("coordinator.v2.backup.db")).size).toBeGreaterThan(0);
  expect(await ledger.check()).toEqual([]);
  expect(await ledger.usage(anna, 10)).toMatchObject([{ jobId: "job_1", cost: 25n, outcome: "finished" }]);
  expect(await ledger.receipt(anna, "job_1" as JobId, 4_999)).toEqual(receipt);
  expect(await ledger.receipt(anna, "job_1" as JobId, 5_000)).toBeUndefined();
  expect(await ledger.totals(anna)).toEqual({ balance: 75n, held: 0n, charged: 25n, credited: 100n });
});

/** Goal: a migration that fails changes nothing. Method: one that deletes rows and then breaks, one that leaves a reference to nothing; rows and version stay. */
it.each([broken, orphaning])("migrates wholly or not at all: $name", async (failing) => {
  await using folder = await newFolder();
  {
    using database = await openDatabase(folder);
    database.exec("INSERT INTO accounts (account, id, granted) VALUES ('acct_1', 1, 5)");
  }
  await expect(openDatabase(folder, [...migrations, failing])).rejects.toMatchObject({ code: "migration_failed" });
  using database = await openDatabase(folder);
  expect(database.prepare("SELECT granted FROM accounts").all()).toEqual([{ granted: 5 }]);
});

/** Goal: what the disk or another program does is told as that, and the file is not blamed. Method: a shell that holds it, and a step that finds the disk full. */
it("tells what speaks of the storage as it came", async () => {
  await using folder = await newFolder();
  {
    using held = new DatabaseSync(folder.touch(DATABASE_FILE));
    held.exec("CREATE TABLE theirs (word TEXT); BEGIN EXCLUSIVE");
    await expect(openDatabase(folder)).rejects.toMatchObject({ errcode: 5 });
  }
  const full = Object.assign(new Error("database or disk is full"), { errcode: 13 });
  const step: Migration = { name: "9999_full", up: () => Promise.reject(full) };
  await using other = await newFolder();
  await expect(openDatabase(other, [...migrations, step])).rejects.toBe(full);
});

/** Goal: a damaged page is found before money is entrusted to it. Method: overwrite one of an index in the middle of the file. */
it("refuses a damaged database", async () => {
  await using folder = await newFolder();
  {
    using database = await openDatabase(folder);
    const insert = database.prepare("INSERT INTO accounts (account, id, granted) VALUES (?, ?, 5)");
    for (let n = 0; n < 2_000; n++) insert.run(`acct_${n}_${"x".repeat(50)}`, n);
  }
  const bytes = folder.read(DATABASE_FILE) ?? Buffer.alloc(0);
  const middle = 4096 * Math.floor(bytes.length / 8192);
  folder.write(DATABASE_FILE, bytes.fill(0xab, middle, middle + 4096));
  await expect(openDatabase(folder)).rejects.toMatchObject({ code: "damaged" });
});

/** Goal: a start does not wait for a large database to be read through. Method: a damaged one, and a clock by which five seconds are over and more are not. */
it("begins with a database that takes too long to be read through", async () => {
  await using folder = await newFolder();
  {
    using database = await openDatabase(folder);
    database.exec(`CREATE TABLE large AS SELECT zeroblob(${CHECK_HERE_BYTES_MAX}) AS bytes`);
  }
  const bytes = folder.read(DATABASE_FILE) ?? Buffer.alloc(0);
  const middle = 4096 * Math.floor(bytes.length / 8192);
  folder.write(DATABASE_FILE, bytes.fill(0xab, middle, middle + 4096));
  await expect(openDatabase(folder)).rejects.toMatchObject({ code: "damaged" });
  const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    return ms <= 5_000 ? AbortSignal.abort() : new AbortController().signal;
  });
  using database = await openDatabase(folder);
  timeout.mockRestore();
  expect(tablesOf(database)).toContain("large");
});

/** Goal: a damaged file is named, not overwritten. Method: text where the database should be. */
it("refuses a file that is no database", async () => {
  await using folder = await newFolder();
  folder.write(DATABASE_FILE, "this is not a database, it is a sentence of some length".repeat(100));
  await expect(openDatabase(folder)).rejects.toMatchObject({ code: "not_a_database" });
});
