import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { tidy } from "./tidy.ts";

const root = join(import.meta.dirname, "..");
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => /\.(ts|js|md)$/.test(file));

/** Goal: the house stays as it was laid out. Method: read every file that git knows of. */
it("keeps every file on its floor, in its length and free of foreign words", () => {
  expect(tidy(root, files)).toEqual([]);
});

/**
 * Goal: no bound is undocumented. Method: every constant that ends in `_MAX` or `_MS`, and every shared
 * limit of the wire, stands in LIMITS.md; and what stands there exists.
 */
it("names every limit in LIMITS.md", () => {
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const named = new Set([...read("LIMITS.md").matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name]) => name));
  const code = files.filter((file) =>
    /^(apps\/(coordinator|provider)|packages\/protocol)\/src\/.*(?<!\.test)\.ts$/.test(file),
  );
  const constants = code.flatMap((file) =>
    [...read(file).matchAll(/^(?:export )?const ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+) =/gm)].map(([, name = ""]) => ({
      file,
      name,
    })),
  );
  const bounds = constants.filter(
    ({ file, name }) => /_(MAX|MS)$/.test(name) || file.endsWith("protocol/src/limits.ts"),
  );

  expect(bounds.filter(({ name }) => !named.has(name))).toEqual([]);
  const known = new Set(constants.map(({ name }) => name));
  expect([...named].filter((name) => name !== undefined && !known.has(name))).toEqual([]);
});
