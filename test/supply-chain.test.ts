import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fillHashes, hashlessTable, isFor, supported, uncheckedOn, withTable } from "../scripts/lock/hashes.ts";
import { readLock, withoutHash, writeLock, type Entry, type Lock } from "../scripts/lock/lock.ts";

const root = join(import.meta.dirname, "..");
const HASH = `sha512-${"A".repeat(86)}==`;
const lockOf = (packages: Record<string, Entry>): Lock => ({ packages: { "": { version: "1" }, ...packages } });
const mac = { os: ["darwin"], cpu: ["arm64"] };

/** Goal: a reader of SECURITY.md knows what nothing vouches for. Method: make the list again; `npm run fill-lock` writes it. */
it("lists in SECURITY.md exactly the entries without a hash", () => {
  const page = readFileSync(join(root, "SECURITY.md"), "utf8");
  const lock = readLock(root);
  expect(page, "run `npm run fill-lock`").toBe(withTable(page, lock));
  for (const [path] of withoutHash(lock)) expect(page).toContain(`\`${path.split("/").at(-1)}\``);
});

/** Goal: what SECURITY.md says of Linux is true. Method: our own lock. */
it("has a hash for whatever is installed on Linux", () => {
  const lock = readLock(root);
  for (const platform of supported.filter(({ os }) => os === "linux")) expect(uncheckedOn(lock, platform)).toEqual([]);
});

it("finds entries without a hash, wherever they stand", () => {
  const lock = lockOf({
    "node_modules/a": { version: "1", integrity: HASH },
    "node_modules/b": { version: "1" },
    "node_modules/a/node_modules/@x/c": { version: "2", ...mac },
    "node_modules/own": { link: true },
    "apps/own": { version: "1" },
  });
  expect(withoutHash(lock).map(([path]) => path)).toEqual(["node_modules/b", "node_modules/a/node_modules/@x/c"]);
  expect(hashlessTable(lock)).toContain("| `@x/ 2` | 1 | `c` |");
  expect(hashlessTable(lock)).toContain("| `1` | 1 | `b` |");
});

const glibc = { os: "linux", cpu: "x64", libc: "glibc" };
it.each<[Entry, boolean]>([
  [{}, true],
  [{ os: ["linux"] }, true],
  [{ os: ["linux", "darwin"], cpu: ["arm64", "x64"], libc: ["glibc"] }, true],
  [{ os: ["darwin"] }, false],
  [{ cpu: ["arm64"] }, false],
  [{ libc: ["musl"] }, false],
])("knows whether npm installs %j on Linux", (entry, installed) => {
  expect(isFor(entry, glibc)).toBe(installed);
});

/** Goal: a registry that shows a package gives its hash, once asked, and no other word is taken for one. Method: a made registry. */
it("fills the hashes that a registry shows", async () => {
  const lock = lockOf({
    "node_modules/b": { version: "1" },
    "node_modules/alias": { name: "b", version: "1" },
    "node_modules/hidden": { version: "1" },
    "node_modules/weak": { version: "1" },
    "node_modules/kept": { version: "1", integrity: "sha512-own" },
  });
  const asked: string[] = [];
  const filled = await fillHashes(lock, (name, version) => {
    asked.push(`${name}@${version}`);
    return Promise.resolve(new Map([["b", HASH]]).get(name) ?? (name === "weak" ? "sha1-abc" : undefined));
  });
  expect(filled).toEqual(["b", "alias"]);
  expect(asked).toEqual(["b@1", "hidden@1", "weak@1"]);
  expect(lock.packages["node_modules/alias"]?.integrity).toBe(HASH);
  expect(lock.packages["node_modules/kept"]?.integrity).toBe("sha512-own");
  expect(withoutHash(lock).map(([path]) => path)).toEqual(["node_modules/hidden", "node_modules/weak"]);
});

/** Goal: no release goes out unchecked. Method: the command, on a lock of its own with and without a hash. */
it("refuses a release while a supported platform has an entry without a hash", () => {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-lock-"));
  try {
    const check = (packages: Record<string, Entry>): string => {
      writeLock(folder, lockOf(packages));
      try {
        return execFileSync(process.execPath, [join(root, "scripts/release-check.ts"), folder], {
          encoding: "utf8",
          stdio: "pipe",
        });
      } catch (error) {
        return String((error as { stderr: unknown }).stderr);
      }
    };
    const windows = { version: "1", os: ["win32"], cpu: ["arm64"] };
    expect(check({ "node_modules/m": { version: "1", ...mac, integrity: HASH }, "node_modules/w": windows })).toContain(
      "has a hash",
    );
    expect(check({ "node_modules/m": { version: "1", ...mac } })).toBe(
      "darwin on arm64: 1 packages without a hash: m\n",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
