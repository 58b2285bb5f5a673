/**
 * Takes each check of a verdict away, one at a time, and runs the tests: every one must fail then.
 * Prints the list; ends with 1 where a check could be removed unseen. `npm run mutate-checks`.
 *
 * Works on a copy of packages/protocol in a temporary folder of the repository.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const source = join(root, "packages/protocol");
const evidence = join(source, "src/evidence");

/** The ids that stand in the code; one with a changing end is meant by its beginning. */
function checkIds(): string[] {
  const texts = readdirSync(evidence)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(evidence, file), "utf8"));
  const ids = texts.flatMap((text) => [...text.matchAll(/"([a-z_]+(?:\.[a-z_0-9]+)+)"/g)].map(([, id]) => id ?? ""));
  const changing = ["posture.", "posture.now."];
  return [...new Set([...ids, ...changing])].filter((id) => !changing.includes(`${id}.`)).toSorted();
}

const folder = mkdtempSync(join(root, "packages/.mutated-"));
let survivors = 0;
try {
  cpSync(source, folder, { recursive: true });
  const path = join(folder, "src/evidence/check.ts");
  const original = readFileSync(path, "utf8");
  for (const id of checkIds()) {
    const removed = original.replace(
      "  status,\n",
      `  status: id === ${JSON.stringify(id)} || (${JSON.stringify(id)}.endsWith(".") && id.startsWith(${JSON.stringify(id)})) ? "pass" : status,\n`,
    );
    if (removed === original) throw new Error("check.ts has no place where a check is made");
    writeFileSync(path, removed);
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const { status } = spawnSync(process.execPath, [vitest, "run", "--root", root, join(folder, "src/evidence")], {
      stdio: "ignore",
    });
    if (status === 0) survivors++;
    process.stdout.write(`${status === 0 ? "SURVIVED" : "seen    "}  ${id}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(survivors === 0 ? "Every removed check was seen.\n" : `${survivors} were not seen.\n`);
process.exitCode = survivors === 0 ? 0 : 1;
