import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What package-lock.json says of one package. */
export interface Entry {
  /** The package that stands here under another name. */
  name?: string;
  version?: string;
  integrity?: string;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optional?: boolean;
  dev?: boolean;
  /** One of our own packages. */
  link?: boolean;
  optionalDependencies?: Record<string, string>;
  engines?: Record<string, string>;
}

export interface Lock {
  packages: Record<string, Entry>;
}

const LOCK = "package-lock.json";

export const readLock = (root: string): Lock => JSON.parse(readFileSync(join(root, LOCK), "utf8")) as Lock;

export function writeLock(root: string, lock: Lock): void {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(root, LOCK), `${JSON.stringify(lock, null, 2)}\n`);
}

/** `node_modules/@scope/name`, wherever it stands in the tree, as `@scope/name`. */
export const nameAt = (path: string): string => path.split("node_modules/").at(-1) ?? path;

/** The entries that npm fetches and then cannot check. */
export const withoutHash = ({ packages }: Lock): [path: string, entry: Entry][] =>
  Object.entries(packages).filter(
    ([path, { integrity, link }]) => path.includes("node_modules/") && link !== true && integrity === undefined,
  );
