import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MachineId } from "@darkbloom/protocol/ids";
import { openDataFolder } from "@darkbloom/protocol/node";
import { expect, it, onTestFinished } from "vitest";
import { GRIEVANCES_MAX, type Grievance } from "../machines/records/standings.ts";
import { standingsContract } from "../machines/records/standings.contract.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { SqliteStandings } from "./sqlite-standings.ts";

const idOf = (n: number) => `mach_${String(n).padStart(32, "0")}` as MachineId;
const held = (n: number, more: Partial<Grievance> = {}): Grievance => ({
  machineId: idOf(n),
  why: "answer",
  untilAt: null,
  sinceAt: n,
  ...more,
});

async function folderOf() {
  const root = mkdtempSync(join(tmpdir(), "standings-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return await openDataFolder(join(root, "data"), "coordinator");
}

/** Goal: what is held against a machine outlives the process, in a database of an older schema too. Method: write, change, forgive, open again. */
it("keeps one grievance for each machine until it is forgiven", async () => {
  await using folder = await folderOf();
  (await openDatabase(folder, migrations.slice(0, 3))).close();
  {
    using database = await openDatabase(folder);
    const standings = new SqliteStandings(database);
    expect(await standings.list()).toEqual([]);
    await standings.put(held(1, { why: "challenge", untilAt: 1_000 }));
    await standings.put(held(2));
    await standings.put(held(1, { sinceAt: 3 }));
  }
  using database = await openDatabase(folder);
  const standings = new SqliteStandings(database);
  expect(await standings.list()).toEqual([held(2), held(1, { sinceAt: 3 })]);
  await standings.forgive(idOf(2));
  await standings.forgive(idOf(9));
  expect(await standings.list()).toEqual([held(1, { sinceAt: 3 })]);
});

/** Goal: whoever makes new identities fills no disk. Method: as many rows as there may be, written at once, and one more. */
it("keeps so many, and the oldest goes", async () => {
  await using folder = await folderOf();
  using database = await openDatabase(folder);
  const standings = new SqliteStandings(database);
  const insert = database.prepare("INSERT INTO grievances VALUES (?, 'answer', NULL, ?)");
  database.exec("BEGIN");
  for (let n = 0; n < GRIEVANCES_MAX; n++) insert.run(idOf(n), n);
  database.exec("COMMIT");
  await standings.put(held(GRIEVANCES_MAX));
  const kept = await standings.list();
  expect(kept).toHaveLength(GRIEVANCES_MAX);
  expect([kept[0]?.sinceAt, kept.at(-1)?.sinceAt]).toEqual([1, GRIEVANCES_MAX]);
});

standingsContract("SQLite", async () => {
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync());
  return new SqliteStandings(stack.use(await openDatabase(stack.use(await folderOf()))));
});
