import { hash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { manifestSha256, type HashedFile } from "../files/file-manifest.ts";

/** Where the packages lie beside each other: the repository, or a copy of it. */
const ROOT = join(import.meta.dirname, "../../../..");
/** What a provider's process is made of, and the versions of the packages that it uses. */
const PARTS = [
  "apps/cli/bin",
  "apps/cli/package.json",
  "apps/cli/src",
  "apps/coordinator/package.json",
  "apps/coordinator/src",
  "apps/provider/native",
  "apps/provider/package.json",
  "apps/provider/src",
  "package-lock.json",
  "packages/protocol/package.json",
  "packages/protocol/src",
];
const SOURCE = /\.(ts|js|json|swift)$/;
const TEST = /\.(test|contract)\.ts$/;
/** Three times what there is. A tree that is larger is not ours. */
const SOURCE_FILES_MAX = 1024;
const SOURCE_BYTES_MAX = 4 * 1024 * 1024;
const FOLDER_DEPTH_MAX = 16;

/** The program's own files are not as they were shipped; the message is a sentence for the machine's owner. */
export class CodeHashError extends ErrorForPeople {
  override readonly name = "CodeHashError";
}

/**
 * One hash over our own source as it lies on this machine's disk, without its tests: the SHA-256 of a
 * `sha256sum` manifest with paths from the repository's root. Whoever has the same release works out the
 * same value.
 *
 * It is the machine's own word, since changed code can say anything. It covers the names and checksums of
 * the packages that we use (`package-lock.json`), and not their files.
 *
 * @throws CodeHashError where a file is missing, is a link or is too large
 */
export async function codeSha256(root: string = ROOT): Promise<string> {
  const files: HashedFile[] = [];
  for (const name of PARTS.flatMap((part) => filesIn(root, part)))
    files.push({ name, sha256: hash("sha256", await readFile(join(root, name))) });
  if (files.length > SOURCE_FILES_MAX) throw strange(root, "holds more files than were shipped");
  return manifestSha256(files);
}

function filesIn(root: string, name: string, depth = 0): string[] {
  const stat = lstatSync(join(root, name), { throwIfNoEntry: false });
  if (!stat) throw strange(join(root, name), "is missing");
  if (stat.isDirectory()) {
    if (depth > FOLDER_DEPTH_MAX) throw strange(join(root, name), "lies deeper than anything that was shipped");
    return readdirSync(join(root, name), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || (SOURCE.test(entry.name) && !TEST.test(entry.name)))
      .flatMap((entry) => filesIn(root, `${name}/${entry.name}`, depth + 1));
  }
  // A link can lead to another file later than the one that was hashed.
  if (!stat.isFile()) throw strange(join(root, name), "is not a file");
  if (stat.size > SOURCE_BYTES_MAX) throw strange(join(root, name), "is larger than anything that was shipped");
  return [name];
}

const strange = (path: string, what: string): CodeHashError =>
  new CodeHashError(`${path} ${what}. Get the program again, as it is released.`);
