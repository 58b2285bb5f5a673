import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { JobId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it, vi } from "vitest";
import { capsContract, daysContract } from "../ledger/caps.contract.ts";
import { earningsContract } from "../ledger/earnings.contract.ts";
import { withdrawingContract } from "../ledger/withdrawing.contract.ts";
import { idempotencyContract } from "../ledger/idempotency.contract.ts";
import { subAccounts } from "../ledger/journal.ts";
import { OpenHolds } from "../ledger/open-holds.ts";
import type { Lease } from "../ledger/lease.ts";
import { ledgerContract, type LedgerUnderTest } from "../ledger/ledger.contract.ts";
import {
  anna,
  bert,
  idempotencyOf,
  lease,
  machine,
  receiptOf,
  settlementOf,
  termsOf,
} from "../ledger/ledger.samples.ts";
import { RECEIPT_LIFE_MS, USAGE_LIFE_MS, type LedgerFault } from "../ledger/port.ts";
import { CHECK_HERE_BYTES_MAX } from "./database-check.ts";
import { openDatabase } from "./database.ts";
import { GROUP_CALLS_MAX } from "./group-commit.ts";
import { SETTLE_RETRY_MS } from "./owed-settlements.ts";
import { packReceipt, unpackReceipt } from "./receipt-pack.ts";
import { ROWS_PER_STEP_MAX } from "./ledger-options.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "ledger-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

async function openSqlite() {
  const folder = await openDataFolder(join(root, String(folders++)), "coordinator");
  let database = await openDatabase(folder);
  let open = new OpenHolds();
  let ledger = new SqliteLedger(database, { lease, open });
  const close = async (): Promise<void> => {
    await ledger[Symbol.asyncDispose]();
    database.close();
  };
  return {
    get ledger() {
      return ledger;
    },
    get database() {
      return database;
    },
    holdsOutliveRestart: false,
    beside: (other: Lease) => new SqliteLedger(database, { lease: other, open }),
    async reopen() {
      await close();
      database = await openDatabase(folder);
      open = new OpenHolds();
      ledger = new SqliteLedger(database, { lease, open });
    },
    async [Symbol.asyncDispose]() {
      await close();
      await folder[Symbol.asyncDispose]();
    },
  } satisfies LedgerUnderTest & Record<string, unknown>;
}

ledgerContract("SQLite", openSqlite);
idempotencyContract("SQLite", openSqlite);
capsContract("SQLite", openSqlite);
earningsContract("SQLite", openSqlite);
withdrawingContract("SQLite", openSqlite);
daysContract("SQLite", openSqlite);

