import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import { openDataFolder } from "@darkbloom/protocol/node";
import { expect, it, onTestFinished } from "vitest";
import { decisionsContract } from "../machines/trust/decisions.contract.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { SqliteDecisions } from "./sqlite-decisions.ts";

const machineId = `mach_${"1".repeat(32)}` as MachineId;
const second = `mach_${"2".repeat(32)}` as MachineId;
const serial = "SW-1" as Serial;

/** Goal: what was decided outlives the process, in a database of an older schema too. Method: write, change, open again. */
it("keeps the latest decision on each machine", async () => {
  const root = mkdtempSync(join(tmpdir(), "decisions-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  await using folder = await openDataFolder(join(root, "data"), "coordinator");
  (await openDatabase(folder, migrations.slice(0, 3))).close();
  {
    using database = await openDatabase(folder);
    const decisions = new SqliteDecisions(database);
    expect(await decisions.list()).toEqual([]);
    await decisions.put({ machineId, serial, state: "approved", decidedAt: 1 });
    await decisions.put({ machineId: second, serial: null, state: "refused", decidedAt: 1 });
    await decisions.put({ machineId: second, serial, state: "refused", decidedAt: 2 });
  }
  using database = await openDatabase(folder);
  const decisions = new SqliteDecisions(database);
  await decisions.put({ machineId, serial: null, state: "refused", decidedAt: 3 });
  expect(await decisions.list()).toEqual([
    { machineId: second, serial, state: "refused", decidedAt: 2 },
    { machineId, serial, state: "refused", decidedAt: 3 },
  ]);
});

decisionsContract("SQLite", async () => {
  const root = mkdtempSync(join(tmpdir(), "decisions-"));
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync().then(() => rmSync(root, { recursive: true })));
  const folder = stack.use(await openDataFolder(join(root, "data"), "coordinator"));
  return new SqliteDecisions(stack.use(await openDatabase(folder)));
});
