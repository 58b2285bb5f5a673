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

/** None is to be had: the server refuses it, or it is not known whether the database is still this process's alone. */
export class NoConnection extends Error {
  override readonly name = "NoConnection";
  /** There is no connection, in PostgreSQL's words. */
  readonly code = "08003";
}

/** Whoever is let in nowhere is away, whatever the server's reason. */
export function throwAsNoConnection(cause: unknown): never {
  throw postgresFaultOf(cause) === undefined ? new NoConnection("", { cause }) : cause;
}

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

/** For a statement that settles: of a commit whose answer was lost for good, nobody knows whether it holds. */
export function throwAsUnheard(error: unknown): never {
  if (!(error instanceof NetworkError) || error.failure.code !== "storage_unavailable") throw error;
  if (error.failure.fault !== "away") throw error;
  throw new NetworkError({ ...error.failure, mayStand: true }, { cause: error.cause });
}

/** PostgreSQL says that the user may not do this. */
const INSUFFICIENT_PRIVILEGE = "42501";

export const isForbidden = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === INSUFFICIENT_PRIVILEGE;

/** What OpenSSL and Node say of a certificate that they do not take. */
const CERTIFICATE_CODES = /^(ERR_TLS_\w+|CERT_\w+|\w+_CERT(_\w+)?|UNABLE_TO_\w+|\w*CERTIFICATE\w*|ERR_SSL_\w+)$/;

/** By SQLSTATE, what an operator does about a start that fails. */
const reasons: ReadonlyMap<string, string> = new Map([
  ["28P01", "PostgreSQL refuses the user or its password. Set both in DARKBLOOM_DATABASE."],
  [
    "28000",
    "PostgreSQL lets this user not in from this machine. Look at the user, whether pg_hba.conf has a line for both, and whether it asks for TLS (sslmode).",
  ],
  ["3D000", "there is no database of that name. Make it with 'createdb', and start again."],
  [
    INSUFFICIENT_PRIVILEGE,
    "its user may not make tables there. Make the user its owner ('ALTER DATABASE … OWNER TO …'), and start again.",
  ],
  ["53300", "PostgreSQL has no connection left. Raise its max_connections, or end what holds them."],
  ["57P03", "PostgreSQL is still starting. Start again in a moment."],
]);

const faultReasons: Readonly<Record<StorageFault, string>> = {
  disk_full: "the disk of PostgreSQL is full. Make room and start again.",
  read_only: "PostgreSQL takes no writes there; a standby does not. Give the address of the primary.",
  busy: "something in PostgreSQL is in the way: a lock, or no memory. Look into its log.",
  io_error: "the disk of PostgreSQL gives errors. Look into its log.",
  damaged: "PostgreSQL finds it damaged. Look into its log, and restore a backup.",
  away: "PostgreSQL cannot be reached there. Look whether it runs, whether the address is right, and whether it lets this machine in.",
};

/** Why a database cannot be opened, as the end of a sentence, and what to do. Nothing of the error's own text is in it. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = reasons.get(code);
  if (known !== undefined) return known;
  if (error instanceof Error && /SSL connections?$/.test(error.message))
    return "PostgreSQL there speaks no TLS. Turn it on there (ssl = on); only on a network that nobody else can read, take sslmode out of the URL.";
  if (CERTIFICATE_CODES.test(code))
    return "its certificate is not one that the URL's sslmode and sslrootcert take. Look whether they name the right root, and the host the name that the certificate is for.";
  const fault = postgresFaultOf(error);
  return fault === undefined ? "PostgreSQL does not answer as it should. Look into its log." : faultReasons[fault];
}