describe("the SQLite ledger", () => {
  /** Goal: a hold waits for no disk; a turn's settlements wait for it once, and one that fails spoils no other. Method: count commits around calls made together. */
  it("commits the settlements of one turn together", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const dataVersions = openObserver(database.location());
    const before = dataVersions();
    for (let n = 0; n < 8; n++) await ledger.hold(termsOf(`${n}`, 10n));
    expect((await ledger.totals(anna)).held).toBe(80n);
    expect(dataVersions()).toBe(before);
    const settle = (n: number, charge: bigint) => ledger.settle(termsOf(`${n}`, 10n).holdId, settlementOf(charge));
    const calls = Array.from({ length: 8 }, (_, n) => settle(n, n === 3 ? -1n : 1n));
    expect(dataVersions()).toBe(before);
    const results = await Promise.allSettled(calls);
    expect(dataVersions()).toBe(before + 1);
    expect(results.map(({ status }) => status === "fulfilled")).toEqual([
      true,
      true,
      true,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(await ledger.totals(anna)).toEqual({ balance: 983n, held: 10n, charged: 7n, credited: 1_000n });
    dataVersions.close();
  });

  /** Goal: the queue does not grow with the callers. Method: a full group is committed before its turn ends. */
  it("commits a full group at once", async () => {
    await using test = await openSqlite();
    const { ledger } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const holds = Array.from({ length: GROUP_CALLS_MAX }, (_, n) => termsOf(`${n}`, 1n));
    for (const terms of holds) await ledger.hold(terms);
    const calls = holds.map(({ holdId }) => ledger.settle(holdId, settlementOf(1n)));
    expect((await ledger.totals(anna)).charged).toBe(BigInt(GROUP_CALLS_MAX));
    await Promise.all(calls);
  });

  /** Goal: an account is written once for all settlements of a turn, however many. Method: the statements that SQLite ran, by what they begin with. */
  it("writes an account once for all of a turn", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const holds = Array.from({ length: 64 }, (_, n) => termsOf(`${n}`, 10n));
    for (const terms of holds) await ledger.hold(terms);
    database.exec(`
      CREATE TEMP TABLE written (what TEXT);
      CREATE TEMP TRIGGER one AFTER UPDATE ON main.accounts BEGIN INSERT INTO written VALUES ('account'); END;
      CREATE TEMP TRIGGER two AFTER INSERT ON main.journal BEGIN INSERT INTO written VALUES ('entry'); END`);
    const settled = holds.map(({ holdId }, n) => ledger.settle(holdId, settlementOf(2n, { id: `${n}`, earned: 1n })));
    await Promise.all(settled);
    const counts = database.prepare("SELECT what, COUNT(*) AS rows FROM written GROUP BY what ORDER BY what").all();
    expect(counts).toEqual([
      { what: "account", rows: 3 },
      { what: "entry", rows: 64 },
    ]);
  });

  /** Goal: every caller hears of a commit that failed, and the money stands as before. Method: close the database under a waiting call. */
  it("answers nobody before the commit", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(10n), 1);
    await ledger.hold(termsOf("1", 5n));
    const call = ledger.settle(termsOf("1", 5n).holdId, settlementOf(4n));
    database.exec("BEGIN IMMEDIATE");
    await expect(call).rejects.toThrow();
    expect(await ledger.totals(anna)).toEqual({ balance: 5n, held: 5n, charged: 0n, credited: 10n });
    expect(await ledger.settle(termsOf("1", 5n).holdId, settlementOf(4n))).toBe(4n);
    expect(await ledger.totals(anna)).toEqual({ balance: 6n, held: 0n, charged: 4n, credited: 10n });
  });

  /** Goal: the check compares every kept figure with what it sums up, and every entry with zero. Method: edit each behind the ledger's back. */
  it("names what does not add up", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    await ledger.hold(termsOf("1", 30n));
    await ledger.settle(termsOf("1", 30n).holdId, settlementOf(20n, { id: "1", earned: 15n }));
    expect(await ledger.check()).toEqual([]);
    const at = (part: LedgerFault["part"], offBy: bigint, account: string = anna) => ({ account, part, offBy });
    const edits: readonly (readonly [edit: string, undo: string, faults: readonly LedgerFault[]])[] = [
      ...subAccounts
        .filter((sub) => sub !== "held")
        .map((sub) => {
          const move = (by: string) => `UPDATE accounts SET ${sub} = ${sub} ${by} WHERE account = '${anna}'`;
          return [move("+ 3"), move("- 3"), [at(sub, 3n)]] as const;
        }),
      [
        `UPDATE accounts SET held = held - 2 WHERE account = '${anna}'`,
        `UPDATE accounts SET held = held + 2 WHERE account = '${anna}'`,
        [at("held", -2n), at("open holds", -2n)],
      ],
      [
        "UPDATE accounts SET earned = earned - 1 WHERE account IN ('platform', 'mach_1')",
        "UPDATE accounts SET earned = earned + 1 WHERE account IN ('platform', 'mach_1')",
        [at("earned", -1n, machine), at("earned", -1n, "platform")],
      ],
      [
        "UPDATE accounts SET charged = charged + 4",
        "UPDATE accounts SET charged = charged - 4",
        [at("charged", 4n), at("charged", 4n, machine), at("charged", 4n, "outside"), at("charged", 4n, "platform")],
      ],
      [
        `UPDATE accounts SET credited = credited - 5 WHERE account = '${anna}'`,
        `UPDATE accounts SET credited = credited + 5 WHERE account = '${anna}'`,
        [at("credited", -5n)],
      ],
      [
        "UPDATE settlements SET charge = charge - 6",
        "UPDATE settlements SET charge = charge + 6",
        [at("charged", 6n), at("used", 6n, "key_1")],
      ],
      [
        "UPDATE used SET micro_usd = micro_usd - 8",
        "UPDATE used SET micro_usd = micro_usd + 8",
        [at("used", -8n, "key_1")],
      ],
      ["UPDATE used SET tokens = tokens + 9", "UPDATE used SET tokens = tokens - 9", [at("used tokens", 9n, "key_1")]],
      [
        "UPDATE earnings SET payable = payable + 3",
        "UPDATE earnings SET payable = payable - 3",
        [at("earnings", 3n, "darkbloom-tiny")],
      ],
      [
        "UPDATE used SET day = day + 1",
        "UPDATE used SET day = day - 1",
        [
          at("used", -20n, "key_1"),
          at("used", 20n, "key_1"),
          at("used tokens", -18n, "key_1"),
          at("used tokens", 18n, "key_1"),
        ],
      ],
      [
        "UPDATE postings SET amount = amount + 7 WHERE entry = 2 AND sub = 'granted'",
        "UPDATE postings SET amount = amount - 7 WHERE entry = 2 AND sub = 'granted'",
        [at("granted", -7n), at("journal", 7n, "entry 2")],
      ],
      [
        "UPDATE journal SET kind = 'other' WHERE kind = 'grant'",
        "UPDATE journal SET kind = 'grant' WHERE kind = 'other'",
        [at("credited", 100n)],
      ],
    ];
    for (const [edit, undo, faults] of edits) {
      database.exec(`PRAGMA ignore_check_constraints = ON; ${edit}`);
      expect(await ledger.check(), edit).toEqual(faults);
      database.exec(`PRAGMA ignore_check_constraints = ON; ${undo}`);
    }
    expect(await ledger.check()).toEqual([]);
    // As in a shell, where nothing holds a row to those that it names.
    const annas = `FROM accounts WHERE account = '${anna}'`;
    database.exec(`PRAGMA foreign_keys = OFF; CREATE TABLE aside AS SELECT * ${annas}; DELETE ${annas}`);
    const [lost = ""] = database
      .prepare("SELECT 'account ' || id AS lost FROM aside")
      .all()
      .map((row) => String(row["lost"]));
    expect(await ledger.check()).toEqual([at("granted", -80n, lost), at("charged", -20n)]);
    database.exec("INSERT INTO accounts SELECT * FROM aside; DROP TABLE aside; PRAGMA foreign_keys = ON");
    expect(await ledger.check()).toEqual([]);
  });

  /** Goal: what is held is checked in the memory in which it is. Method: a hold that is not what is set aside for it; a balance that changes under one. */
  it("names what is held and does not add up", async () => {
    await using test = await openSqlite();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    const open = new OpenHolds();
    await using ledger = new SqliteLedger(test.database, { lease, open });
    await ledger.hold(termsOf("1", 30n));
    expect(await ledger.check()).toEqual([]);
    test.database.exec(`UPDATE accounts SET granted = granted - 1 WHERE account = '${anna}'`);
    expect(await ledger.check()).toEqual([
      { account: anna, part: "granted", offBy: -1n },
      { account: anna, part: "granted", offBy: 1n },
    ]);
    test.database.exec(`UPDATE accounts SET granted = granted + 1 WHERE account = '${anna}'`);
    const held = open.get(termsOf("1", 30n).holdId);
    if (!held) throw new Error("the hold is open");
    Object.assign(held.holding.parts, { granted: 29n });
    expect(await ledger.check()).toEqual([{ account: anna, part: "open holds", offBy: 1n }]);
  });

  /** Goal: no account but the world's and the platform's comes below nothing in the file, whatever the program thinks. Method: each figure of one. */
  it("keeps no balance below zero", async () => {
    await using test = await openSqlite();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    const set = (what: string, account: string) => () =>
      test.database.exec(`UPDATE accounts SET ${what} WHERE account = '${account}'`);
    for (const sub of subAccounts) {
      const wrong = `${sub} = ${sub === "debt" ? 1 : -1}`;
      expect(set(wrong, anna), sub).toThrow(/CHECK constraint/);
      expect(set(wrong, "outside"), sub).not.toThrow();
    }
  });

  /** Goal: what a provider earned is in the books, and no more than was charged. Method: a share above the hold. */
  it("records what the provider earns", async () => {
    await using test = await openSqlite();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    await test.ledger.hold(termsOf("1", 30n));
    await test.ledger.settle(termsOf("1", 30n).holdId, settlementOf(50n, { id: "1", earned: 45n }));
    await test.ledger.hold(termsOf("2", 20n));
    await test.ledger.settle(termsOf("2", 20n).holdId, settlementOf(0n));
    const rows = test.database.prepare("SELECT serial, earned FROM settlements ORDER BY seq").all();
    expect(rows).toEqual([
      { serial: "SERIAL1", earned: 30 },
      { serial: null, earned: null },
    ]);
    expect((await test.ledger.totals(machine)).balance).toBe(30n);
  });

  /** Goal: a settlement says how much of the caller's was held. Method: an answer that was paid for and lost, and the same once more. */
  it("records what was held of whom", async () => {
    await using test = await openSqlite();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    for (const id of ["1", "2"]) {
      await test.ledger.hold({ ...termsOf(id, 30n), idempotency: idempotencyOf("k") });
      await test.ledger.settle(termsOf(id, 30n).holdId, settlementOf(30n, { id }));
      test.ledger.loseAnswer(termsOf(id, 30n).holdId);
    }
    const rows = test.database.prepare("SELECT held, charge FROM settlements ORDER BY seq").all();
    expect(rows).toEqual([
      { held: 30, charge: 30 },
      { held: 0, charge: 0 },
    ]);
  });

  it("opens no account for who only looks", async () => {
    await using test = await openSqlite();
    const count = () => test.database.prepare("SELECT COUNT(*) AS accounts FROM accounts").get()?.["accounts"];
    const before = count();
    expect((await test.ledger.totals(anna)).balance).toBe(0n);
    await test.ledger.creditRoom(anna);
    expect(count()).toBe(before);
  });

  /**
   * Goal: a disk that fills up between the hold and the settlement costs nobody anything. Method: no page may be added; the
   * settlement, new holds and the probe fail by name, and what was owed is settled once there is room.
   */
  it("settles what it owes once the disk takes it", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    await ledger.hold(termsOf("1", 30n));
    const full = fillUp(database);
    const refused = { failure: { code: "storage_unavailable", fault: "disk_full" } };
    const settlement = settlementOf(20n, { id: "1", receipt: bigReceipt });
    await expect(ledger.settle(termsOf("1", 30n).holdId, settlement)).rejects.toMatchObject(refused);
    expect((await ledger.totals(anna)).held).toBe(30n);
    ledger.settleLater(termsOf("1", 30n).holdId, { ...settlement, charge: microUsd(0n) });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await ledger.totals(anna)).held).toBe(30n);
    full.makeRoom();
    await expect.poll(async () => (await ledger.totals(anna)).held, { timeout: 10_000 }).toBe(0n);
    expect(await ledger.totals(anna)).toEqual({ balance: 1_000n, held: 0n, charged: 0n, credited: 1_000n });
    expect(await ledger.check()).toEqual([]);
    await ledger.assertWritable();
  });

  /** Goal: a database that cannot be written is told as that. Method: make it read-only under the ledger; ask for each kind of write. */
  it("names why nothing can be written", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    database.exec("PRAGMA query_only = ON");
    const refused = { failure: { code: "storage_unavailable", fault: "read_only" } };
    await expect(ledger.assertWritable()).rejects.toMatchObject(refused);
    await expect(ledger.hold(termsOf("1", 5n))).rejects.toMatchObject(refused);
    expect((await ledger.totals(anna)).balance).toBe(100n);
    database.exec("PRAGMA query_only = OFF");
    await ledger.hold(termsOf("1", 5n));
    expect((await ledger.totals(anna)).balance).toBe(95n);
  });

  /** Goal: an operator's own shell delays, and no longer than a statement waits. Method: another connection holds the lock. */
  it("says that somebody else holds the database", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    using other = new DatabaseSync(database.location() ?? "");
    other.exec("BEGIN IMMEDIATE");
    await expect(ledger.assertWritable()).rejects.toMatchObject({
      failure: { code: "storage_unavailable", fault: "busy" },
    });
    other.exec("ROLLBACK");
    await ledger.assertWritable();
  });

  /** Goal: what was owed at a proper end is settled by it. Method: owe, close at once, open again. */
  it("settles what it owes when it closes", async () => {
    await using test = await openSqlite();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    await test.ledger.hold(termsOf("1", 30n));
    test.ledger.settleLater(termsOf("1", 30n).holdId, settlementOf(0n));
    await test.reopen();
    expect(await test.ledger.totals(anna)).toEqual({ balance: 100n, held: 0n, charged: 0n, credited: 100n });
  });

  /** Goal: a receipt takes little room and comes back as it was. Method: write one, weigh it, read it; and one as 0.1.0 wrote it. */
  it("keeps receipts packed, and reads older ones", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    await ledger.hold(termsOf("1", 30n));
    const receipt = receiptOf("job_1");
    await ledger.settle(termsOf("1", 30n).holdId, settlementOf(20n, { id: "1", receipt }));
    expect(await ledger.receipt(anna, "job_1" as JobId, 2_000)).toEqual(receipt);
    const [row] = database.prepare("SELECT document, LENGTH(packed) AS bytes FROM receipts").all();
    expect(row?.["document"]).toBe("");
    expect(Number(row?.["bytes"])).toBeLessThan(JSON.stringify(receipt).length / 2);
    const old = receiptOf("job_old");
    await ledger.hold(termsOf("old", 0n));
    await ledger.settle(termsOf("old", 0n).holdId, settlementOf(0n, { id: "old" }));
    database
      .prepare("INSERT INTO receipts (seq, document, expires_at) SELECT MAX(seq), ?, 9000 FROM settlements")
      .run(JSON.stringify(old));
    expect(await ledger.receipt(anna, "job_old" as JobId, 8_999)).toEqual(old);
    database.prepare("UPDATE receipts SET packed = ? WHERE packed IS NOT NULL").run(Uint8Array.of(99, 3));
    await expect(ledger.receipt(anna, "job_1" as JobId, 2_000)).rejects.toThrow(TypeError);
  });

  /** Goal: a damaged receipt does not fill the memory. Method: the longest that is unpacked, and a byte more. */
  it("unpacks receipts of so many bytes and no more", () => {
    const receiptMadeOf = (bytes: number) => {
      const short = receiptOf("job_1");
      const engine = { ...short.receipt.engine };
      const made = { ...short, receipt: { ...short.receipt, engine } };
      engine.version += "x".repeat(bytes - JSON.stringify(made).length);
      return made;
    };
    const longest = receiptMadeOf(256 * 1024);
    expect(unpackReceipt(packReceipt(longest))).toEqual(longest);
    expect(() => unpackReceipt(packReceipt(receiptMadeOf(256 * 1024 + 1)))).toThrow(RangeError);
  });

  /** Goal: a check of the books comes to an end. Method: books that a process of its own reads, and the wait that it is given cut short. */
  it("checks its books for no longer than half an hour", async () => {
    await using test = await openSqlite();
    test.database.exec("CREATE TABLE filler (bytes)");
    test.database.exec(`INSERT INTO filler VALUES (zeroblob(${CHECK_HERE_BYTES_MAX}))`);
    const wait = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => AbortSignal.abort());
    await expect(test.ledger.check()).rejects.toMatchObject({
      failure: { code: "storage_unavailable", fault: "busy" },
    });
    expect(wait.mock.calls).toEqual([[30 * 60_000]]);
    wait.mockRestore();
  });

  /** Goal: the operator says how long receipts are kept. Method: a ledger told one second; both sides of its last moment. */
  it("keeps receipts as long as it is told", async () => {
    await using test = await openSqlite();
    await using ledger = new SqliteLedger(test.database, { lease, receiptLifeMs: 1_000 });
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    await ledger.hold(termsOf("1", 30n));
    await ledger.settle(termsOf("1", 30n).holdId, settlementOf(20n, { id: "1", receipt: receiptOf("job_1") }));
    expect(await ledger.receipt(anna, "job_1" as JobId, 2_999)).toBeDefined();
    expect(await ledger.receipt(anna, "job_1" as JobId, 3_000)).toBeUndefined();
  });

  /**
   * Goal: old settlements take no room of their own, and every sum stays exact. Method: settlements of two accounts on both sides
   * of the moment, added up; totals, the check and the sums of the days are what they were.
   */
  it("adds old settlements up by day", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    const day = 24 * 60 * 60_000;
    const settle = async (n: string, charge: bigint, at: number, account = anna, withJob = true) => {
      await ledger.hold({ ...termsOf(n, 30n, account), at });
      await ledger.settle(
        termsOf(n, 30n).holdId,
        settlementOf(charge, withJob ? { id: n, earned: charge / 2n } : undefined, { at }),
      );
    };
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    await ledger.credit("credit_2", bert, microUsd(1_000n), 1);
    await settle("1", 10n, day);
    await settle("2", 20n, day + 1);
    await settle("3", 5n, day + 2, bert);
    await settle("4", 0n, day + 3, anna, false);
    await settle("5", 7n, 2 * day - 1);
    await settle("6", 8n, 2 * day);
    await ledger.hold(termsOf("open", 9n));
    // What moved nothing has no entry to add up.
    await ledger.hold({ ...termsOf("free", 0n), at: 3 * day });
    await ledger.settle(termsOf("free", 0n).holdId, settlementOf(0n, undefined, { at: 3 * day }));
    const everyone = () => Promise.all([anna, bert, machine].map((account) => ledger.totals(account)));
    const before = [await everyone(), await ledger.shares()];

    expect(await ledger.rollUpUsage(USAGE_LIFE_MS + 2 * day - 1)).toBe(5);
    expect(await ledger.rollUpUsage(USAGE_LIFE_MS + 2 * day - 1)).toBe(0);
    expect([await everyone(), await ledger.shares()]).toEqual(before);
    expect(await ledger.check()).toEqual([]);
    expect(
      database.prepare("SELECT kind, at, COUNT(*) AS entries FROM journal GROUP BY 1, 2 ORDER BY 1, 2").all(),
    ).toEqual([
      { kind: "day", at: day, entries: 1 },
      { kind: "grant", at: 1, entries: 2 },
      { kind: "settle", at: 2 * day, entries: 1 },
    ]);
    const posted = database.prepare(
      "SELECT accounts.account, sub, amount FROM postings JOIN journal USING (entry) JOIN accounts ON id = postings.account WHERE kind = 'day' ORDER BY accounts.account",
    );
    expect(posted.all()).toEqual([
      { account: anna, sub: "granted", amount: -37 },
      { account: bert, sub: "granted", amount: -5 },
      { account: machine, sub: "earned", amount: 20 },
      { account: "platform", sub: "earned", amount: 22 },
    ]);
    expect((await ledger.usage(anna, 10)).map(({ jobId }) => jobId)).toEqual(["job_6"]);
    const days = database
      .prepare(
        "SELECT day, account, serial, requests, prompt_tokens, completion_tokens, charge, earned FROM usage_days",
      )
      .all();
    const sums = (prompt: number, completion: number) => ({ prompt_tokens: prompt, completion_tokens: completion });
    expect(days).toEqual([
      { day: 1, account: anna, serial: "", requests: 1, ...sums(0, 0), charge: 0, earned: 0 },
      { day: 1, account: anna, serial: "SERIAL1", requests: 3, ...sums(33, 21), charge: 37, earned: 18 },
      { day: 1, account: bert, serial: "SERIAL1", requests: 1, ...sums(11, 7), charge: 5, earned: 2 },
    ]);
    expect(await ledger.rollUpUsage(USAGE_LIFE_MS + 3 * day)).toBe(2);
    expect(database.prepare("SELECT at FROM journal WHERE kind = 'day' ORDER BY at").all()).toEqual([
      { at: day },
      { at: 2 * day },
    ]);
    expect([await everyone(), await ledger.shares()]).toEqual(before);
    database.exec("UPDATE usage_days SET charge = charge + 1 WHERE account = 'acct_bert'");
    expect(await ledger.check()).toEqual([
      { account: bert, part: "charged", offBy: -1n },
      { account: "key_1", part: "used", offBy: -1n },
    ]);
  });

  /** Goal: books that cannot be read are not told as good ones. Method: a look that ends with the ledger; a row that its table cannot have; a table that begins at no page. */
  it("tells why its books cannot be checked", async () => {
    await using test = await openSqlite();
    test.database.exec("CREATE TABLE filler (bytes)");
    test.database.exec(`INSERT INTO filler VALUES (zeroblob(${CHECK_HERE_BYTES_MAX}))`);
    const ended = expect(test.ledger.check()).rejects.toMatchObject({
      failure: { code: "storage_unavailable", fault: "busy" },
    });
    await test.reopen();
    await ended;
    test.database.exec("DROP TABLE filler; VACUUM");
    expect(await test.ledger.check()).toEqual([]);
    test.database.exec("CREATE TABLE filler (bytes); INSERT INTO filler VALUES (NULL)");
    test.database.enableDefensive(false);
    for (const damage of [
      "sql = 'CREATE TABLE filler (bytes NOT NULL)' WHERE name = 'filler'",
      "rootpage = 99999 WHERE name = 'receipts'",
    ]) {
      test.database.exec("PRAGMA writable_schema = ON");
      test.database.exec(`UPDATE sqlite_schema SET ${damage}`);
      test.database.exec("PRAGMA writable_schema = RESET");
      await expect(test.ledger.check(), damage).rejects.toMatchObject({
        failure: { code: "storage_unavailable", fault: "damaged" },
      });
    }
  });

  /** Goal: rows that are not ours are no good answers. Method: a settlement with another outcome, then without its tokens. */
  it.each(["outcome = 'other'", "outcome = 'finished', prompt_tokens = NULL"])(
    "tells no usage where %s",
    async (set) => {
      await using test = await openSqlite();
      await test.ledger.hold(termsOf("1", 0n));
      await test.ledger.settle(termsOf("1", 0n).holdId, settlementOf(0n, { id: "1" }));
      expect(await test.ledger.usage(anna, 9)).toHaveLength(1);
      test.database.exec(`UPDATE settlements SET ${set}`);
      await expect(test.ledger.usage(anna, 9)).rejects.toThrow(TypeError);
    },
  );

  /** Goal: only what the storage did not take is tried again. Method: a settlement without a hold, and a long time. */
  it("tries nothing later that cannot do better", async () => {
    await using test = await openSqlite();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const settle = vi.spyOn(test.ledger, "settle");
      test.ledger.settleLater(termsOf("none", 0n).holdId, settlementOf(0n));
      for (let n = 0; n < 3; n++) {
        vi.advanceTimersByTime(SETTLE_RETRY_MS);
        await test.ledger.assertWritable();
      }
      expect(settle).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });

  /** Goal: nobody waits long behind old rows. Method: one more than a step; two steps. */
  it("adds up and deletes in steps", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const count = ROWS_PER_STEP_MAX + 1;
    const insert = database.prepare("INSERT INTO receipts (seq, document, expires_at) VALUES (?, '{}', 1)");
    for (let n = 0; n < count; n++) {
      await ledger.hold(termsOf(`${n}`, 0n));
      void ledger.settle(termsOf(`${n}`, 0n).holdId, settlementOf(0n));
    }
    await ledger.assertWritable();
    for (let n = 0; n < count; n++) insert.run(n + 1);
    const now = USAGE_LIFE_MS + 2_000;
    expect(await ledger.rollUpUsage(now)).toBe(0);
    expect([await ledger.deleteExpiredReceipts(now), await ledger.deleteExpiredReceipts(now)]).toEqual([
      ROWS_PER_STEP_MAX,
      1,
    ]);
    expect([await ledger.rollUpUsage(now), await ledger.rollUpUsage(now)]).toEqual([ROWS_PER_STEP_MAX, 1]);
    const remember = database.prepare("INSERT INTO idempotency_keys VALUES (?, ?, '', NULL, 0, 0, 1)");
    for (let n = 0; n < count; n++) remember.run(anna, `key_${n}`);
    expect([await ledger.deleteExpiredKeys(now), await ledger.deleteExpiredKeys(now)]).toEqual([ROWS_PER_STEP_MAX, 1]);
    for (let n = 0; n < count; n++) await ledger.hold(termsOf(`open_${n}`, 1n));
    const released = ledger.releaseOpenHolds(lease, 3_000);
    // Whoever asks meanwhile waits for one step and not for all of them.
    await ledger.assertWritable();
    expect((await ledger.totals(anna)).held).toBe(1n);
    expect(await released).toBe(count);
  });

  /** Goal: expired receipts go and others stay. Method: one on each side of the moment. */
  it("deletes expired receipts", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    for (const [id, over] of [
      ["old", 0],
      ["new", 1],
    ] as const) {
      await ledger.hold(termsOf(id, 0n));
      const at = { at: over };
      await ledger.settle(termsOf(id, 0n).holdId, settlementOf(0n, { id, receipt: receiptOf(`job_${id}`) }, at));
    }
    expect(await ledger.deleteExpiredReceipts(RECEIPT_LIFE_MS)).toBe(1);
    expect(database.prepare("SELECT seq FROM receipts").all()).toEqual([{ seq: 2 }]);
    expect(await ledger.receipt(anna, "job_new" as JobId, RECEIPT_LIFE_MS)).toEqual(receiptOf("job_new"));
  });
});

/** A receipt that no page with room left can take: what is random does not pack. */
const bigReceipt = { ...receiptOf("job_1"), provider_signature: Buffer.from(randomBytes(12_000)).toString("base64") };

/** From now on the database may not grow, as on a disk that is full: SQLITE_FULL. */
function fillUp(database: DatabaseSync) {
  database.exec("VACUUM");
  const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
  database.exec(`PRAGMA max_page_count = ${pages}`);
  return { makeRoom: () => database.exec(`PRAGMA max_page_count = ${pages + 1_000}`) };
}

/** A second connection that sees how often the first one committed: https://www.sqlite.org/pragma.html#pragma_data_version */
function openObserver(path: string | null) {
  const observer = new DatabaseSync(path ?? "", { readOnly: true });
  const statement = observer.prepare("PRAGMA data_version");
  const read = (): number => Number(statement.get()?.["data_version"]);
  return Object.assign(read, { close: () => observer.close() });
}
