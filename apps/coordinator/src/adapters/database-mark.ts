import { lstatSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { DataFolderError, type DataFolder } from "@darkbloom/protocol/node";
import { DATABASE_FILE, DatabaseError } from "./database-file.ts";
import { storageFaultOf } from "./storage-failure.ts";

/** A number that only grows in the database, as it was when it was last looked at; the database may be newer, never older. */
export const MARK_FILE = "coordinator.mark";

/**
 * The log beside a database (`-wal`) holds commits that are not in the database yet. SQLite takes a missing one for an empty
 * one, so what those commits said would be gone without a word.
 *
 * SQLite makes the log before its index (`-shm`) and deletes it after: an index alone is what somebody left.
 *
 * @throws DatabaseError, DataFolderError
 */
export function assertLogThere(folder: DataFolder): void {
  const [log, index] = [`${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`] as const;
  const isThere = (name: string) => lstatSync(folder.file(name), { throwIfNoEntry: false }) !== undefined;
  // What others could have written is refused for these as for every file of the folder.
  for (const name of [log, index]) if (isThere(name)) folder.touch(name);
  if (!isThere(index) || isThere(log)) return;
  throw new DatabaseError(
    "missing",
    `The folder ${folder.path} has ${index} and not ${log}, which holds the last changes of the books. Put it back; only where it is lost, move ${index} away, and what was changed last is gone.`,
  );
}

/** @throws DatabaseError where the database is older than the one that was last used in this folder */
export function assertNotOlder(folder: DataFolder, database: DatabaseSync): void {
  const marked = folder.read(MARK_FILE)?.toString().trim() ?? "";
  if (!/^\d{1,15}$/.test(marked)) return;
  const written = Number(database.prepare("SELECT written FROM probes").get()?.["written"] ?? 0);
  if (written >= Number(marked)) return;
  throw new DatabaseError(
    "older",
    `The database ${folder.file(DATABASE_FILE)} is older than the one that was last used in this folder: changes of the books are missing. If its log ${DATABASE_FILE}-wal was left behind somewhere, put it back. If an older backup is meant, move ${MARK_FILE} away.`,
  );
}

/** Counts on, in the database and then beside it. Where the disk takes nothing the old mark stays, which is true as well. */
export function mark(folder: DataFolder, database: DatabaseSync): void {
  try {
    const row = database
      .prepare(
        "INSERT INTO probes (id, written) VALUES (1, 1) ON CONFLICT DO UPDATE SET written = written + 1 RETURNING written",
      )
      .get();
    folder.write(MARK_FILE, `${String(row?.["written"])}\n`);
  } catch (error) {
    if (storageFaultOf(error) === undefined && !(error instanceof DataFolderError)) throw error;
  }
}
