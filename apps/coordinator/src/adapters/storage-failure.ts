import { NetworkError, type StorageFault } from "@darkbloom/protocol";

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

/** What of the storage an error of SQLite speaks of; undefined for one of ours, and for what a statement did wrong. */
export function storageFaultOf(error: unknown): StorageFault | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return faults.get(error.errcode & 0xff);
}

/** The same error, or, where it speaks of the storage, the failure that a caller is told. */
export function asStorageFailure(error: unknown): unknown {
  const fault = storageFaultOf(error);
  if (fault === undefined) return error;
  return new NetworkError({ code: "storage_unavailable", fault, retryAfterSec: STORAGE_RETRY_SEC }, { cause: error });
}
