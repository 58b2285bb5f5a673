import { accessSync, constants, realpathSync } from "node:fs";
import { basename } from "node:path";
import { bundledEntry, DEFAULT_PRICE, type CatalogEntry } from "@darkbloom/coordinator";
import { bundledModelPath, readModelFacts } from "@darkbloom/provider";
import { CommandFailed, WrongUsage } from "./failure.ts";

/** A model file, and what the catalog calls it. */
export interface LocatedModel {
  readonly isBundled: boolean;
  readonly path: string;
  readonly id: string;
  readonly build: string;
}

const NAME_CHARS_MAX = 128;

export const bundledModel: LocatedModel = {
  isBundled: true,
  path: bundledModelPath,
  id: bundledEntry.id,
  build: bundledEntry.build,
};

/**
 * The model that `--model` names: the bundled one by its id, else a GGUF file, whose name becomes id and build.
 *
 * @throws WrongUsage
 */
export function locateModel(given: string): LocatedModel {
  if (given === bundledModel.id || given === bundledModel.build) return bundledModel;
  const path = readablePath(given);
  if (path === bundledModel.path) return bundledModel;
  if (/-\d{5}-of-\d{5}\.gguf$/i.test(path))
    throw new WrongUsage(`${path} is one part of a split model. Join its parts first: llama-gguf-split --merge FIRST-PART WHOLE.gguf`);
  const name = basename(path)
    .replace(/\.gguf$/i, "")
    .replaceAll(/[^\w.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, NAME_CHARS_MAX);
  if (name === "") throw new WrongUsage(`${path} has no letter or digit in its name, which becomes the model's id. Rename it.`);
  return { isBundled: false, path, id: name, build: name };
}

/**
 * What the catalog says of a model file: its name, its hash and its context; the price is the default one,
 * which the operator may change in `catalog.json`.
 *
 * @throws CommandFailed where the file is not a model
 */
export async function catalogEntryOf(model: LocatedModel, nowSec: number): Promise<CatalogEntry> {
  const facts = await readModelFacts(model.path);
}
