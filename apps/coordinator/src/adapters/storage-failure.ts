import { NetworkError, type StorageFault } from "@darkbloom/protocol/failures";

/** When a caller may try again: about as long as a statement waits for somebody else's lock, and some. */
export const STORAGE_RETRY_SEC = 5;

/** SQLite's primary result codes that speak of the disk and not of a statement: https://www.sqlite.org/rescode.html */
const faults: ReadonlyMap<number, StorageFault> = new Map([
  [5, "busy"],
  [6, "busy"],
  [8, "read_only"],
  [10, "io_error"],
  [11, "damaged"],
  [13, "disk_full"],
  [14, "io_error"],
  [26, "damaged"],
]);

/** SQLITE_IOERR_SHMSIZE: the log's index could not grow, which is what a full disk looks like before anything is written. */
const INDEX_CANNOT_GROW = 4874;

/** What Node says of a file beside the database. */
const fileFaults: ReadonlyMap<unknown, StorageFault> = new Map([
  ["ENOSPC", "disk_full"],
  ["EDQUOT", "disk_full"],
  ["EROFS", "read_only"],
  ["EIO", "io_error"],
]);

interface NodeFacts {
  readonly errcode?: unknown;
  readonly code?: unknown;
  readonly syscall?: unknown;
}

/** What of the storage an error speaks of; undefined for one of ours, and for what a statement did wrong. A sync fails by its disk, whatever it says. */
export function storageFaultOf(error: unknown): StorageFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode, code, syscall }: Error & NodeFacts = error;
  if (typeof errcode === "number") return errcode === INDEX_CANNOT_GROW ? "disk_full" : faults.get(errcode & 0xff);
  return fileFaults.get(code) ?? (syscall === "fdatasync" ? "io_error" : undefined);
}

/** The same error, or, where it speaks of the storage, the failure that a caller is told. @param mayStand what was asked for may be on the disk all the same */
export function asStorageFailure(error: unknown, mayStand = false): unknown {
  const fault = storageFaultOf(error);
  if (fault === undefined) return error;
  return new NetworkError(
    { code: "storage_unavailable", fault, retryAfterSec: STORAGE_RETRY_SEC, ...(mayStand && { mayStand }) },
    { cause: error },
  );
}

/** The same where a query was rejected. */
export function throwAsStorageFailure(error: unknown): never {
  throw asStorageFailure(error);
}

/**
 * What a statement that reads gives.
 *
 * @throws NetworkError `storage_unavailable` where the storage gives nothing
 */
export function readStorage<Answer>(from: () => Answer): Answer {
  try {
    return from();
  } catch (error) {
    return throwAsStorageFailure(error);
  }
}
