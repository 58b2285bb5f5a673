import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { DataFolder } from "@darkbloom/protocol/node";
import { lookThroughApart } from "./database-check.ts";
import { DATABASE_FILE, DatabaseError, SCHEMA_VERSION } from "./database-file.ts";
import { assertLogThere } from "./database-mark.ts";
import type { Migration } from "./migrations.ts";
import { storageFaultOf } from "./storage-failure.ts";

/** How long a statement waits for an operator's own `sqlite3` shell; the folder's lock keeps everyone else out. */
const BUSY_WAIT_MS = 2_000;

/**
 * The coordinator's database, brought to our schema. An older one is copied beside itself first.
 *
 * WAL with `synchronous=FULL` syncs the log at every commit: an answered write survives a power cut
 * (https://www.sqlite.org/pragma.html#pragma_synchronous). `GroupCommit` does so itself, off the event loop.
 *
 * @param migrations others than all of ours
 * @throws DatabaseError
 */
export async function openDatabase(folder: DataFolder, migrations?: readonly Migration[]): Promise<DatabaseSync> {
  assertLogThere(folder);
  const path = folder.touch(DATABASE_FILE);
  const database = new DatabaseSync(path, { timeout: BUSY_WAIT_MS });
  try {
    const [version, newest] = [schemaVersion(database, path), migrations?.length ?? SCHEMA_VERSION];
    if (version > newest)
      throw new DatabaseError(
        "newer_schema",
        `The database ${path} has schema version ${version} and this program knows versions up to ${newest}. Use the newer Darkbloom that wrote it, or restore the backup from before its update.`,
      );
    // A table is only made anew while no reference to it is watched: https://www.sqlite.org/lang_altertable.html#otheralter
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF",
    );
    await assertUndamaged(database, path);
    if (version > 0 && version < newest) backUp(database, folder, version);
    if (version < newest) {
      // Loaded where it is needed: most starts find nothing to do.
      const { migrate } = await import("./migrate.ts");
      await migrate(database, path, migrations);
    }
    database.exec("PRAGMA foreign_keys = ON");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The number of migrations that made this database; zero for a new one. */
function schemaVersion(database: DatabaseSync, path: string): number {
  try {
    const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (typeof version !== "number") throw new TypeError("SQLite names no schema version");
    return version;
  } catch (cause) {
    // A disk that is full, or somebody's lock, says nothing of the file, which must not be moved away for it.
    if (storageFaultOf(cause) !== "damaged") throw cause;
    throw new DatabaseError(
      "not_a_database",
      `The file ${path} is not a database that can be read. Move it away to start empty, or restore a backup.`,
      { cause },
    );
  }
}

/** A database that takes longer to be read through is not waited for at a start; 'darkbloom ledger check' reads all of it. */
const START_CHECK_MS_MAX = 5_000;

/** @throws DatabaseError where SQLite finds damage in time */
async function assertUndamaged(database: DatabaseSync, path: string): Promise<void> {
  const found = await lookThroughApart(database, "pages", { msMax: START_CHECK_MS_MAX });
  if (!found?.isDamaged) return;
  throw new DatabaseError(
    "damaged",
    `The database ${path} is damaged. Keep a copy of the data folder as it is, then restore a backup; what can be saved without one, 'sqlite3 ${path} .recover' shows.`,
  );
}

/** `VACUUM INTO` copies one consistent state; the rename makes the backup whole or absent. */
function backUp(database: DatabaseSync, folder: DataFolder, version: number): void {
  const name = `coordinator.v${version}.backup.db`;
  const draft = folder.file(`.${name}`);
  rmSync(draft, { force: true });
  folder.touch(`.${name}`);
  database.prepare("VACUUM INTO ?").run(draft);
  syncPath(draft);
  renameSync(draft, folder.file(name));
}

/** Returns when a file, or what a folder lists, is on the disk. */
export function syncPath(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
