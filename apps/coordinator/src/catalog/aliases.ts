import type { ModelId } from "@darkbloom/protocol/ids";
import type { CatalogEntry } from "./catalog.ts";
import { CatalogError } from "./catalog-error.ts";

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
