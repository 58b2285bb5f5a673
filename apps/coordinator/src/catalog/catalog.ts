import { aliasedEntries, type Alias, type ListedEntry } from "./aliases.ts";
import type { ModelTask } from "@darkbloom/protocol/dialects";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Price } from "@darkbloom/protocol/money";

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
  /** What it can be asked for; absent: to write text, of both kinds. */
  readonly tasks?: readonly ModelTask[];
  /** Of a model that embeds. */
  readonly embedding?: {
    /** Numbers of each vector. */
    readonly dimensions: number;
    /** Fewer numbers that it was trained to be useful with, from the first one on. */
    readonly shortenedTo: readonly number[];
  };
  /** Seconds since 1970. */
  readonly createdSec: number;
}

/** What a model can be asked for whose entry says nothing. */
export const tasksWhereNoneAreNamed: readonly ModelTask[] = ["generate", "complete"];
/** A machine that says nothing is of a time when no model could be asked for anything else. */
export const tasksOfOlderMachines: readonly ModelTask[] = ["generate"];
/** Whether it writes text at all, so that what it writes has a price and a bound. */
export const writesText = (tasks: readonly ModelTask[]): boolean => tasks.some((task) => task !== "embed");
export const tasksOf = ({ tasks = tasksWhereNoneAreNamed }: Pick<CatalogEntry, "tasks">): readonly ModelTask[] => tasks;

interface Offer {
  readonly build: string;
  readonly weightsSha256: string;
}

/** What a machine offers of this very model: a build's name alone may stand for other weights. */
export const offerOf = <Of extends Offer>({ build, weightsSha256 }: Offer, offers: readonly Of[]): Of | undefined =>
  offers.find((offer) => offer.build === build && offer.weightsSha256 === weightsSha256);

/** Looks a caller's word up; what comes back is ours. An empty catalog serves nothing. */
export class Catalog {
  readonly #byId: ReadonlyMap<string, CatalogEntry>;
  readonly #aliases: readonly ListedEntry[];

  /** @throws CatalogError where an alias cannot be meant */
  constructor(entries: readonly CatalogEntry[], aliases: readonly Alias[] = []) {
    this.#byId = new Map(entries.map((entry) => [entry.id, entry]));
    if (this.#byId.size !== entries.length) throw new RangeError("two catalog entries have the same id");
    this.#aliases = aliasedEntries(entries, aliases);
  }

  /** The model itself, by its own name or by an alias. */
  find(model: string): CatalogEntry | undefined {
    const alias = this.#aliases.find(({ id }) => id === model);
    return this.#byId.get(alias?.aliasOf ?? model);
  }

  /** What callers may ask for: each model, then each alias. */
  get listed(): readonly ListedEntry[] {
    return [...this.entries, ...this.#aliases];
  }

  get entries(): readonly CatalogEntry[] {
    return [...this.#byId.values()];
  }
}
