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

/** Goal: no bound is undocumented. Method: every exported limit's name stands in LIMITS.md, and every name there exists. */
it("names every limit in LIMITS.md", () => {
  const limits = readFileSync(join(root, "LIMITS.md"), "utf8");
  const documented = new Set([...limits.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name]) => name));
  const defined = new Set(
    files
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.startsWith("bench/"))
      .flatMap((file) => [
        ...readFileSync(join(root, file), "utf8").matchAll(
          /^(?:export )?const ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:MS|SEC|MAX|BYTES)(?:_MAX)?) = /gm,
        ),
      ])
      .map(([, name]) => name),
  );
  expect([...documented].filter((name) => !defined.has(name))).toEqual([]);
  expect([...defined].filter((name) => !documented.has(name))).toEqual([]);
});
