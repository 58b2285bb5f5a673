import { NetworkError, type StorageFault } from "@darkbloom/protocol/failures";
import { STORAGE_RETRY_SEC } from "./storage-failure.ts";

/** Codes that speak of the server and not of a statement: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const faults: ReadonlyMap<string, StorageFault> = new Map([
  ["25006", "read_only"],
  ["40001", "busy"],
  ["40P01", "busy"],
  ["53100", "disk_full"],
  ["53200", "busy"],
  ["53300", "busy"],
  ["55P03", "busy"],
  ["57014", "busy"],
  ["58030", "io_error"],
  ["XX001", "damaged"],
  ["XX002", "damaged"],
]);

/** Who has not reached a server, or was cut off: its own codes, Node's, and the words of a library that gives none. */
const AWAY_CODES = /^(08...|57P0[1-5]|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/;
const AWAY_WORDS = /^(Connection terminated|timeout e|Query read timeout|Client has encountered)/;

/** What of the server an error speaks of; undefined for one of ours, and for what a statement did wrong. */
export function postgresFaultOf(error: unknown): StorageFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code }: Error & { readonly code?: unknown } = error;
  if (typeof code !== "string") return AWAY_WORDS.test(error.message) ? "away" : undefined;
  return AWAY_CODES.test(code) ? "away" : faults.get(code);
}

/** Whether the connection is of no further use. */
export const isLost = (error: unknown): boolean => postgresFaultOf(error) === "away";

/**
 * Whether the same may go through when it is tried again at once: two that were in each other's way, or a connection that was
 * lost. Who was waited for in vain is not waited for again.
 */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isLost(error)) return !/timeout/.test(error.message);
  return "code" in error && (error.code === "40001" || error.code === "40P01");
}

/** The same error, or, where it speaks of the server, the failure that a caller is told. */
export function asPostgresFailure(error: unknown): unknown {
  const fault = postgresFaultOf(error);
  if (fault === undefined) return error;
  return new NetworkError({ code: "storage_unavailable", fault, retryAfterSec: STORAGE_RETRY_SEC }, { cause: error });
}
