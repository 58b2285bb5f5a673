import type { DataFolder } from "@darkbloom/protocol/node";
import { bundledEntry } from "../catalog/bundled.ts";
import type { CatalogEntry } from "../catalog/catalog.ts";
import { parseCatalog, renderCatalog } from "../catalog/document.ts";
import { CatalogError } from "../catalog/catalog-error.ts";

export const CATALOG_FILE = "catalog.json";

/**
 * The entries of the folder's `catalog.json`; a folder without one gets one with the bundled model.
 *
 * @throws CatalogError naming the file and the fields
 */
export function loadCatalog(folder: DataFolder): CatalogEntry[] {
  const bytes = folder.read(CATALOG_FILE);
  if (!bytes) {
    saveCatalog(folder, [bundledEntry]);
    return [bundledEntry];
  }
  try {
    return parseCatalog(bytes.toString("utf8"));
  } catch (error) {
    if (error instanceof CatalogError) throw new CatalogError(`${folder.file(CATALOG_FILE)}: ${error.message}`);
    throw error;
  }
}

/** Writes what the next start will read; entries that it would refuse are refused here. */
export function saveCatalog(folder: DataFolder, entries: readonly CatalogEntry[]): void {
  const text = renderCatalog(entries);
  parseCatalog(text);
  folder.write(CATALOG_FILE, text);
}
