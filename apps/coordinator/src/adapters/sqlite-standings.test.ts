import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { expect, it, onTestFinished } from "vitest";
import { GRIEVANCES_MAX } from "../machines/records/standings.ts";
import { held, idOf, standingsContract } from "../machines/records/standings.contract.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { SqliteStandings } from "./sqlite-standings.ts";

async function folderOf() {
  const root = mkdtempSync(join(tmpdir(), "standings-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return await openDataFolder(join(root, "data"), "coordinator");
}

/** Goal: what is held against a machine outlives the process, in a database of an older schema too. Method: write, open again. */
it("keeps grievances over a restart", async () => {
  await using folder = await folderOf();
  (await openDatabase(folder, migrations.slice(0, 3))).close();
  {
    using database = await openDatabase(folder);
    const standings = new SqliteStandings(database);
    await standings.put(held(1, { why: "challenge", untilAt: 1_000 }));
    await standings.put(held(2));
  }
  using database = await openDatabase(folder);
  expect(await new SqliteStandings(database).list()).toEqual([held(1, { why: "challenge", untilAt: 1_000 }), held(2)]);
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
