import { accessSync, constants, realpathSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { MANIFEST_ENDING } from "@darkbloom/provider/files/weights";
import { WrongUsage } from "./failure.ts";
import { NAME_CHARS_MAX } from "./setting-readers.ts";

/** A model file, a split model's first part or a manifest (`readWeights`), and what the catalog calls it. */
export interface LocatedModel {
  readonly path: string;
  readonly id: string;
  readonly build: string;
}

/** llama.cpp's name of one part of a split model. */
const PART = /-(\d{5})-of-\d{5}\.gguf$/;

export const bundledModel: LocatedModel = {
  path: join(import.meta.dirname, "../../../models/darkbloom-tiny.gguf"),
  id: bundledEntry.id,
  build: bundledEntry.build,
};

/**
 * The model that `--model` names: the bundled one by its id, else a GGUF file, the first part of a split
 * one or a manifest, whose name becomes id and build.
 *
 * @param source what a sentence names where it is neither
 * @throws WrongUsage
 */
export function locateModel(given: string, source = "--model"): LocatedModel {
  if (given === bundledModel.id || given === bundledModel.build) return bundledModel;
  const path = readablePath(given, source);
  if (path === bundledModel.path) return bundledModel;
  const part = PART.exec(path)?.[1];
  if (part !== undefined && Number(part) !== 1)
    throw new WrongUsage(`${path} is not the first part of its model. Name that one.`);
  const name = basename(path, MANIFEST_ENDING)
    .replace(/\.gguf$/i, "")
    .replace(/-\d{5}-of-\d{5}$/, "")
    .replaceAll(/[^\w.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, NAME_CHARS_MAX);
  if (name === "")
    throw new WrongUsage(`${path} has no letter or digit in its name, which becomes the model's id. Rename it.`);
  return { path, id: name, build: name };
}

function readablePath(given: string, source: string): string {
  try {
    // Parts find each other by their names, so those stay as they are.
    const path = PART.test(given) ? resolve(given) : realpathSync(given);
    accessSync(path, constants.R_OK);
    return path;
  } catch {
    throw new WrongUsage(
      `${source} must be a GGUF file that this user can read, or ${bundledModel.id}; ${JSON.stringify(given)} is neither.`,
    );
  }
}
