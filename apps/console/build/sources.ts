import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const repository = join(import.meta.dirname, "../../..");

/** What the built console depends on, from the repository's root. */
const SOURCES = [
  "apps/console",
  "packages/client/src",
  "packages/protocol/src",
  "docs",
  "package-lock.json",
  "README.md",
  "SECURITY.md",
  "LIMITS.md",
  "CHANGELOG.md",
];
const leftOut = /(^|\/)(node_modules|dist|generated|test)(\/|$)|\.(test|contract|samples)\.tsx?$/;

/** A name for what would be built: SHA-256 over each file's path and content. */
export function sourcesSha256(): string {
  const hash = createHash("sha256");
  for (const path of SOURCES.flatMap(filesAt).toSorted()) {
    const bytes = readFileSync(join(repository, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

function filesAt(path: string): string[] {
  if (path.includes(".")) return [path];
  return readdirSync(join(repository, path), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => relative(repository, join(one.parentPath, one.name)))
    .filter((file) => !leftOut.test(file));
}
