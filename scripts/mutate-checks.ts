/**
 * Takes away one at a time what decides (conditions, bounds, the checks of a verdict) and runs the tests: one must
 * fail for each. Lists what no test sees, and ends with 1 where that is not in mutate/harmless-*.ts.
 *
 * Works on a copy in a temporary folder. The copy holds all changes at once, each behind a switch; a first run of the
 * tests notes which tests come by which; then each change is run against those alone, many in turn in one process
 * (mutate/turns.ts). A change that hangs is seen.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { elsewhere } from "./mutate/harmless-elsewhere.ts";
import { inCoordinator } from "./mutate/harmless-in-coordinator.ts";
import type { Harmless } from "./mutate/harmless.ts";
import { mutate, type Mutant } from "./mutate/mutants.ts";
import { Pool, type Verdict } from "./mutate/pool.ts";
import type { On } from "./mutate/switch.ts";
import { deciding, furtherTests } from "./mutate/tables.ts";

const HELP = `npm run mutate-checks -- [options] [file or folder …]

Without a file: all files that decide (scripts/mutate/tables.ts), and all uses of bounds. With files: those.

  --bounds         only uses of bounds (_MAX, _MS, limits.ts), each taken a thousand times
  --conditions     only conditions
  --since REV      only what stands on lines changed since that commit
  --near           run the tests of the file's own folder alone: quick, while you write them
  --list           say what would be changed, and run nothing
  --workers N      so many runs side by side (${defaultWorkers()} here)
  --help           this
`;

const root = join(import.meta.dirname, "..");
/** So many are judged together: enough that loading the tests costs little, and few enough that results come early. */
const GROUP_MAX = 40;
const CHECK_FILE = "packages/protocol/src/evidence/check.ts";
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bounds: { type: "boolean" },
    conditions: { type: "boolean" },
    since: { type: "string" },
    near: { type: "boolean" },
    list: { type: "boolean" },
    workers: { type: "string" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const harmless = [...inCoordinator, ...elsewhere];

const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
const tracked = git("ls-files", "--cached", "--others", "--exclude-standard")
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const isTest = (file: string) => file.endsWith(".test.ts");
const product = tracked.filter(
  (file) =>
    /^(apps|packages)\/(?!testkit)[\w-]+\/src\/.*\.ts$/.test(file) &&
    !/\.(test|contract|samples|crash-child)\.ts$/.test(file),
);
const read = (file: string) => readFileSync(join(root, file), "utf8");
const under = (path: string) => (file: string) =>
  file === path || file.startsWith(path.endsWith("/") ? path : `${path}/`);

const { mutants, written } = findMutants();
if (options.list) {
  for (const one of mutants) process.stdout.write(`${describe(one)}\n`);
  process.stdout.write(`${mutants.length} changes\n`);
} else {
  process.exitCode = await run();
}

function defaultWorkers(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}

function describe({ file, line, text, change }: Mutant): string {
  return `${file}:${line}  ${text}  →  ${change}`;
}

function findMutants(): { mutants: Mutant[]; written: Map<string, string> } {
  const asked = positionals.map((path) => path.replace(/^\.\//, "").replace(/\/$/, ""));
  const unknown = asked.find((path) => !product.some(under(path)));
  if (unknown !== undefined) throw new Error(`no source of the product at ${unknown}`);
  const chosen = new Set(
    product.filter((file) => (asked.length > 0 ? asked : deciding).some((path) => under(path)(file))),
  );
  const changed = options.since === undefined ? undefined : changedLines(options.since);
  const names = boundNames();

  const wanted = (one: Mutant): boolean => {
    if (options.bounds === true && one.kind !== "bound") return false;
    if (options.conditions === true && one.kind !== "condition") return false;
    // A bound counts wherever it is used.
    if (!chosen.has(one.file) && (asked.length > 0 || one.kind !== "bound")) return false;
    return changed === undefined || changed.get(one.file)?.has(one.line) === true;
  };
  const all: Mutant[] = [];
  const code = new Map<string, string>();
  for (const file of product) {
    const found = mutate(file, read(file), names, all.length === 0 ? 1 : (all.at(-1)?.id ?? 0) + 1);
    for (const mutant of found.mutants) all.push(mutant);
    if (found.mutants.some(wanted)) code.set(file, found.code);
  }
  if (!options.bounds && !options.conditions && chosen.has(CHECK_FILE.replace("check.ts", "verify.ts"))) {
    const text = code.get(CHECK_FILE) ?? read(CHECK_FILE);
    code.set(CHECK_FILE, text.replace("  status,\n", '  status: globalThis.__check?.(id) ? "pass" : status,\n'));
    if (code.get(CHECK_FILE) === text) throw new Error("check.ts has no place where a check is made");
    let id = (all.at(-1)?.id ?? 0) + 1;
    for (const check of checkIds())
      all.push({ id: id++, file: CHECK_FILE, line: 1, kind: "check", text: check, change: "pass" });
  }
  return { mutants: all.filter(wanted), written: code };
}

/** The ids that stand in the code; one with a changing end is meant by its beginning. */
function checkIds(): string[] {
  const texts = product.filter(under(dirname(CHECK_FILE))).map(read);
  const ids = texts.flatMap((text) => [...text.matchAll(/"([a-z_]+(?:\.[a-z_0-9]+)+)"/g)].map(([, id]) => id ?? ""));
  const changing = ["posture.", "posture.now."];
  return [...new Set([...ids, ...changing])].filter((id) => !changing.includes(`${id}.`)).toSorted();
}

function boundNames(): Set<string> {
  const names = product.flatMap((file) =>
    [...read(file).matchAll(/^(?:export )?const ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => /_(MAX|MS)$/.test(name) || file.endsWith("protocol/src/limits.ts")),
  );
  return new Set(names);
}

function changedLines(revision: string): Map<string, Set<number>> {
  const lines = new Map<string, Set<number>>();
  let now = new Set<number>();
  for (const line of git("diff", "-U0", "--no-color", revision).split("\n")) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)?.[1];
    if (file !== undefined) lines.set(file, (now = new Set()));
    const [, from = "0", count = from === "0" ? "0" : "1"] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    for (let offset = 0; offset < Number(count); offset++) now.add(Number(from) + offset);
  }
  const untracked = git("ls-files", "--others", "--exclude-standard").split("\n").filter(Boolean);
  for (const file of untracked)
    lines.set(
      file,
      new Set(
        read(file)
          .split("\n")
          .map((_, index) => index + 1),
      ),
    );
  return lines;
}

/** The test beside the file comes first: it is the shortest, and most often the one that sees. */
function testsOf(file: string): string[] {
  const beside = file.replace(/\.ts$/, ".test.ts");
  const exists = (test: string) => existsSync(join(root, test));
  if (options.near)
    return [
      beside,
      ...tracked.filter((test) => isTest(test) && test !== beside && dirname(test) === dirname(file)),
    ].filter(exists);
  const further = furtherTests.filter(([begin]) => file.startsWith(begin)).flatMap(([, tests]) => tests);
  const files = further.flatMap((test) =>
    test.endsWith("/") ? tracked.filter((one) => isTest(one) && one.startsWith(test)) : [test],
  );
  return [...new Set([beside, ...files])].filter(exists);
}

async function run(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "darkbloom-mutated-"));
  const workers = Number(options.workers ?? defaultWorkers());
  const pool = new Pool(folder, workers);
  const cleanUp = () => {
    pool.end();
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      cleanUp();
      process.exit(130);
    });
  try {
    copyTo(folder);
    process.stdout.write(`${mutants.length} changes, ${pool.size} at a time\n`);
    const code = report(await judgeAll(pool));
    for (const [test, failed] of pool.broken)
      process.stdout.write(`BROKEN    ${test} fails without any change (${failed}); it was passed over\n`);
    return pool.broken.size > 0 ? 1 : code;
  } finally {
    cleanUp();
  }
}

