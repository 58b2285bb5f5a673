import { nameAt, withoutHash, type Entry, type Lock } from "./lock.ts";

/** A machine as npm sees it. */
export interface Platform {
  readonly os: string;
  readonly cpu: string;
  readonly libc?: string;
}

/** Those that the README names; a Linux without glibc is none of them. */
export const supported: readonly Platform[] = [
  { os: "linux", cpu: "x64", libc: "glibc" },
  { os: "linux", cpu: "arm64", libc: "glibc" },
  { os: "darwin", cpu: "arm64" },
  { os: "darwin", cpu: "x64" },
];

/** Whether npm installs an entry there. */
export const isFor = ({ os, cpu, libc }: Entry, on: Platform): boolean =>
  (os === undefined || os.includes(on.os)) &&
  (cpu === undefined || cpu.includes(on.cpu)) &&
  (libc === undefined || (on.libc !== undefined && libc.includes(on.libc)));

/** The entries without a hash that a platform is given, by name. */
export const uncheckedOn = (lock: Lock, platform: Platform): string[] =>
  withoutHash(lock)
    .filter(([, entry]) => isFor(entry, platform))
    .map(([path]) => nameAt(path));

/** What the registry says of a version; undefined where it shows none. */
export type Look = (name: string, version: string) => Promise<string | undefined>;

/** Asks for the hash of every entry that has none, each version once. @returns the names that were filled */
export async function fillHashes(lock: Lock, look: Look): Promise<string[]> {
  const asked = new Map<string, Promise<string | undefined>>();
  const filled: string[] = [];
  for (const [path, entry] of withoutHash(lock)) {
    if (entry.version === undefined) continue;
    const name = entry.name ?? nameAt(path);
    const key = `${name}@${entry.version}`;
    const answer = asked.get(key) ?? look(name, entry.version);
    asked.set(key, answer);
    const integrity = await answer;
    if (integrity === undefined || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)) continue;
    entry.integrity = integrity;
    filled.push(nameAt(path));
  }
  return filled;
}

/** Where the list stands in SECURITY.md. */
const BEGIN = "<!-- entries without a hash: npm run fill-lock -->";
const END = "<!-- end -->";

/** The list of entries without a hash, a row for each family of packages. */
export function hashlessTable(lock: Lock): string {
  const families = new Map<string, string[]>();
  for (const [path, { version }] of withoutHash(lock)) {
    const name = nameAt(path);
    const scope = name.includes("/") ? name.slice(0, name.indexOf("/") + 1) : "";
    const family = `${scope} ${version ?? ""}`.trim();
    families.set(family, [...(families.get(family) ?? []), `\`${name.slice(scope.length)}\``]);
  }
  const rows = [...families].map(([family, names]) => `| \`${family}\` | ${names.length} | ${names.join(", ")} |`);
  return ["| packages | | |", "|---|---|---|", ...rows].join("\n");
}

/** SECURITY.md with the list as the lock has it. */
export function withTable(page: string, lock: Lock): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`SECURITY.md has no ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${hashlessTable(lock)}\n\n${END}${after}`;
}
