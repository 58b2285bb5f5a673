import { fork } from "node:child_process";
import type { DatabaseSync } from "node:sqlite";
import type { LedgerPart } from "../ledger/port.ts";
import { storageFaultOf } from "./storage-failure.ts";
import { ledgerCheckSql } from "./sqlite-ledger-sql.ts";

/** What is read through: the pages alone, or also whether every account's figures are what their rows come to. */
export type Depth = "pages" | "books";

export interface Found {
  readonly isDamaged: boolean;
  /** Micro-USD in digits, since a message between processes is JSON. */
  readonly faults: readonly { readonly account: string; readonly part: LedgerPart; readonly offBy: string }[];
}

/** A database up to this size is read on the spot, in about 50 ms; a larger one by a process of its own. */
export const CHECK_HERE_BYTES_MAX = 8 * 1024 * 1024;

/** Everything that is wrong with a database. Reads the whole of it, and gives up the turn not once. */
export function lookThrough(database: DatabaseSync, depth: Depth): Found {
  try {
    // A row that breaks a rule of its table is no damage of the file: the books say whose it is.
    database.exec("PRAGMA ignore_check_constraints = ON");
    const [found] = database.prepare("PRAGMA integrity_check(1)").all();
    if (found?.["integrity_check"] !== "ok") return { isDamaged: true, faults: [] };
    if (depth === "pages") return { isDamaged: false, faults: [] };
    const check = database.prepare(ledgerCheckSql);
    check.setReadBigInts(true);
    const faults = check.all().map((row) => ({
      account: String(row["account"]),
      part: row["part"] as LedgerPart,
      offBy: String(row["off_by"]),
    }));
    return { isDamaged: false, faults };
  } catch (error) {
    if (storageFaultOf(error) === "damaged") return { isDamaged: true, faults: [] };
    throw error;
  } finally {
    database.exec("PRAGMA ignore_check_constraints = OFF");
  }
}

/**
 * The same without a stall: what is large is read by a process of its own, which can be ended while SQLite reads; a
 * thread could not.
 *
 * @param signal ends the look; then, and where `msMax` is over or the other process fails, nothing is known
 * @throws the storage's error, where it is read on the spot
 */
export async function lookThroughApart(
  database: DatabaseSync,
  depth: Depth,
  { msMax, signal, hereBytesMax = CHECK_HERE_BYTES_MAX }: LookOptions,
): Promise<Found | undefined> {
  const path = database.location();
  if (path === null || bytesOf(database) <= hereBytesMax) return lookThrough(database, depth);
  const timeout = AbortSignal.timeout(msMax);
  return await new Promise((resolve) => {
    const child = fork(new URL("./database-check-child.ts", import.meta.url), [path, depth], {
      env: {},
      execArgv: ["--disable-warning=ExperimentalWarning"],
      killSignal: "SIGKILL",
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    child.once("message", (found) => resolve(found as Found));
    child.once("error", () => resolve(undefined));
    child.once("exit", () => resolve(undefined));
  });
}

export interface LookOptions {
  readonly msMax: number;
  readonly signal?: AbortSignal;
  readonly hereBytesMax?: number;
}

function bytesOf(database: DatabaseSync): number {
  const size = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
  return Number(database.prepare(size).get()?.["bytes"]);
}