function copyTo(folder: string): void {
  for (const file of tracked) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    const code = written.get(file);
    if (code === undefined) cpSync(join(root, file), join(folder, file));
    else writeFileSync(join(folder, file), code);
  }
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@darkbloom"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== "@darkbloom") symlinkSync(join(root, "node_modules", name), join(modules, name));
  // Our own packages are the copy's.
  for (const name of readdirSync(join(root, "node_modules/@darkbloom")))
    symlinkSync(readlinkSync(join(root, "node_modules/@darkbloom", name)), join(modules, "@darkbloom", name));
}

async function judgeAll(pool: Pool): Promise<Map<Mutant, Verdict>> {
  const verdicts = new Map<Mutant, Verdict>();
  const began = performance.now();
  const waiting = groups();
  const next = async (): Promise<void> => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      const judged = await pool.judge(group.map(onOf), testsOf(group[0]?.file ?? ""));
      for (const mutant of group) {
        const verdict = judged.get(onOf(mutant)) ?? { reached: false };
        verdicts.set(mutant, verdict);
        if (verdict.seenBy === undefined && !harmlessEntry(mutant))
          process.stdout.write(`${survivor(mutant, verdict)}\n`);
      }
      const minutes = ((performance.now() - began) / 60_000).toFixed(1);
      process.stdout.write(`  ${verdicts.size} of ${mutants.length} after ${minutes} min\n`);
    }
  };
  await Promise.all(Array.from({ length: pool.size }, next));
  return verdicts;
}

