import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll } from "vitest";
import { accountsContract } from "../accounts/accounts.contract.ts";
import { openDatabase } from "./database.ts";
import { SqliteAccounts } from "./sqlite-accounts.ts";

const root = mkdtempSync(join(tmpdir(), "accounts-"));
const opened = new AsyncDisposableStack();
afterAll(async () => {
  await opened.disposeAsync();
  rmSync(root, { recursive: true });
});

accountsContract("SQLite", async () => {
  const folder = opened.use(await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator"));
  return new SqliteAccounts(opened.use(await openDatabase(folder)));
});
