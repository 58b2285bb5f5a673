import { randomUUID } from "node:crypto";
import { lstatSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { NetworkError, type StorageFault } from "@darkbloom/protocol/failures";
import type { Clock } from "@darkbloom/protocol/ports";
import { openDataFolder, type DataFolder } from "@darkbloom/protocol/node";
import { KnownKeys } from "../accounts/known-keys.ts";
import type { Audit } from "../accounts/audit.ts";
import { KnownPeople } from "../accounts/known-people.ts";
import type { People } from "../accounts/people.ts";
import type { Accounts } from "../accounts/port.ts";
import type { Alias } from "../catalog/catalog.ts";
import { Catalog, type CatalogEntry } from "../catalog/catalog.ts";
import { withEntry } from "../catalog/document.ts";
import type { Countersigner } from "../inference/countersigner.ts";
import { leaseOf } from "../ledger/lease.ts";
import type { Ledger } from "../ledger/port.ts";
import type { LogSigner, LogStore } from "../transparency/port.ts";
import type { NetworkKey } from "../machines/ports.ts";
import type { Standings } from "../machines/records/standings.ts";
import type { Decisions } from "../machines/trust/approvals.ts";
import { loadCatalog, saveCatalog } from "./catalog-file.ts";
import { COUNTERSIGNER_FILE, openCountersigner } from "./countersigner.ts";
import { openDatabase } from "./database.ts";
import { COORDINATOR_OF_FOLDER, DATABASE_FILE, DatabaseError, LOG_OF_DATABASE_FILE } from "./database-file.ts";
import { assertNotOlder, DatabaseMark, MARK_FILE } from "./database-mark.ts";
import { DiskSync } from "./disk-sync.ts";
import { openLocalSecret } from "./local-secret.ts";
import { LOG_CHECKPOINT_FILE, LOG_KEY_FILE, openLogSigner } from "./log-signer.ts";
import { NETWORK_KEY_FILE, openNetworkKey } from "./network-key.ts";
import { storageFaultOf } from "./storage-failure.ts";
import { SqlAudit } from "./sql-audit.ts";
import { SqlPeople } from "./sql-people.ts";
import { sqliteQuery } from "./sql-query.ts";
import { SqliteAccounts } from "./sqlite-accounts.ts";
import { SqliteDecisions } from "./sqlite-decisions.ts";
import { ROWS_PER_STEP_MAX } from "./ledger-options.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { SqliteStandings } from "./sqlite-standings.ts";

/** How often receipts and settlements whose time is over are looked for. */
const RECEIPT_SWEEP_EVERY_MS = 60 * 60_000;
/** Between two steps of one sweep, so that requests pass in between. */
const RECEIPT_SWEEP_PAUSE_MS = 50;

/** Everything that a coordinator keeps in its data folder. Disposing closes it and frees the folder. */
export interface Store extends AsyncDisposable {
  readonly folder: DataFolder;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly people: People;
  readonly audit: Audit;
  /** What the operator decided on machines. */
  readonly decisions: Decisions;
  /** What is held against machines. */
  readonly standings: Standings;
  readonly countersigner: Countersigner;
  readonly networkKey: NetworkKey;
  readonly logStore: LogStore;
  readonly logSigner: LogSigner;
  /** By which a provider on this machine shows that it may join. */
  readonly localSecret: string;
  readonly catalog: Catalog;
}

export interface StoreOptions {
  readonly clock: Clock;
  /** Models that the catalog shall hold from now on, e.g. the one of `--model PATH`. */
  readonly models?: readonly CatalogEntry[];
  /** Other names for models of the catalog. */
  readonly aliases?: readonly Alias[];
  /** Told when a sweep of old receipts failed; the next one tries again. */
  readonly onSweepError: (error: unknown) => void;
  /** How long receipts that are written from now on are kept; `RECEIPT_LIFE_MS` where nothing is said. */
  readonly receiptLifeMs?: number | undefined;
}

/**
 * Opens the folder for this process alone: lock, catalog, keys, and database at our schema. What a life before held ended with it.
 *
 * @param path of the data folder; made where it is missing
 * @throws DataFolderError, CatalogError, CountersignerError, NetworkKeyError or DatabaseError, each with a sentence for the operator
 */
export async function openStore(path: string, options: StoreOptions): Promise<Store> {
  try {
    return await openParts(path, options);
  } catch (error) {
    const fault =
      error instanceof NetworkError && error.failure.code === "storage_unavailable"
        ? error.failure.fault
        : storageFaultOf(error);
    if (fault === undefined) throw error;
    throw new DatabaseError("unusable", `The data folder ${path} cannot be used: ${faultWords[fault]}`, {
      cause: error,
    });
  }
}

const faultWords: Readonly<Record<StorageFault, string>> = {
  disk_full: "its disk is full. Make room and start again.",
  read_only: "its database cannot be written. Look at how its disk is mounted and who owns the files.",
  busy: "another program holds its database. Close it (a shell of sqlite3, a backup) and start again.",
  io_error: "its disk gives errors. Keep a copy of the folder before anything else.",
  damaged: "its database is damaged. Keep a copy of the folder as it is, then restore a backup.",
  away: "its database cannot be reached. Look whether PostgreSQL runs, and start again.",
};

async function openParts(path: string, options: StoreOptions): Promise<Store> {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await openDataFolder(path, "coordinator"));
  const catalog = new Catalog(catalogWith(folder, options.models ?? []), options.aliases);
  assertWhole(folder);
  const database = opening.adopt(await openDatabase(folder), async (open: DatabaseSync) => open.close());
  assertNotOlder(folder, database);
  assertKeysThere(folder, database);
  const countersigner = openCountersigner(folder);
  const networkKey = openNetworkKey(folder);
  const logSigner = openLogSigner(folder);
  const localSecret = openLocalSecret(folder);
  const disk = opening.use(new DiskSync(folder.file(LOG_OF_DATABASE_FILE)));
  const mark = opening.use(new DatabaseMark(folder, database));
  // Last of all that writes, so that the mark is the newest there is.
  opening.defer(() => mark.keep());
  const lease = leaseOf(COORDINATOR_OF_FOLDER, randomUUID());
  const ledger = opening.use(new SqliteLedger(database, { lease, receiptLifeMs: options.receiptLifeMs, mark, disk }));
  opening.use(keepUp(ledger, () => mark.keep(), options));
  const query = sqliteQuery(database, mark.changed);
  const opened = opening.move();
  return {
    folder,
    ledger,
    accounts: new KnownKeys(new SqliteAccounts(database, mark.changed)),
    people: new KnownPeople(new SqlPeople(query)),
    audit: new SqlAudit(query),
    decisions: new SqliteDecisions(database, mark.changed),
    standings: new SqliteStandings(database, mark.changed),
    countersigner,
    networkKey,
    logStore: new SqliteLog(database, disk),
    logSigner,
    localSecret,
    catalog,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const keyFiles = [COUNTERSIGNER_FILE, NETWORK_KEY_FILE];

/**
 * Keys and mark are made after the database, so that they alone are what is left of a network, and no first start.
 *
 * @throws DatabaseError
 */
function assertWhole(folder: DataFolder): void {
  if (lstatSync(folder.file(DATABASE_FILE), { throwIfNoEntry: false })) return;
  const left = [...keyFiles, MARK_FILE, LOG_KEY_FILE, LOG_CHECKPOINT_FILE].filter(
    (name) => folder.read(name) !== undefined,
  );
  if (left.length === 0) return;
  throw new DatabaseError(
    "missing",
    `The folder ${folder.path} has the files of a network (${left.join(", ")}) and not its database ${DATABASE_FILE}, which holds all balances. Restore it from a backup; only to begin a new network, move these files away.`,
  );
}

/** @throws DatabaseError where the database knows accounts or API keys, and a key file is missing */
function assertKeysThere(folder: DataFolder, database: DatabaseSync): void {
  const missing = keyFiles.filter((name) => folder.read(name) === undefined);
  if (missing.length === 0) return;
  const used = database.prepare("SELECT 1 FROM accounts UNION ALL SELECT 1 FROM api_keys LIMIT 1").get();
  if (!used) return;
  throw new DatabaseError(
    "missing",
    `The folder ${folder.path} has the database of a network and not its key files: ${missing.join(", ")}. Restore them from the same backup (mode 600). New ones would make old receipts look forged and give every machine another pseudonym; only where none are left, make them with 'openssl genpkey -algorithm ed25519 -out ${COUNTERSIGNER_FILE}' and 'openssl rand -hex 32 > ${NETWORK_KEY_FILE}'.`,
  );
}

function catalogWith(folder: DataFolder, added: readonly CatalogEntry[]): CatalogEntry[] {
  const known = loadCatalog(folder);
  if (added.length === 0) return known;
  const entries = added.reduce<CatalogEntry[]>(withEntry, known);
  saveCatalog(folder, entries);
  return entries;
}

/** Marks, deletes old receipts and adds old settlements up, in small steps, now and every hour, until it is disposed of. */
function keepUp(ledger: SqliteLedger, markNow: () => void, { clock, onSweepError }: StoreOptions): AsyncDisposable {
  const stop = new AbortController();
  const sweep = async (): Promise<void> => {
    let isFirstStep = true;
    while (!stop.signal.aborted) {
      if (isFirstStep) markNow();
      const now = clock.now();
      const steps = Promise.all([
        ledger.deleteExpiredReceipts(now),
        ledger.rollUpUsage(now),
        ledger.deleteExpiredKeys(now),
      ]);
      const more = await steps.then(
        (rows) => rows.includes(ROWS_PER_STEP_MAX),
        (error: unknown) => {
          onSweepError(error);
          return false;
        },
      );
      isFirstStep = !more;
      await clock.sleep(more ? RECEIPT_SWEEP_PAUSE_MS : RECEIPT_SWEEP_EVERY_MS, stop.signal).catch(() => undefined);
    }
  };
  const swept = sweep();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await swept;
    },
  };
}
