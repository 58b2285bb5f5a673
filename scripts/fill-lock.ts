/**
 * Completes package-lock.json with the optional packages of other platforms, and with hashes.
 *
 * npm writes a lock entry only for what the registry at hand could show it. Where a registry lacks
 * the binaries of foreign platforms, the lock lacks them too, and `npm ci` then stops with
 * "Missing: … from lock file" on every machine. This adds what is missing: version from the parent's
 * own `optionalDependencies`, os/cpu/libc and integrity from the registry where it knows them, else
 * os and cpu from the package's name. Entries that still have no hash are asked for each time, and those that have
 * none afterwards are listed in SECURITY.md. Run it after every change of dependencies: `npm run fill-lock`.
 */
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fillHashes, withTable } from "./lock/hashes.ts";
import { readLock, withoutHash, writeLock, type Entry } from "./lock/lock.ts";

const repository = join(import.meta.dirname, "..");
const lock = readLock(repository);

const systems = [
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
  "win",
  "mac",
];
const processors: Record<string, string> = {
  arm64: "arm64",
  aarch64: "arm64",
  x64: "x64",
  ia32: "ia32",
  arm: "arm",
  armv7l: "arm",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  loong64: "loong64",
  mips64el: "mips64el",
  wasm32: "wasm32",
};

/** What a name such as `@oxc-parser/binding-linux-arm64-musl` says about where it runs. */
function platformOf(name: string): Pick<Entry, "os" | "cpu" | "libc"> {
  const words = name.split(/[/-]/);
  const system = words.find((word) => systems.includes(word));
  const os = system === "win" ? "win32" : system === "mac" ? "darwin" : system;
  const cpu = words.map((word) => processors[word]).find(Boolean);
  const libc = words.includes("musl") ? "musl" : words.includes("gnu") ? "glibc" : undefined;
  if (!os && !cpu) throw new Error(`${name}: its name does not say where it runs; add its lock entry by hand`);
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }) };
}

function fromRegistry(name: string, version: string): Pick<Entry, "os" | "cpu" | "libc" | "integrity"> | undefined {
  try {
    const text = execFileSync("npm", ["view", `${name}@${version}`, "os", "cpu", "libc", "dist.integrity", "--json"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    if (!text.trim()) return undefined;
    const { "dist.integrity": integrity, ...rest } = JSON.parse(text) as Entry & { "dist.integrity"?: string };
    return { ...rest, ...(integrity && { integrity }) };
  } catch {
    return undefined;
  }
}

const { overrides = {} } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
  overrides?: Record<string, string>;
};
let added = 0;
for (const parent of Object.values(lock.packages)) {
  for (const [name, wanted] of Object.entries(parent.optionalDependencies ?? {})) {
    const at = `node_modules/${name}`;
    if (lock.packages[at] || Object.keys(lock.packages).some((key) => key.endsWith(`/${at}`))) continue;
    const alias = /^npm:(?<target>.+)@(?<version>[^@]+)$/.exec(overrides[name] ?? "")?.groups;
    const target = alias?.["target"] ?? name;
    const version = alias?.["version"] ?? wanted;
    if (!/^\d/.test(version)) throw new Error(`${name}: ${version} is a range; only exact versions can be filled in`);
    const known = fromRegistry(target, version) ?? {};
    lock.packages[at] = {
      ...(alias && { name: target }),
      version,
      ...platformOf(target),
      ...known,
      ...(parent.dev && { dev: true }),
      optional: true,
    };
    added++;
    process.stdout.write(`added ${name}@${version}\n`);
  }
}
const run = promisify(execFile);
const filled = await fillHashes(lock, async (name, version) => {
  try {
    return (await run("npm", ["view", `${name}@${version}`, "dist.integrity"])).stdout.trim();
  } catch {
    return undefined;
  }
});
writeLock(repository, lock);
const page = join(repository, "SECURITY.md");
writeFileSync(page, withTable(readFileSync(page, "utf8"), lock));
process.stdout.write(
  `${added} entries added, ${filled.length} hashes filled, ${withoutHash(lock).length} entries without one\n`,
);
