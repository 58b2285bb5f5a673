import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { valuesOf, withValues } from "../scripts/limit-values.ts";
import { circles, isForeign, loadedBy, tidy } from "./tidy.ts";

const root = join(import.meta.dirname, "..");
const known = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const files = known.filter((file) => /\.(tsx?|js|md)$/.test(file));

const read = (file: string) => readFileSync(join(root, file), "utf8");
const code = files.filter((file) =>
  /^(apps\/(cli|coordinator|provider)\/src|packages\/(client|protocol)\/src)\/.*(?<!\.test)\.ts$/.test(file),
);

/** Goal: the house stays as it was laid out. Method: read every file that git knows of. */
it("keeps every file on its floor, in its length and free of foreign words", () => {
  expect(tidy(root, files)).toEqual([]);
});

/** Goal: a circle is seen whatever lies on it. Method: the three files of one that goes by a type, and a file that leads there. */
it("finds who imports himself, by types too", () => {
  const folder = mkdtempSync(join(tmpdir(), "circles-"));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write("way-in.ts", 'import { a } from "./a.ts";');
  write("a.ts", 'import { b } from "./b.ts";');
  write("b.ts", 'import { leaf } from "./leaf.ts";\nexport { c } from "./c.ts";');
  write("c.ts", 'import type { A } from "./a.ts";');
  write("leaf.ts", "");
  expect(circles(folder, ["way-in.ts", "leaf.ts", "c.ts"])).toEqual([["a.ts", "b.ts", "c.ts"]]);
  rmSync(folder, { recursive: true });
});

/** Goal: the rules for foreign lists and foreign texts find what they are for. Method: a file of one line for each way. */
it.each<[file: string, line: string, fault: string | undefined]>([
  ["scripts/a.ts", "list.push(...more);", "a list is spread into push()"],
  ["scripts/a.ts", "Math.max(...more);", "a list is spread into Math.max()"],
  ["scripts/a.ts", "list.push(first, ...more);", "a list is spread into push()"],
  ["scripts/a.ts", "list.push(...[1, 2]);", undefined],
  ["apps/cli/src/a.ts", "process.stdout.write(text);", "writes to the terminal"],
  ["apps/cli/src/output.ts", "process.stdout.write(text);", undefined],
  ["scripts/a.ts", "process.stdout.write(text);", undefined],
])("judges %s with %s", (file, line, fault) => {
  const folder = mkdtempSync(join(tmpdir(), "tidy-"));
  mkdirSync(join(folder, dirname(file)), { recursive: true });
  writeFileSync(join(folder, file), line);
  expect(tidy(folder, [file])).toEqual(fault === undefined ? [] : [expect.stringContaining(fault)]);
  rmSync(folder, { recursive: true });
});

/** Goal: nothing that a command made on somebody's machine is kept. Method: look for that machine's words in files of every kind. */
it("keeps no word of a workplace, in any file", () => {
  const foreign = known.filter((file) => file !== "test/tidy.ts" && isForeign(read(file)));
  expect(foreign).toEqual([]);
});

/**
 * Goal: whoever only seals, checks or keeps a log is not made to load the dialects and their schemas. Method: follow
 * the imports of those subpaths; of the dialects they may have the two lists of names that are signed.
 */
it.each(["evidence", "log", "receipts", "sealing", "tpm", "wire", "x509"])(
  "loads no dialect for @darkbloom/protocol/%s",
  (subpath) => {
    const folder = "packages/protocol/src";
    const { exports } = JSON.parse(read("packages/protocol/package.json")) as { exports: Record<string, string> };
    expect(exports[`./${subpath}`]).toBe(`./src/${subpath}/index.ts`);
    const loaded = loadedBy(root, `${folder}/${subpath}/index.ts`).map((file) => file.slice(folder.length + 1));
    expect(loaded.filter((file) => /^(dialects|schema|node|web)\//.test(file)).toSorted()).toEqual(
      loaded.filter((file) => file === "dialects/dialect.ts" || file === "dialects/job.ts").toSorted(),
    );
  },
);

/**
 * Goal: no bound is undocumented. Method: every constant that ends in `_MAX` or `_MS`, and every shared
 * limit of the wire, stands in LIMITS.md; and what stands there exists.
 */
it("names every limit in LIMITS.md", () => {
  const named = new Set([...read("LIMITS.md").matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name]) => name));
  const constants = code.flatMap((file) =>
    [...read(file).matchAll(/^(?:export )?const ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+) =/gm)].map(([, name = ""]) => ({
      file,
      name,
    })),
  );
  const bounds = constants.filter(
    ({ file, name }) =>
      /_(MAX|MS)$/.test(name) || /((client|protocol)\/src|cli\/src\/(proxy|login))\/limits\.ts$/.test(file),
  );

  expect(bounds.filter(({ name }) => !named.has(name))).toEqual([]);
  const declared = new Set(constants.map(({ name }) => name));
  expect([...named].filter((name) => name !== undefined && !declared.has(name))).toEqual([]);
});

/** Goal: LIMITS.md says the values of the code. Method: write them again, and compare; `npm run limits` mends it. */
it("says each limit's value in LIMITS.md, and means one thing by each name", () => {
  const limits = read("LIMITS.md");
  const named = new Set([...limits.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name]) => name));
  const { values, twice } = valuesOf(code.map((file) => ({ file, text: read(file) })));
  expect(twice.filter((name) => named.has(name))).toEqual([]);
  expect(limits, "run `npm run limits`").toBe(withValues(limits, values));
});

it("spells a value in the largest unit that keeps it whole", () => {
  const text =
    "const A_MS = 90_000;\nexport const BODY_BYTES_MAX = 3 * K_BYTES;\nconst K_BYTES = 1024;\nconst N_MAX = 2 ** 10;";
  const { values } = valuesOf([{ file: "a.ts", text }]);
  expect(withValues("| `A_MS` (7 s), `BODY_BYTES_MAX`, `N_MAX` | (so) |", values)).toBe(
    "| `A_MS` (90 s), `BODY_BYTES_MAX` (3 KiB), `N_MAX` (1,024) | (so) |",
  );
});
