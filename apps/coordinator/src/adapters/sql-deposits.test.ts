import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll } from "vitest";
import { depositsContract } from "../payments/deposits.contract.ts";
import { openDatabase } from "./database.ts";
import { MemoryDeposits } from "./memory-deposits.ts";
import { SqlDeposits } from "./sql-deposits.ts";
import { sqliteQuery } from "./sql-query.ts";

const root = mkdtempSync(join(tmpdir(), "deposits-"));
const opened = new AsyncDisposableStack();
afterAll(async () => {
  await opened.disposeAsync();
  rmSync(root, { recursive: true });
});

depositsContract("SQLite", async () => {
  const folder = opened.use(await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator"));
  return new SqlDeposits(sqliteQuery(opened.use(await openDatabase(folder))));
});
depositsContract("in memory", async () => new MemoryDeposits());
