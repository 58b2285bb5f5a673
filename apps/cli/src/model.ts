import { accessSync, constants, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator";
import { WrongUsage } from "./failure.ts";

/** A model file, and what the catalog calls it. */
export interface LocatedModel {
  readonly path: string;
  readonly id: string;
  readonly build: string;
}

/** As long as the catalog lets a name be. */
const NAME_CHARS_MAX = 128;

export const bundledModel: LocatedModel = {
  path: join(import.meta.dirname, "../../../models/darkbloom-tiny.gguf"),
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
    throw new WrongUsage(
      `${path} is one part of a split model. Join the parts first: llama-gguf-split --merge FIRST-PART WHOLE.gguf`,
    );
  const name = basename(path)
    .replace(/\.gguf$/i, "")
    .replaceAll(/[^\w.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, NAME_CHARS_MAX);
  if (name === "")
    throw new WrongUsage(`${path} has no letter or digit in its name, which becomes the model's id. Rename it.`);
  return { path, id: name, build: name };
}

function readablePath(given: string): string {
  try {
    const path = realpathSync(given);
    accessSync(path, constants.R_OK);
    return path;
  } catch {
    throw new WrongUsage(
      `--model must be a GGUF file that this user can read, or ${bundledModel.id}; ${JSON.stringify(given)} is neither.`,
    );
  }
}
