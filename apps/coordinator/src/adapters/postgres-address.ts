import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { DatabaseError } from "./database-file.ts";

/** How much of TLS is asked for, in libpq's words. Its `allow` and `prefer`, which fall back to none, are not among them. */
const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof sslModes)[number];

/** What a URL may say behind its `?`. Anything else would be a setting of the library's, our bounds among them. */
const PARAMETERS = new Set(["host", "port", "user", "sslmode", "sslrootcert", "sslcert", "sslkey"]);
/** In the place of a file: the roots that this program brings along. */
const SYSTEM_ROOTS = "system";

interface PostgresTls {
  readonly mode: Exclude<SslMode, "disable">;
  /** Paths of PEM files. */
  readonly rootCert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface PostgresAddress {
  /** A name, an IP address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number | undefined;
  readonly database: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: PostgresTls | undefined;
}

/** Undefined for what is no URL of a PostgreSQL database, or says more than we take. */
export function readPostgresUrl(text: string): PostgresAddress | undefined {
  const url = URL.parse(text);
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || url.hash !== "" || text.includes("%00")) return undefined;
  const said = new Map(url.searchParams);
  if (said.size !== url.searchParams.size || [...said.keys()].some((name) => !PARAMETERS.has(name))) return undefined;
  const parts = [url.hostname.replace(/^\[(.+)\]$/, "$1"), url.pathname.slice(1), url.username, url.password].map(
    decoded,
  );
  const [hostname, database, username, password] = parts;
  if (hostname === undefined || username === undefined || password === undefined) return undefined;
  const host = said.get("host") ?? hostname;
  const port = url.port || said.get("port");
  const tls = tlsOf(said, host);
  if (host === "" || !database || tls === "wrong" || !isPort(port)) return undefined;
  return {
    host,
    port: port === undefined ? undefined : Number(port),
    database,
    user: username || said.get("user"),
    password: password || undefined,
    tls,
  };
}

/** Where a database is, without who asks and with which password. */
export function nameOf(url: string): string {
  const { database, host } = addressOf(url);
  return `${database} at ${host.startsWith("/") ? "this machine" : host}`;
}

/** @throws RangeError for a text that `readPostgresUrl` refuses; it is not quoted, since it may hold a password */
export function addressOf(url: string): PostgresAddress {
  const address = readPostgresUrl(url);
  if (!address) throw new RangeError("not the URL of a PostgreSQL database");
  return address;
}

/**
 * What every connection to it is made with.
 *
 * @throws DatabaseError where a file of certificates cannot be read
 */
export function connectionOf(url: string) {
  const { tls, ...address } = addressOf(url);
  return {
    ...address,
    ssl: tls ? sslOf(tls) : false,
    application_name: "darkbloom",
    keepAlive: true,
  };
}

function tlsOf(said: ReadonlyMap<string, string>, host: string): PostgresTls | undefined | "wrong" {
  const [mode = "disable", rootCert, cert, key] = ["sslmode", "sslrootcert", "sslcert", "sslkey"].map((name) =>
    said.get(name),
  );
  if (!isSslMode(mode) || (cert === undefined) !== (key === undefined)) return "wrong";
  // A socket does not leave the machine.
  if (host.startsWith("/")) return undefined;
  if (mode === "disable") return rootCert === undefined && cert === undefined ? undefined : "wrong";
  // Any server has a certificate that some public root stands behind.
  if (mode === "verify-ca" && (rootCert === undefined || rootCert === SYSTEM_ROOTS)) return "wrong";
  return { mode, rootCert, cert, key };
}

function sslOf({ mode, rootCert, cert, key }: PostgresTls): ConnectionOptions {
  return {
    ...(rootCert !== undefined && rootCert !== SYSTEM_ROOTS && { ca: pemIn(rootCert) }),
    ...(cert !== undefined && { cert: pemIn(cert) }),
    ...(key !== undefined && { key: pemIn(key) }),
    ...checkOf(mode, rootCert !== undefined),
  };
}

/** libpq's: with a root at hand `require` looks at the certificate as `verify-ca` does, and without one at nothing. */
function checkOf(mode: PostgresTls["mode"], hasRoot: boolean): ConnectionOptions {
  if (mode === "verify-full") return { rejectUnauthorized: true };
  if (mode === "require" && !hasRoot) return { rejectUnauthorized: false };
  return { rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

function pemIn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new DatabaseError(
      "unusable",
      `The file ${path}, which the database's URL names, cannot be read. Look at its path and at who may read it.`,
      { cause },
    );
  }
}

const isSslMode = (word: string): word is SslMode => sslModes.some((mode) => mode === word);

const isPort = (digits: string | undefined): boolean =>
  digits === undefined || (/^\d{1,5}$/.test(digits) && Number(digits) >= 1 && Number(digits) <= 65_535);

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
