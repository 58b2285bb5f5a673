import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { onTestFinished } from "vitest";
import { lease } from "../ledger/ledger.samples.ts";
import { logStoreContract } from "../transparency/log-store.contract.ts";
import { openDatabase } from "./database.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqliteLog } from "./sqlite-log.ts";

logStoreContract("SQLite", async () => {
  const root = mkdtempSync(join(tmpdir(), "log-"));
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync().then(() => rmSync(root, { recursive: true })));
  const database = stack.use(await openDatabase(stack.use(await openDataFolder(join(root, "data"), "coordinator"))));
  return { store: new SqliteLog(database), ledger: stack.use(new SqliteLedger(database, { lease })) };
});
