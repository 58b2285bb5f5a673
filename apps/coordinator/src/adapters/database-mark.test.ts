import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { microUsd } from "@darkbloom/protocol";
import { systemClock } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { anna } from "../ledger/ledger.samples.ts";
import { DATABASE_FILE } from "./database-file.ts";
import { MARK_FILE } from "./database-mark.ts";
import { openStore } from "./open-store.ts";

const root = mkdtempSync(join(tmpdir(), "mark-"));
afterAll(() => rmSync(root, { recursive: true }));
const newPath = (): string => mkdtempSync(join(root, "data-"));
const open = (path: string) =>
  openStore(path, {
    clock: systemClock,
    onSweepError: (error) => {
      throw error;
    },
  });
const credit = async (path: string, id: string): Promise<void> => {
  await using store = await open(path);
  await store.ledger.credit(id, anna, microUsd(5n), 1);
};
const markOf = (path: string): number => Number(readFileSync(join(path, MARK_FILE), "utf8"));

/** The folder as a power cut would leave it: the database, its log and its index, copied while a coordinator runs. */
async function crashed(): Promise<string> {
  const from = newPath();
  const to = newPath();
  await credit(from, "credit_1");
  await using store = await open(from);
  await store.ledger.credit("credit_2", anna, microUsd(7n), 1);
  for (const name of ["", "-wal", "-shm"])
    copyFileSync(join(from, DATABASE_FILE + name), join(to, DATABASE_FILE + name));
  for (const name of ["coordinator-key.pem", "network-key.hex", MARK_FILE])
    copyFileSync(join(from, name), join(to, name));
  return to;
}

describe("what is left of a crash", () => {
  /** Goal: it goes on with everything that was answered. Method: open all of it. */
  it("is opened with its log", async () => {
    await using store = await open(await crashed());
    expect((await store.ledger.totals(anna)).balance).toBe(12n);
  });

  /** Goal: a lost log is no empty log. Method: without the log; and without both the log and its index; nothing is touched. */
  it.each([
    [["-wal"], /has coordinator\.db-shm and not coordinator\.db-wal, which holds the last changes/],
    [["-wal", "-shm"], /is older than the one that was last used in this folder/],
  ])("is refused without %j", async (gone, sentence) => {
    const path = await crashed();
    for (const name of gone) rmSync(join(path, DATABASE_FILE + name));
    const before = readFileSync(join(path, DATABASE_FILE));
    await expect(open(path)).rejects.toThrow(sentence);
    expect(readFileSync(join(path, DATABASE_FILE))).toEqual(before);
  });

  /** Goal: a shell that was opened in between does no harm. Method: SQLite itself takes the log in and deletes it. */
  it("may have been taken in by somebody's shell", async () => {
    const path = await crashed();
    const shell = new DatabaseSync(join(path, DATABASE_FILE));
    shell.exec("SELECT * FROM accounts");
    shell.close();
    expect(existsSync(join(path, `${DATABASE_FILE}-wal`))).toBe(false);
    await using store = await open(path);
    expect((await store.ledger.totals(anna)).balance).toBe(12n);
  });
});

describe("the mark", () => {
  /** Goal: an older database is not taken for the newest. Method: put a copy back; then move the mark away, as the sentence says. */
  it("tells an older database", async () => {
    const path = newPath();
    await credit(path, "credit_1");
    copyFileSync(join(path, DATABASE_FILE), join(root, "backup.db"));
    await credit(path, "credit_2");
    copyFileSync(join(root, "backup.db"), join(path, DATABASE_FILE));
    await expect(open(path)).rejects.toMatchObject({ code: "older", message: expect.stringContaining(MARK_FILE) });
    rmSync(join(path, MARK_FILE));
    await using store = await open(path);
    expect((await store.ledger.totals(anna)).balance).toBe(5n);
  });

  /** Goal: it grows at each start and end. Method: read it around both; the newest state is never older than it. */
  it("counts starts and ends", async () => {
    const path = newPath();
    const seen: number[] = [];
    for (let n = 0; n < 2; n++) {
      await using _ = await open(path);
      seen.push(markOf(path));
    }
    seen.push(markOf(path));
    expect(seen).toEqual([1, 3, 4]);
  });

  /** Goal: what is no number says nothing, and is replaced. Method: a row for each. */
  it.each(["", "x", "-1", "9".repeat(16)])("that reads %j stops nobody", async (text) => {
    const path = newPath();
    await credit(path, "credit_1");
    writeFileSync(join(path, MARK_FILE), text, { mode: 0o600 });
    await using _ = await open(path);
    expect(markOf(path)).toBeGreaterThan(0);
  });

  /** Goal: nobody is sent elsewhere by a link in the log's place. Method: one that leads to a file of ours. */
  it("is not asked where the log is a link", async () => {
    const path = newPath();
    await credit(path, "credit_1");
    writeFileSync(join(path, "elsewhere"), "");
    symlinkSync(join(path, "elsewhere"), join(path, `${DATABASE_FILE}-wal`));
    await expect(open(path)).rejects.toMatchObject({ code: "not_private" });
  });
});
