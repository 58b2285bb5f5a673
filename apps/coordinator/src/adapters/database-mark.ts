import { closeSync, constants, lstatSync, openSync, writeSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { DataFolderError, type DataFolder } from "@darkbloom/protocol/node";
import { DATABASE_FILE, DatabaseError, LOG_OF_DATABASE_FILE } from "./database-file.ts";
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
  const [log, index] = [LOG_OF_DATABASE_FILE, `${DATABASE_FILE}-shm`] as const;
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

/** What a writer of the database does so that its commits are counted. */
export interface CommitCount {
  /** Inside the transaction. @returns what is done once its commit is on the disk, before anybody is told of it */
  count(): () => void;
}

/**
 * Counts commits, in the database and then beside it. Where the disk takes nothing the old mark stays, which is true as well.
 *
 * After a commit the mark is overwritten in its place and not synced: that costs microseconds, and what the kernel has
 * outlives this process. A power cut may leave an older mark, never one that is ahead of the database.
 */
export class DatabaseMark implements CommitCount, Disposable {
  readonly #folder: DataFolder;
  readonly #next: StatementSync;
  #handle: number | undefined;

  constructor(folder: DataFolder, database: DatabaseSync) {
    this.#folder = folder;
    this.#next = database.prepare(
      "INSERT INTO probes (id, written) VALUES (1, 1) ON CONFLICT DO UPDATE SET written = written + 1 RETURNING written",
    );
  }

  count(): () => void {
    const text = this.#counted();
    return () => {
      const handle = this.#handle;
      if (handle !== undefined) this.#unlessRefused(() => writeSync(handle, text, 0));
    };
  }

  /** For a change that is a commit of its own. */
  readonly changed = (): void =>
    this.#unlessRefused(() => {
      this.count()();
    });

  /** Counts on and keeps it for good; makes the mark where there is none. */
  keep(): void {
    this.#unlessRefused(() => {
      this.#folder.write(MARK_FILE, this.#counted());
      // That is another file now.
      this.#close();
      this.#handle = openSync(this.#folder.file(MARK_FILE), constants.O_WRONLY | constants.O_NOFOLLOW);
    });
  }

  #counted(): string {
    return `${Number(this.#next.get()?.["written"])}\n`;
  }

  #unlessRefused(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (storageFaultOf(error) === undefined && !(error instanceof DataFolderError) && !isFileError(error))
        throw error;
    }
  }

  #close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

const isFileError = (error: unknown): boolean => error instanceof Error && "syscall" in error;
