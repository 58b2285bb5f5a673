import { randomUUID } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ErrorForPeople } from "../for-people.ts";

/** Why a data folder cannot be used; the error's message is a sentence for the person at the keyboard. */
export type DataFolderFault = "in_use" | "not_a_folder" | "not_writable" | "not_private" | "disk_full" | "unusable";

export class DataFolderError extends ErrorForPeople {
  override readonly name = "DataFolderError";
  readonly code: DataFolderFault;

  constructor(code: DataFolderFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * A folder that one process at a time may use, and the private files in it. Disposing gives the lock
 * back; the kernel does the same when the process dies, however it dies.
 */
export interface DataFolder extends AsyncDisposable {
  /** Absolute, with symbolic links resolved. */
  readonly path: string;
  /** The full path of one file in it. */
  file(name: string): string;
  /** The file's bytes, or undefined where there is none. */
  read(name: string): Buffer | undefined;
  /** Writes the whole file or nothing, durably, readable by this user only. */
  write(name: string, content: string | Uint8Array): void;
  /** Makes sure that the file exists and that only this user can read it, so that a library may open it. */
  touch(name: string): string;
}

const LOCK_FILE = "lock.db";
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS_WRITE_BITS = 0o022;
const OTHERS_BITS = 0o077;
const SUPERUSER = 0;

/**
 * Opens the folder for one user, creating it with mode 0700, and locks it.
 *
 * The lock is an open exclusive transaction on an empty SQLite database: `node:` has no `flock`, SQLite
 * does, and the kernel drops it with the process. A file that holds a process id would outlive a
 * `kill -9`, and the id might by then be somebody else's.
 *
 * @param holder what uses such a folder, for the sentence when it is taken, e.g. `coordinator`
 * @throws DataFolderError
 */
export async function openDataFolder(path: string, holder: string): Promise<DataFolder> {
  const folder = existingFolder(resolve(path));
  const file = (name: string): string => join(folder, name);
  const touch = (name: string): string => {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
    closeSync(openPrivately(file(name), flags));
    return file(name);
  };
  const lock = locked(folder, touch, holder);
  return {
    path: folder,
    file,
    touch,
    read: (name) => readPrivateFile(file(name)),
    write: (name, content) => {
      try {
        writeDurably(folder, name, content);
      } catch (error) {
        throw faultOf(folder, error);
      }
    },
    async [Symbol.asyncDispose]() {
      if (lock.isOpen) lock.close();
    },
  };
}

function existingFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    const stats = statSync(path);
    if (!stats.isDirectory()) throw notAFolder(path);
    assertOurs("data folder", path, stats.uid);
    if ((stats.mode & OTHERS_WRITE_BITS) !== 0)
      throw new DataFolderError(
        "not_private",
        `The data folder ${path} can be written by other users, who may have put files of theirs there. Look at what is in it, then: chmod 700 ${path}`,
      );
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(path);
  } catch (error) {
    throw error instanceof DataFolderError ? error : faultOf(path, error);
  }
}

function locked(folder: string, touch: (name: string) => string, holder: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(touch(LOCK_FILE));
    // Nothing is ever written, so the file of a journal would only lie about.
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (error instanceof DataFolderError) throw error;
    if (isBusy(error))
      throw new DataFolderError(
        "in_use",
        `The data folder ${folder} is in use by another ${holder}. Stop that one, or choose another folder with --data.`,
        { cause: error },
      );
    throw faultOf(folder, error);
  }
}

/** SQLITE_BUSY, the primary result code: https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;
/** SQLITE_FULL: https://www.sqlite.org/rescode.html#full */
const SQLITE_FULL = 13;

function isFull(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

/**
 * The bytes of a file that has to be ours alone, wherever it is; undefined where there is none.
 *
 * @throws DataFolderError where it is a link, somebody else's, or can be written by others
 */
export function readPrivateFile(path: string): Buffer | undefined {
  let handle: number;
  try {
    handle = openPrivately(path, constants.O_RDONLY);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Opens a file of the folder itself: no link is followed, what others can write is refused, and what they can
 * only read is theirs to read no longer.
 */
function openPrivately(path: string, flags: number): number {
  let handle: number;
  try {
    // Without O_NONBLOCK a pipe in a file's place would hold the start for ever.
    handle = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, FILE_MODE);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") throw error;
    if (code === "ELOOP" || code === "EMLINK")
      throw new DataFolderError(
        "not_private",
        `The file ${path} is a link, and links in a data folder are not followed. Put the file itself there.`,
        { cause: error },
      );
    throw faultOf(path, error);
  }
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile())
      throw new DataFolderError("not_private", `At ${path} stands something that is no file. Move it away.`);
    assertOurs("file", path, stats.uid);
    if ((stats.mode & OTHERS_WRITE_BITS) !== 0)
      throw new DataFolderError(
        "not_private",
        `The file ${path} can be written by other users, who may have changed it. Make sure that it is what it should be, then: chmod 600 ${path}`,
      );
    if ((stats.mode & OTHERS_BITS) !== 0) fchmodSync(handle, FILE_MODE);
    return handle;
  } catch (error) {
    closeSync(handle);
    throw error;
  }
}

/**
 * Who owns a file can change it and its mode. The superuser can do so anyway; where the superuser is the one who asks, files of
 * its own in somebody else's folder would lock that user out.
 *
 * @throws DataFolderError
 */
function assertOurs(what: string, path: string, owner: number): void {
  const user = process.geteuid?.();
  if (user === undefined || owner === user || owner === SUPERUSER) return;
  throw new DataFolderError(
    "not_private",
    `The ${what} ${path} belongs to another user (${owner}; this is ${user}), who could change it. Run this as that user, or make it yours: chown -R ${user} ${path}`,
  );
}

/** A rename is atomic; syncing the file before it and the folder after it makes it durable. */
function writeDurably(folder: string, name: string, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const draft = join(folder, `.${name}.${randomUUID()}`);
  try {
    const handle = openSync(draft, "wx", FILE_MODE);
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(draft, join(folder, name));
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

const notAFolder = (path: string): DataFolderError =>
  new DataFolderError(
    "not_a_folder",
    `The data folder ${path} cannot be made: a file stands where a folder is needed. Move the file away, or choose another folder with --data.`,
  );

function faultOf(path: string, error: unknown): DataFolderError {
  const code = codeOf(error);
  if (code === "EEXIST" || code === "ENOTDIR") return notAFolder(path);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new DataFolderError(
      "not_writable",
      `The data folder ${path} cannot be written by this user (${code}). Change its owner or its mode, or choose another folder with --data.`,
      { cause: error },
    );
  if (code === "ENOSPC" || code === "EDQUOT" || isFull(error))
    return new DataFolderError(
      "disk_full",
      `The disk that holds ${path} is full. Make room, or choose another folder with --data.`,
      { cause: error },
    );
  return new DataFolderError(
    "unusable",
    `The data folder ${path} cannot be used (${code ?? "unknown error"}). Check the disk, or choose another folder with --data.`,
    { cause: error },
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
