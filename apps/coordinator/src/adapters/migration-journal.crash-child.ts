/** Opens the data folder that it is passed, and is killed at the end of the journal's migration, before its commit. For `migration-journal.test.ts`. */
import { openDataFolder } from "@darkbloom/protocol/node";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";

await using folder = await openDataFolder(process.argv[2] ?? "", "coordinator");
await openDatabase(
  folder,
  migrations.map((migration) => ({
    ...migration,
    async up(db) {
      await migration.up(db);
      if (migration.name === "0007_journal") process.kill(process.pid, "SIGKILL");
    },
  })),
);