function onOf({ kind, text, id }: Mutant): On {
  return kind === "check" ? text : id;
}

/** What one run of a file of tests takes in turn: of one source file, so that the same tests hold it. */
function groups(): Mutant[][] {
  const byFile = Object.values(Object.groupBy(mutants, ({ file }) => file)).map((all) => all ?? []);
  return byFile.flatMap((all) =>
    Array.from({ length: Math.ceil(all.length / GROUP_MAX) }, (_, n) => all.slice(n * GROUP_MAX, (n + 1) * GROUP_MAX)),
  );
}

function survivor(mutant: Mutant, { reached }: Verdict): string {
  return `${reached ? "SURVIVED " : "NO TEST  "} ${describe(mutant)}`;
}

function harmlessEntry(mutant: Mutant): Harmless | undefined {
  return harmless.find(
    ({ file, text, change }) =>
      file === mutant.file && text === mutant.text && (change === undefined || change === mutant.change),
  );
}

function report(verdicts: Map<Mutant, Verdict>): number {
  const unseen = [...verdicts].filter(([, { seenBy }]) => seenBy === undefined).map(([mutant]) => mutant);
  const explained = new Set(unseen.map(harmlessEntry));
  // An entry can only be judged where all that it is about was run.
  const whole = options.since === undefined && options.bounds === undefined && options.conditions === undefined;
  const ran = new Set(mutants.map(({ file }) => file));
  const stale = harmless.filter((entry) =>
    explained.has(entry) ? false : existsSync(join(root, entry.file)) ? whole && ran.has(entry.file) : true,
  );
  for (const { file, text, change } of stale)
    process.stdout.write(
      `STALE     ${file}: ${text} → ${change ?? "anything"} is seen or gone; take it off the list of harmless ones\n`,
    );
  const survivors = unseen.filter((mutant) => !harmlessEntry(mutant)).length;
  process.stdout.write(
    `${verdicts.size - unseen.length} of ${verdicts.size} changes were seen, ${unseen.length - survivors} are harmless, ${survivors} were not seen.\n`,
  );
  return survivors + stale.length === 0 ? 0 : 1;
}
