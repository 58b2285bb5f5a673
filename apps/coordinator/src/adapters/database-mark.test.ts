import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { KeyId, MachineId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { DataFolderError, openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { KeyRecord } from "../accounts/port.ts";
import { anna, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { DATABASE_FILE } from "./database-file.ts";
import { openDatabase } from "./database.ts";
import { DatabaseMark, MARK_FILE } from "./database-mark.ts";
import { openStore, type Store } from "./open-store.ts";
import { unbound } from "../accounts/key-terms.ts";

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

const DATABASE_FILES = ["", "-wal", "-shm"].map((end) => DATABASE_FILE + end);
const OTHER_FILES = ["coordinator-key.pem", "network-key.hex", MARK_FILE];
function copy(from: string, to: string, names: readonly string[]): void {
  for (const name of names) copyFileSync(join(from, name), join(to, name));
}
function copyOf(path: string): string {
  const other = newPath();
  copy(path, other, [...DATABASE_FILES, ...OTHER_FILES]);
  return other;
}
const keyOf = (keyId: string): KeyRecord => ({
  keyId: keyId as KeyId,
  account: anna,
  ...unbound,
  name: "",
  label: "eigeninference-Ab3…x9Q2",
  createdAt: 1,
  createdBy: null,
  lastUsedAt: null,
  revokedAt: null,
});
const machineId = `mach_${"0".repeat(32)}` as MachineId;

/** The folder as a power cut would leave it: the database, its log and its index, copied while a coordinator runs. */
async function crashed(): Promise<string> {
  const from = newPath();
  const to = newPath();
  await credit(from, "credit_1");
  await using store = await open(from);
  await store.ledger.credit("credit_2", anna, microUsd(7n), 1);
  copy(from, to, [...DATABASE_FILES, ...OTHER_FILES]);
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

  /**
   * Goal: no copy passes for the newest, however fresh it is. Method: a coordinator is killed after one more change of each
   * kind that somebody was told of; a copy of just before is put back in its place.
   */
  it.each<[change: string, act: (store: Store) => Promise<unknown>]>([
    ["a credit", ({ ledger }) => ledger.credit("credit_3", anna, microUsd(5n), 1)],
    [
      "a settlement",
      async ({ ledger }) => {
        await ledger.hold(termsOf("1", 1n, anna));
        await ledger.settle(termsOf("1", 1n, anna).holdId, settlementOf(1n));
      },
    ],
    ["a key", ({ accounts }) => accounts.add("b".repeat(64) as Sha256Hex, keyOf("key_2"))],
    ["a key's end", ({ accounts }) => accounts.revoke("key_1" as KeyId, 2)],
    [
      "a machine's refusal",
      ({ decisions }) => decisions.put({ machineId, serial: null, state: "refused", decidedAt: 1 }),
    ],
  ])("tells a copy of before %s", async (_, act) => {
    const from = newPath();
    const [before, after] = [newPath(), newPath()];
    await using store = await open(from);
    await store.accounts.add("a".repeat(64) as Sha256Hex, keyOf("key_1"));
    await store.ledger.credit("credit_1", anna, microUsd(5n), 1);
    copy(from, before, DATABASE_FILES);
    await act(store);
    copy(from, after, [...DATABASE_FILES, ...OTHER_FILES]);
    await open(copyOf(after)).then((fine) => fine[Symbol.asyncDispose]());
    copy(before, after, DATABASE_FILES);
    await expect(open(after)).rejects.toMatchObject({ code: "older" });
  });

  /** Goal: its operator may move it away at any time. Method: under a coordinator that goes on changing; then a start. */
  it("is made again where it was moved away", async () => {
    const path = newPath();
    {
      await using store = await open(path);
      rmSync(join(path, MARK_FILE));
      await store.ledger.credit("credit_1", anna, microUsd(5n), 1);
    }
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
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen[1]).toBeGreaterThan((seen[0] ?? 0) + 1);
    expect(seen[2]).toBeGreaterThan(seen[1] ?? 0);
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

  /** Goal: what others may write is not taken for ours. Method: the database itself, and the log that a crash has left, open to all. */
  it.each(["", "-wal"])("is refused where others may write coordinator.db%s", async (suffix) => {
    const path = await crashed();
    chmodSync(join(path, DATABASE_FILE + suffix), 0o666);
    await expect(open(path)).rejects.toMatchObject({ code: "not_private" });
  });
});

describe("a mark that cannot be kept", () => {
  const errorWith = (facts: object) => Object.assign(new Error("told by others"), facts);
  /** Goal: whatever the disk says, the coordinator goes on, also behind its next commit, and a fault of ours is seen. Method: a folder that says it. */
  it.each<[what: string, error: unknown, isOurs: boolean]>([
    ["a full disk", errorWith({ errcode: 13 }), false],
    ["a folder that is not as it should be", new DataFolderError("not_writable", "not ours"), false],
    ["a file that may not be written", errorWith({ code: "EACCES", syscall: "open" }), false],
    ["a mistake", new TypeError("ours"), true],
    ["no error at all", { syscall: "open" }, true],
  ])("for %s", async (_, error, isOurs) => {
    await using folder = await openDataFolder(newPath(), "coordinator");
    using database = await openDatabase(folder);
    using mark = new DatabaseMark(folder, database);
    vi.spyOn(folder, "write").mockImplementation(() => {
      throw error;
    });
    if (isOurs) return expect(() => mark.keep()).toThrow();
    mark.keep();
    return expect(mark.count()).not.toThrow();
  });

  /** Goal: an open file is not lost with each mark. Method: what this process holds open of it. */
  it.runIf(existsSync("/proc/self/fd"))("holds one file open, and none when it is over", async () => {
    await using folder = await openDataFolder(newPath(), "coordinator");
    using database = await openDatabase(folder);
    const path = folder.file(MARK_FILE);
    const held = () =>
      readdirSync("/proc/self/fd").filter((name) => {
        const file = `/proc/self/fd/${name}`;
        return lstatSync(file, { throwIfNoEntry: false }) !== undefined && readlinkSync(file).startsWith(path);
      }).length;
    {
      using mark = new DatabaseMark(folder, database);
      for (const _ of [1, 2]) mark.keep();
      expect(held()).toBe(1);
    }
    expect(held()).toBe(0);
  });
});
