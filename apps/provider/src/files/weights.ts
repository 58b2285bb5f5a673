import { lstatSync, readdirSync, readFileSync, statSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { fileSha256, manifestSha256, parseManifest, type HashedFile } from "./file-manifest.ts";

/** A model file that cannot be used; the message is a sentence for the operator and names the file. */
export class ModelFileError extends ErrorForPeople {
  override readonly name = "ModelFileError";
}

export interface Weights {
  /** What llama.cpp is given: the file, or the first part, beside which it finds the others. */
  readonly path: string;
  /** Of the file; of a model in parts, of the manifest that names each part and its hash. Lower-case hex. */
  readonly sha256: string;
}

/** llama.cpp's names of a split model's parts. */
const PART = /^(?<stem>.+)-(?<part>\d{5})-of-(?<parts>\d{5})\.gguf$/;
const PARTS_MAX = 512;
const MANIFEST_BYTES_MAX = 256 * 1024;
export const MANIFEST_ENDING = ".sha256";

/**
 * Finds and hashes the weights that a path means:
 *
 * - a GGUF file: its own hash;
 * - the first part of a split model: all its parts, which must lie beside it;
 * - a manifest, as `sha256sum` prints it: the files that it names, beside it. They must be there with these
 *   hashes, and no other part of the same model with them.
 *
 * @param tell is told how far it is, from 0 to 1
 * @throws ModelFileError where anything is missing, wrong or more than was named
 */
export async function readWeights(path: string, tell?: (done: number) => void): Promise<Weights> {
  const { expected, folder, first, names } = located(path);
  const read = tell && progressOf(folder, names ?? [basename(first)], tell);
  if (names === undefined) {
    const own = expected ? fileIn(folder, first) : path;
    const sha256 = await hashed(own, read);
    if (expected) compare(path, [{ name: first, sha256 }], expected);
    return { path: own, sha256 };
  }
  const files: HashedFile[] = [];
  for (const name of names) files.push({ name, sha256: await hashed(fileIn(folder, name), read) });
  if (expected) compare(path, files, expected);
  return { path: join(folder, first), sha256: manifestSha256(files) };
}

/** The files that `readWeights` would hash, the first of them for llama.cpp. @throws ModelFileError where one is missing */
export function weightFiles(path: string): readonly [string, ...string[]] {
  const { expected, folder, first, names = [first] } = located(path);
  const [own = path, ...others] = names.map((name) => (expected || names.length > 1 ? fileIn(folder, name) : path));
  return [own, ...others];
}

function located(path: string) {
  const expected = path.endsWith(MANIFEST_ENDING) ? manifestIn(path) : undefined;
  const folder = dirname(path);
  const first = expected ? firstOf(path, expected) : basename(path);
  return { expected, folder, first, names: partsOf(join(folder, first)) };
}

/** The names of a split model's parts, first to last; undefined for a model in one file. */
function partsOf(path: string): readonly string[] | undefined {
  const { stem, part, parts } = PART.exec(basename(path))?.groups ?? {};
  if (stem === undefined || parts === undefined) return undefined;
  const count = Number(parts);
  if (Number(part) !== 1) throw new ModelFileError(`${path} is not the first part of its model. Name that one.`);
  if (count < 1 || count > PARTS_MAX)
    throw new ModelFileError(`${path} says that its model has ${count} parts; from 1 to ${PARTS_MAX} are read.`);
  const names = Array.from(
    { length: count },
    (_, index) => `${stem}-${String(index + 1).padStart(5, "0")}-of-${parts}.gguf`,
  );
  // Another part beside them would belong to another model of the same name, and nobody could tell which is meant.
  const extra = readdirSync(dirname(path)).find(
    (name) => PART.exec(name)?.groups?.["stem"] === stem && !names.includes(name),
  );
  if (extra !== undefined)
    throw new ModelFileError(`${join(dirname(path), extra)} is no part of ${basename(path)}. Move it away.`);
  return names;
}

function manifestIn(path: string): readonly HashedFile[] {
  let text: string;
  try {
    if (statSync(path).size > MANIFEST_BYTES_MAX) throw new RangeError("too large");
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ModelFileError(`The manifest ${path} cannot be read, or has more than ${MANIFEST_BYTES_MAX} bytes.`, {
      cause,
    });
  }
  const files = parseManifest(text, PARTS_MAX);
  if (!files)
    throw new ModelFileError(
      `${path} is not a manifest of files beside it. Make one with: sha256sum PART… > MODEL${MANIFEST_ENDING}`,
    );
  return files;
}

function firstOf(path: string, files: readonly HashedFile[]): string {
  const [only] = files;
  const first = files.length === 1 ? only : files.find(({ name }) => Number(PART.exec(name)?.groups?.["part"]) === 1);
  if (!first) throw new ModelFileError(`${path} names several files, and none is a model's first part.`);
  return first.name;
}

/** A link is refused: what it leads to can change between hashing and loading. */
function fileIn(folder: string, name: string): string {
  const path = join(folder, name);
  const stat: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) throw new ModelFileError(`${path} is missing: the model is not whole. Get all of its parts.`);
  if (!stat.isFile()) throw new ModelFileError(`${path} is a link or a folder. Put the file itself there.`);
  return path;
}

function compare(manifest: string, files: readonly HashedFile[], expected: readonly HashedFile[]): void {
  const hashes = new Map(expected.map(({ name, sha256 }) => [name, sha256]));
  const unnamed = files.find(({ name }) => !hashes.has(name));
  if (unnamed) throw new ModelFileError(`${manifest} does not name ${unnamed.name}, which is a part of the model.`);
  const wrong = files.find(({ name, sha256 }) => hashes.get(name) !== sha256);
  if (wrong)
    throw new ModelFileError(
      `${wrong.name} is not the file that ${manifest} names: its SHA-256 differs. Get it again.`,
    );
  const foreign = expected.find(({ name }) => files.every((file) => file.name !== name));
  if (foreign) throw new ModelFileError(`${manifest} names ${foreign.name}, which is no part of the model.`);
}

/** What is told of so many bytes that were read. A file that is missing is told of when it is read. */
function progressOf(folder: string, names: readonly string[], tell: (done: number) => void): (bytes: number) => void {
  const sizes = names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  const all = Math.max(
    1,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  let done = 0;
  return (bytes) => tell(Math.min(1, (done += bytes) / all));
}

async function hashed(path: string, read?: (bytes: number) => void): Promise<string> {
  try {
    return await fileSha256(path, read);
  } catch (cause) {
    throw new ModelFileError(`The model file ${path} cannot be read.`, { cause });
  }
}
