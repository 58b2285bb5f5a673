import type { BuildId, ModelId, Price, Sha256Hex } from "@darkbloom/protocol";

/** One model that this network sells: a public name, the weights behind it, its limits and its price. */
export interface CatalogEntry {
  readonly id: ModelId;
  /** Providers offer builds; the receipt names the one that answered. */
  readonly build: BuildId;
  /**
   * A provider whose weights have another hash does not serve this model. Of a GGUF file, its SHA-256; of a
   * model in parts, that of `sha256sum PART… | LC_ALL=C sort -k 2`.
   */
  readonly weightsSha256: Sha256Hex;
  readonly displayName: string;
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  readonly price: Price;
  /** Seconds since 1970. */
  readonly createdSec: number;
}

/** Looks a caller's word up; what comes back is ours. An empty catalog serves nothing. */
export class Catalog {
  readonly #byId: ReadonlyMap<string, CatalogEntry>;

  constructor(entries: readonly CatalogEntry[]) {
    this.#byId = new Map(entries.map((entry) => [entry.id, entry]));
    if (this.#byId.size !== entries.length) throw new RangeError("two catalog entries have the same id");
  }

  find(model: string): CatalogEntry | undefined {
    return this.#byId.get(model);
  }

  get entries(): readonly CatalogEntry[] {
    return [...this.#byId.values()];
  }
}
