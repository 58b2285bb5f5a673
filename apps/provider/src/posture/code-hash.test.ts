import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CodeHashError, codeSha256 } from "./code-hash.ts";

const repository = join(import.meta.dirname, "../../../..");
const PARTS = ["apps/cli", "apps/coordinator", "apps/provider", "package-lock.json", "packages/protocol"];

/** What of a part is hashed, as SECURITY.md gives it. */
const filesBelow = (part: string): string[] =>
  part.endsWith(".json")
    ? [part]
    : execFileSync(
        "sh",
        [
          "-c",
          `cd "$1" && find bin src native package.json -type f -regextype posix-extended -regex '.*\\.(ts|js|json|swift)' ! -name '*.test.ts' ! -name '*.contract.ts' 2>/dev/null || true`,
          "sh",
          part,
        ],
        { encoding: "utf8" },
      )
        .split("\n")
        .filter(Boolean);

describe("the hash of our own code", () => {
  let copy: string;
  const changed = async (path: string, change: (file: string) => void) => {
    change(join(copy, path));
    return (await codeSha256(copy)) !== (await codeSha256());
  };

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), "darkbloom-code-"));
    for (const part of PARTS) cpSync(join(repository, part), join(copy, part), { recursive: true });
  });
  afterEach(() => rmSync(copy, { recursive: true }));

  /** Goal: anybody can work it out from a checkout. Method: the commands that SECURITY.md gives. */
  it.runIf(process.platform === "linux")("is what coreutils give", async () => {
    const shell = `find apps/*/bin apps/*/src apps/provider/native packages/protocol/src apps/*/package.json \\
      packages/protocol/package.json package-lock.json -type f \\
      -regextype posix-extended -regex '.*\\.(ts|js|json|swift)' ! -name '*.test.ts' ! -name '*.contract.ts' \\
      -exec sha256sum {} + | LC_ALL=C sort -k 2 | sha256sum | cut -c 1-64`;
    const expected = execFileSync("sh", ["-c", shell], { cwd: copy, encoding: "utf8" }).trim();
    expect(await codeSha256(copy)).toBe(expected);
    expect(await codeSha256()).toBe(expected);
  });

  /** Goal: every change of what runs changes it, and a test does not. Method: one change per line. */
  it.each<[what: string, path: string, change: (file: string) => void, changes: boolean]>([
    ["a character more", "apps/provider/src/inference/answer.ts", (file) => appendFileSync(file, "\n"), true],
    ["a new file", "packages/protocol/src/new.ts", (file) => writeFileSync(file, ""), true],
    ["an emptied file", "apps/cli/bin/darkbloom.js", (file) => truncateSync(file, 0), true],
    ["a removed file", "apps/provider/src/session/keys.ts", (file) => rmSync(file), true],
    ["other packages", "package-lock.json", (file) => appendFileSync(file, "\n"), true],
    ["a test", "apps/provider/src/inference/answer.test.ts", (file) => appendFileSync(file, "\n"), false],
    ["a file that is no code", "apps/provider/src/.DS_Store", (file) => writeFileSync(file, ""), false],
  ])("with %s", async (_, path, change, changes) => {
    expect(await changed(path, change)).toBe(changes);
  });

  it.each<[what: string, spoil: (root: string) => void]>([
    ["a missing part", (root) => rmSync(join(root, "package-lock.json"))],
    ["a link for a file", (root) => symlinkSync("/etc/hosts", join(root, "apps/cli/src/linked.ts"))],
    [
      "a file without end",
      (root) => writeFileSync(join(root, "apps/cli/src/huge.ts"), Buffer.alloc(4 * 1024 * 1024 + 1)),
    ],
  ])("is refused with %s", async (_, spoil) => {
    spoil(copy);
    await expect(codeSha256(copy)).rejects.toThrow(CodeHashError);
  });

  /** Goal: a tree is ours up to its bounds and no further. Method: the largest of each kind, and one more of it. */
  it.each<[what: string, max: number, grow: (source: string, count: number) => void]>([
    ["bytes of a file", 4 * 1024 * 1024, (source, count) => writeFileSync(join(source, "new.ts"), Buffer.alloc(count))],
    ["folders in each other", 16, (source, count) => mkdirSync(join(source, "x/".repeat(count)), { recursive: true })],
    [
      "files",
      1024,
      (source, count) => {
        const there = PARTS.flatMap((part) => filesBelow(join(copy, part)));
        for (let n = there.length; n < count; n++) writeFileSync(join(source, `new${n}.ts`), "");
      },
    ],
  ])("takes so many %s: %i", async (_, max, grow) => {
    const source = join(copy, "apps/cli/src");
    grow(source, max);
    await expect(codeSha256(copy)).resolves.toMatch(/^[0-9a-f]{64}$/);
    grow(source, max + 1);
    await expect(codeSha256(copy)).rejects.toThrow(CodeHashError);
  });
});
