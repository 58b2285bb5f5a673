import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { anna } from "../ledger/ledger.samples.ts";
import { CHECK_HERE_BYTES_MAX, lookThrough, lookThroughApart } from "./database-check.ts";
import { openDatabase } from "./database.ts";

const root = mkdtempSync(join(tmpdir(), "check-"));
afterAll(() => rmSync(root, { recursive: true }));

async function newDatabase(): Promise<DatabaseSync> {
  await using folder = await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator");
  return await openDatabase(folder);
}
const apart = { msMax: 60_000, hereBytesMax: 0 };

describe.each([
  ["on the spot", { ...apart, hereBytesMax: CHECK_HERE_BYTES_MAX }],
  ["by a process of its own", apart],
])("a database read %s", (_, options) => {
  /** Goal: what is whole passes, while it is written to. Method: a fresh one; and one with an account that is off, to 64 bits. */
  it("is told as it is", async () => {
    using database = await newDatabase();
    expect(await lookThroughApart(database, "books", options)).toEqual({ isDamaged: false, faults: [] });
    const large = 2n ** 60n;
    const insert = database.prepare("INSERT INTO accounts (account, id, granted) VALUES (?, 1, ?)");
    expect(() => insert.run(anna, -large)).toThrow(/CHECK constraint/);
    database.exec("PRAGMA ignore_check_constraints = ON");
    insert.run(anna, -large);
    database.exec("PRAGMA ignore_check_constraints = OFF");
    const faults = [{ account: anna, part: "granted", offBy: String(-large) }];
    expect(await lookThroughApart(database, "books", options)).toEqual({ isDamaged: false, faults });
    expect(await lookThroughApart(database, "pages", options)).toEqual({ isDamaged: false, faults: [] });
  });

  /** Goal: damage is found. Method: overwrite the schema's second page and the last one of a copy. */
  it("is found damaged", async () => {
    using database = await newDatabase();
    const insert = database.prepare("INSERT INTO accounts (account, id, granted) VALUES (?, ?, 5)");
    for (let n = 0; n < 300; n++) insert.run(`acct_${n}_${"x".repeat(50)}`, n);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    const bytes = readFileSync(database.location() ?? "");
    const path = join(root, `damaged-${options.hereBytesMax}.db`);
    const last = bytes.length / 4096 - 1;
    for (const page of [1, last]) {
      writeFileSync(path, Buffer.from(bytes).fill(0xab, page * 4096, (page + 1) * 4096));
      using damaged = new DatabaseSync(path, { readOnly: true });
      expect(await lookThroughApart(damaged, "books", options), `page ${page}`).toEqual({
        isDamaged: true,
        faults: [],
      });
    }
  });
});

describe("a look that does not end", () => {
  /** Goal: nobody waits longer than the bound, nor for a coordinator that ends. Method: no time at all; a signal. */
  it("is ended from outside", async () => {
    using database = await newDatabase();
    expect(await lookThroughApart(database, "books", { ...apart, msMax: 0 })).toBeUndefined();
    const signal = AbortSignal.abort();
    expect(await lookThroughApart(database, "books", { ...apart, signal })).toBeUndefined();
  });

  /** Goal: requests go on meanwhile. Method: while the other process reads, turns of the event loop and a commit of ours pass. */
  it("stalls nobody", async () => {
    using database = await newDatabase();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const look = lookThroughApart(database, "books", apart);
    database.prepare("INSERT INTO accounts (account, id, granted) VALUES (?, 1, 5)").run(anna);
    await look;
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});

/** Goal: what is small is read on the spot, which takes no time that could be over. Method: no time, and files around the bound. */
describe("a database is read on the spot", () => {
  const isOnTheSpot = async (database: DatabaseSync, hereBytesMax?: number) => {
    const found = await lookThroughApart(database, "pages", {
      msMax: 0,
      ...(hereBytesMax !== undefined && { hereBytesMax }),
    });
    return found !== undefined;
  };
  const bytesOf = (database: DatabaseSync) => {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return statSync(database.location() ?? "").size;
  };

  it("up to the bound", async () => {
    using database = await newDatabase();
    const bytes = bytesOf(database);
    expect([await isOnTheSpot(database, bytes), await isOnTheSpot(database, bytes - 1)]).toEqual([true, false]);
  });

  it("where it has no file", async () => {
    using database = new DatabaseSync(":memory:");
    database.exec("CREATE TABLE some (word TEXT)");
    expect(await isOnTheSpot(database, 0)).toBe(true);
  });

  it("unless it is large", async () => {
    using database = await newDatabase();
    expect(await isOnTheSpot(database)).toBe(true);
    database.exec(`CREATE TABLE large AS SELECT zeroblob(${CHECK_HERE_BYTES_MAX}) AS bytes`);
    expect(bytesOf(database)).toBeGreaterThan(CHECK_HERE_BYTES_MAX);
    expect(await isOnTheSpot(database)).toBe(false);
  });
});

/** Goal: what SQLite says of damage by an error is damage. Method: a file that is none of its own. */
it("finds a file damaged that is no database", () => {
  const path = join(root, "words.db");
  writeFileSync(path, "words, and no pages of a database. ".repeat(1_000));
  using words = new DatabaseSync(path, { readOnly: true });
  expect(lookThrough(words, "pages")).toEqual({ isDamaged: true, faults: [] });
});

/** Goal: a fault that says nothing of damage is not taken for one. Method: a database that was closed, a table that is missing. */
it("does not call every error damage", async () => {
  const closed = new DatabaseSync(":memory:");
  expect(() => lookThrough(closed, "books")).toThrow(/no such table/);
  closed.close();
  expect(() => lookThrough(closed, "pages")).toThrow(/not open/);
});
