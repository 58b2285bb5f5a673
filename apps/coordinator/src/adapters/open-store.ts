import { NetworkError, type StorageFault } from "@darkbloom/protocol/failures";
import { openDataFolder, type DataFolder } from "@darkbloom/protocol/node";
import { Catalog, type Alias, type CatalogEntry } from "../catalog/catalog.ts";
import { withEntry } from "../catalog/document.ts";
import { loadCatalog, saveCatalog } from "./catalog-file.ts";
import { DatabaseError } from "./database-file.ts";
import type { Kept, KeptOptions } from "./kept.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { storageFaultOf } from "./storage-failure.ts";

/** Everything that a coordinator keeps. Disposing closes it and frees the data folder. */
export interface Store extends Kept, AsyncDisposable {
  readonly folder: DataFolder;
  readonly catalog: Catalog;
}

export interface StoreOptions extends KeptOptions {
  /** Models that the catalog shall hold from now on, e.g. the one of `--model PATH`. */
  readonly models?: readonly CatalogEntry[];
  /** Other names for models of the catalog. */
  readonly aliases?: readonly Alias[];
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
  const kept = opening.use(await openKept(folder, options));
  const opened = opening.move();
  return { ...kept, folder, catalog, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function openKept(folder: DataFolder, options: KeptOptions): Promise<Kept & AsyncDisposable> {
  const { database } = options;
  if (database === undefined) return await openSqliteStore(folder, options);
  // Loaded where it is asked for: who has no PostgreSQL does not wait for it at a start.
  const { openPostgresStore } = await import("./open-postgres-store.ts");
  return await openPostgresStore(folder, database, options);
}

function catalogWith(folder: DataFolder, added: readonly CatalogEntry[]): CatalogEntry[] {
  const known = loadCatalog(folder);
  if (added.length === 0) return known;
  const entries = added.reduce<CatalogEntry[]>(withEntry, known);
  saveCatalog(folder, entries);
  return entries;
}
