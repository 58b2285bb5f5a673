import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll } from "vitest";
import { withdrawalsContract } from "../payouts/withdrawals.contract.ts";
import { openDatabase } from "./database.ts";
import { MemoryWithdrawals } from "./memory-withdrawals.ts";
import { SqlWithdrawals } from "./sql-withdrawals.ts";
import { sqliteQuery } from "./sql-query.ts";

const root = mkdtempSync(join(tmpdir(), "withdrawals-"));
const opened = new AsyncDisposableStack();
afterAll(async () => {
  await opened.disposeAsync();
  rmSync(root, { recursive: true });
});

withdrawalsContract("SQLite", async () => {
  const folder = opened.use(await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator"));
  return new SqlWithdrawals(sqliteQuery(opened.use(await openDatabase(folder))));
});
withdrawalsContract("in memory", async () => new MemoryWithdrawals());
