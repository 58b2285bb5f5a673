import { readPrivateFile } from "@darkbloom/protocol/node";
import { randomUUID } from "node:crypto";
import { closeSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { CATALOG_FILE } from "./catalog-file.ts";
import { COUNTERSIGNER_FILE } from "./countersigner.ts";
import { lookThroughApart, type Found } from "./database-check.ts";
import { syncPath } from "./database.ts";
import { DATABASE_FILE } from "./database-file.ts";
import { NETWORK_KEY_FILE } from "./network-key.ts";

/**
 * The files beside the database. The transparency log's key is not among them: a log that goes on from an older state would be
 * another log under the same name, so what is restored begins a new one.
 */
const filesBeside = [COUNTERSIGNER_FILE, NETWORK_KEY_FILE, CATALOG_FILE];
/** SQLite copies in one step, so that what a running coordinator writes meanwhile does not make it begin again. */
const ALL_PAGES = 2 ** 31 - 1;
const BACKUP_LOOK_EVERY_MS = 500;
/** What reads the copy may take so long; a terabyte needs some three hours. */
const BACKUP_READ_MS_MAX = 86_400_000;

/** The message is a sentence for the operator. */
export class BackUpError extends ErrorForPeople {
  override readonly name = "BackUpError";
}

export interface BackedUp {
  /** Absolute. */
  readonly folder: string;
  readonly bytes: number;
  /** Of the copy, read back; undefined where the books are in PostgreSQL. */
  readonly found: Found | undefined;
}

/** Takes away what is half made. */
export interface Draft extends Disposable {
  readonly path: string;
}

export interface BackUpOptions {
  readonly from: string;
  /** A folder that is not there yet. */
  readonly to: string;
  /** Told now and then, where it takes long. */
  readonly tell: (copiedBytes: number, ofBytes: number) => void;
  /** Given what is made, before it is whole, so that whoever ends this process can take it away. */
  readonly begun: (draft: Draft) => void;
}

/**
 * Copies one consistent state of a coordinator's data folder, also while it runs: nothing there waits for it. The copy is read
 * through, durable, and in its place whole or not at all.
 *
 * @throws BackUpError, DataFolderError
 */
export async function backUpFolder({ from, to, tell, begun }: BackUpOptions): Promise<BackedUp> {
  const folder = resolve(to);
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined)
    throw new BackUpError(`${folder} is there already. Name a new folder, such as ${folder}-2.`);
  const beside = filesBeside.flatMap((name) => {
    const bytes = readPrivateFile(join(from, name));
    return bytes ? [[name, bytes] as const] : [];
  });
  const missing = [COUNTERSIGNER_FILE, NETWORK_KEY_FILE].filter((name) => !beside.some(([there]) => there === name));
  if (missing.length > 0)
    throw new BackUpError(
      `The folder ${from} is no coordinator's: it has no ${missing.join(" and no ")}. Give the data folder of a coordinator, or that of 'darkbloom up', with --data.`,
    );
  mkdirSync(dirname(folder), { recursive: true });
  using draft = draftBeside(folder);
  begun(draft);
  for (const [name, bytes] of beside)
    writeFileSync(join(draft.path, name), bytes, { flag: "wx", mode: 0o600, flush: true });
  const database = join(from, DATABASE_FILE);
  const copy = join(draft.path, DATABASE_FILE);
  const isHere = lstatSync(database, { throwIfNoEntry: false }) !== undefined;
  if (isHere) await copyDatabase(database, copy, tell);
  const found = isHere ? await readThrough(copy) : undefined;
  const bytes = [DATABASE_FILE, ...beside.map(([name]) => name)]
    .map((name) => lstatSync(join(draft.path, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
  syncPath(draft.path);
  renameSync(draft.path, folder);
  syncPath(dirname(folder));
  return { folder, bytes, found };
}

/** In the same parent, so that a rename puts it into its place. */
function draftBeside(folder: string): Draft {
  const path = join(dirname(folder), `.${basename(folder)}.${randomUUID()}`);
  mkdirSync(path, { mode: 0o700 });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

async function copyDatabase(from: string, to: string, tell: BackUpOptions["tell"]): Promise<void> {
  closeSync(openSync(to, "wx", 0o600));
  // Not opened as read-only: the last to close a database takes SQLite's own files beside it away.
  using source = new DatabaseSync(from);
  source.exec("PRAGMA query_only = ON");
  const ofBytes = lstatSync(from).size;
  const timer = setInterval(
    () => tell(lstatSync(to, { throwIfNoEntry: false })?.size ?? 0, ofBytes),
    BACKUP_LOOK_EVERY_MS,
  );
  try {
    await backup(source, to, { rate: ALL_PAGES });
  } finally {
    clearInterval(timer);
  }
  // One file, without a log of its own; a coordinator makes it anew.
  using made = new DatabaseSync(to);
  made.exec("PRAGMA journal_mode = DELETE");
  syncPath(to);
}

/** The copy is one file, and whoever ends this process ends what reads it. */
async function readThrough(path: string): Promise<Found> {
  using database = new DatabaseSync(path, { readOnly: true });
  const found = await lookThroughApart(database, "books", { msMax: BACKUP_READ_MS_MAX });
  if (!found) throw new BackUpError("The copy could not be read through, so it was not kept. Try again.");
  return found;
}
