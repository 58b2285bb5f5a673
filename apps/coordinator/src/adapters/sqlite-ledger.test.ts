import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { microUsd } from "@darkbloom/protocol";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { ledgerContract, type LedgerUnderTest } from "../ledger/ledger.contract.ts";
import { anna, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { RECEIPT_LIFE_MS } from "../ledger/port.ts";
import { openDatabase } from "./database.ts";
import { GROUP_CALLS_MAX } from "./group-commit.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "ledger-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

async function openSqlite() {
  const folder = await openDataFolder(join(root, String(folders++)), "coordinator");
  let database = await openDatabase(folder);
  let ledger = new SqliteLedger(database);
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
    async reopen() {
      await close();
      database = await openDatabase(folder);
      ledger = new SqliteLedger(database);
    },
    async [Symbol.asyncDispose]() {
      await close();
      await folder[Symbol.asyncDispose]();
    },
  } satisfies LedgerUnderTest & Record<string, unknown>;
}

ledgerContract("SQLite", openSqlite);

describe("the SQLite ledger", () => {
  /** Goal: a turn's calls wait for the disk once, and one that fails spoils no other. Method: count commits around calls made together. */
  it("commits the calls of one turn together", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const dataVersions = openObserver(database.location());
    const before = dataVersions();
    const calls = Array.from({ length: 8 }, (_, n) => ledger.hold(termsOf(`${n}`, n === 3 ? 9_999n : 10n)));
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
    expect((await ledger.totals(anna)).held).toBe(70n);
    dataVersions.close();
  });

  /** Goal: the queue does not grow with the callers. Method: a full group is committed before its turn ends. */
  it("commits a full group at once", async () => {
    await using test = await openSqlite();
    const { ledger } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const calls = Array.from({ length: GROUP_CALLS_MAX }, (_, n) => ledger.hold(termsOf(`${n}`, 1n)));
    expect((await ledger.totals(anna)).held).toBe(BigInt(GROUP_CALLS_MAX));
    await Promise.all(calls);
  });

  /** Goal: every caller hears of a commit that failed, and the money stands as before. Method: close the database under a waiting call. */
  it("answers nobody before the commit", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(10n), 1);
    const call = ledger.hold(termsOf("1", 5n));
    database.exec("BEGIN IMMEDIATE");
    await expect(call).rejects.toThrow();
    expect(await ledger.totals(anna)).toEqual({ balance: 10n, held: 0n, charged: 0n, credited: 10n });
    await ledger.hold(termsOf("1", 5n));
  });

  /** Goal: the check finds what does not add up. Method: edit each figure behind the ledger's back. */
  it("names accounts that do not add up", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    await ledger.hold(termsOf("1", 30n));
    await ledger.settle(termsOf("1", 30n).holdId, settlementOf(20n, { id: "1" }));
    await ledger.hold(termsOf("2", 30n));
    expect(await ledger.check()).toEqual([]);
    database.exec("PRAGMA ignore_check_constraints = ON");
    const edits: readonly [edit: string, undo: string, offBy: bigint][] = [
      ["balance = balance + 1", "balance = balance - 1", 1n],
      ["held = held + 2, balance = balance - 2", "held = held - 2, balance = balance + 2", 2n],
      ["charged = charged - 3, balance = balance + 3", "charged = charged + 3, balance = balance - 3", -3n],
      ["credited = credited + 4, balance = balance + 4", "credited = credited - 4, balance = balance - 4", 4n],
    ];
    for (const [edit, undo, offBy] of edits) {
      database.exec(`UPDATE accounts SET ${edit}`);
      expect(await ledger.check()).toEqual([{ account: anna, offBy }]);
      database.exec(`UPDATE accounts SET ${undo}`);
    }
    database.exec("DELETE FROM holds");
    expect(await ledger.check()).toEqual([{ account: anna, offBy: 30n }]);
  });

  /** Goal: what a provider earned is in the books, and no more than was charged. Method: a share above the hold. */
  it("records what the provider earns", async () => {
    await using test = await openSqlite();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    await test.ledger.hold(termsOf("1", 30n));
    await test.ledger.settle(termsOf("1", 30n).holdId, settlementOf(50n, { id: "1", earned: 45n }));
    const rows = test.database.prepare("SELECT serial, SUM(earned) AS earned FROM settlements GROUP BY serial").all();
    expect(rows).toEqual([{ serial: "SERIAL1", earned: 30 }]);
  });

  /** Goal: expired receipts go and others stay. Method: one on each side of the moment. */
  it("deletes expired receipts", async () => {
    await using test = await openSqlite();
    const { ledger, database } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    const insert = database.prepare("INSERT INTO receipts VALUES (?, ?, '{}', ?)");
    insert.run("job_old", anna, RECEIPT_LIFE_MS);
    insert.run("job_new", anna, RECEIPT_LIFE_MS + 1);
    expect(await ledger.deleteExpiredReceipts(RECEIPT_LIFE_MS)).toBe(1);
    expect(database.prepare("SELECT job_id FROM receipts").all()).toEqual([{ job_id: "job_new" }]);
  });
});

/** A second connection that sees how often the first one committed: https://www.sqlite.org/pragma.html#pragma_data_version */
function openObserver(path: string | null) {
  const observer = new DatabaseSync(path ?? "", { readOnly: true });
  const statement = observer.prepare("PRAGMA data_version");
  const read = (): number => Number(statement.get()?.["data_version"]);
  return Object.assign(read, { close: () => observer.close() });
}
