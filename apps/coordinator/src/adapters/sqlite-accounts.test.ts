import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, expect, it } from "vitest";
import { accountsContract } from "../accounts/accounts.contract.ts";
import { unbound } from "../accounts/key-terms.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
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

/** Goal: keys of an older database work on, bound as they were. Method: a row as an earlier schema had it. */
it("reads keys that are older than what bounds them", async () => {
  await using folder = await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator");
  {
    using old = await openDatabase(folder, migrations.slice(0, 9));
    old.exec(`INSERT INTO api_keys VALUES ('h', 'key_1', 'acct_1', 'laptop', 1, NULL, 'hardware', '["SW-1"]')`);
  }
  using database = await openDatabase(folder);
  expect(await new SqliteAccounts(database).list()).toEqual([
    {
      ...unbound,
      keyId: "key_1",
      account: "acct_1",
      name: "laptop",
      label: "eigeninference-…",
      minTrust: "hardware",
      pins: ["SW-1"],
      createdAt: 1,
      createdBy: null,
      lastUsedAt: null,
      revokedAt: null,
    },
  ]);
});
