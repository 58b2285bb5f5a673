import type { ModelTask } from "@darkbloom/protocol/dialects";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Price } from "@darkbloom/protocol/money";
import { CatalogError } from "./catalog-error.ts";

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

export const ALIASES_MAX = 64;

/** Another name for a model of the catalog, such as one that an agent asks for of its own accord. */
export interface Alias {
  readonly name: string;
  readonly model: string;
}

/** An entry as it is listed: under its own name, or under an alias. */
export interface ListedEntry extends CatalogEntry {
  /** The model that is meant, where `id` is another name for it. */
  readonly aliasOf?: ModelId;
}

/**
 * The entries that aliases mean. An alias is one step: it names a model, and never what names a model.
 *
 * @throws CatalogError with a sentence for the operator
 */
export function aliasedEntries(entries: readonly CatalogEntry[], aliases: readonly Alias[]): readonly ListedEntry[] {
  if (aliases.length > ALIASES_MAX) throw new CatalogError(`There are more than ${ALIASES_MAX} aliases.`);
  const names = new Set<string>();
  return aliases.map(({ name, model }) => {
    if (entries.some(({ id, build }) => id === name || build === name))
      throw new CatalogError(`The alias ${name} is the name of a model or build of the catalog. Choose another name.`);
    if (names.has(name)) throw new CatalogError(`The alias ${name} is given twice. Keep one.`);
    names.add(name);
    if (aliases.some((other) => other.name === model))
      throw new CatalogError(`The alias ${name} stands for ${model}, which is an alias itself. Name the model.`);
    const entry = entries.find(({ id }) => id === model);
    if (!entry)
      throw new CatalogError(
        `The alias ${name} stands for ${model}, which is no model of the catalog. It has: ${entries.map(({ id }) => id).join(", ") || "none"}.`,
      );
    return { ...entry, id: name as ModelId, aliasOf: entry.id };
  });
}

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
