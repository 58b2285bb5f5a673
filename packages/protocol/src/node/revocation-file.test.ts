import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RevocationFile } from "./revocation-file.ts";

const listOf = (...digits: string[]): string =>
  JSON.stringify({ at: "2026-01-02T03:04:05Z", identity_key_sha256: digits.map((digit) => digit.repeat(64)) });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "revocations-"));
  path = join(folder, "revoked.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Goal: the newest readable list counts, and none is lost. Method: one row per thing that can become of the file. */
describe("a revocation list on disk", () => {
  it.each([
    ["no file", () => {}],
    ["no list", () => writeFileSync(path, "{}")],
  ])("is needed to begin with: %s", (_, prepare) => {
    prepare();
    expect(RevocationFile.open(path)).toBeUndefined();
  });

  it.each<[string, () => void, string[], number]>([
    ["left as it is", () => {}, ["a"], 0],
    ["written anew", () => writeFileSync(path, listOf("b", "c")), ["b", "c"], 0],
    [
      "replaced by another",
      () => {
        writeFileSync(`${path}.new`, listOf("d"));
        renameSync(`${path}.new`, path);
      },
      ["d"],
      0,
    ],
    ["broken", () => writeFileSync(path, listOf("b").slice(1)), ["a"], 1],
    ["gone", () => rmSync(path), ["a"], 1],
  ])("%s", (_, change, expected, told) => {
    writeFileSync(path, listOf("a"));
    const errors: Error[] = [];
    const file = RevocationFile.open(path, (error) => errors.push(error));
    expect(file?.current().identityKeySha256).toEqual(new Set(["a".repeat(64)]));
    change();
    for (let again = 0; again < 2; again++)
      expect(file?.current().identityKeySha256).toEqual(new Set(expected.map((digit) => digit.repeat(64))));
    expect(errors).toHaveLength(told);
  });
});
