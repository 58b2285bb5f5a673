import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestText, parseManifest } from "./file-manifest.ts";
import { ModelFileError, readWeights } from "./weights.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const part = (number: number, of = 3) =>
  `big-${String(number).padStart(5, "0")}-of-${String(of).padStart(5, "0")}.gguf`;
const parts = [1, 2, 3].map((number) => part(number));

describe("the weights of a model", () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const manifest = () => at("big.sha256");
  const write = (name: string, text: string) => writeFileSync(at(name), text);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "darkbloom-weights-"));
    for (const name of parts) write(name, `weights of ${name}`);
    write("big.sha256", parts.map((name) => `${sha256(`weights of ${name}`)}  ${name}\n`).join(""));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("in one file have its hash, with a manifest or without", async () => {
    write("small.gguf", "small");
    write("small.gguf.sha256", `${sha256("small")}  small.gguf\n`);
    const own = { path: at("small.gguf"), sha256: sha256("small") };
    expect(await readWeights(at("small.gguf"))).toEqual(own);
    expect(await readWeights(at("small.gguf.sha256"))).toEqual(own);
  });

  /** Goal: the hash of parts can be worked out by anybody. Method: `sha256sum` and `sort`, and both ways to name the model. */
  it.runIf(process.platform === "linux")("in parts have the hash that coreutils give", async () => {
    const shell = "sha256sum *.gguf | LC_ALL=C sort -k 2 | sha256sum | cut -c 1-64";
    const expected = execFileSync("sh", ["-c", shell], { cwd: folder, encoding: "utf8" }).trim();
    const whole = { path: at(part(1)), sha256: expected };
    expect(await readWeights(at(part(1)))).toEqual(whole);
    expect(await readWeights(manifest())).toEqual(whole);
    write("big.sha256", manifestText(parseManifest(readFileSync(manifest(), "utf8"), 3)?.toReversed() ?? []));
    expect(await readWeights(manifest())).toEqual(whole);
  });

  /** Goal: nothing is served that is not whole and as named. Method: one thing wrong per line; with the manifest, and where it says alike, without. */
  it.each<[what: string, spoil: () => void, says: RegExp, alsoWithout?: true]>([
    ["a wrong hash", () => write(part(2), `weights of ${part(3)}`), /00002-of-00003.gguf is not the file/],
    ["a truncated part", () => truncateSync(at(part(3)), 5), /00003-of-00003.gguf is not the file/],
    ["an empty part", () => truncateSync(at(part(1)), 0), /00001-of-00003.gguf is not the file/],
    ["a missing part", () => rmSync(at(part(2))), /00002-of-00003.gguf is missing/, true],
    ["a missing first part", () => rmSync(at(part(1))), /00001-of-00003.gguf is missing/, true],
    ["a part of another set", () => write(part(4, 5), "x"), /00004-of-00005.gguf is no part/, true],
    ["a part beyond the last", () => write(part(4, 3), "x"), /00004-of-00003.gguf is no part/, true],
    [
      "a link for a part",
      () => {
        renameSync(at(part(2)), at("elsewhere"));
        symlinkSync("elsewhere", at(part(2)));
      },
      /00002-of-00003.gguf is a link/,
      true,
    ],
    [
      "a folder for a part",
      () => {
        rmSync(at(part(2)));
        mkdirSync(at(part(2)));
      },
      /00002-of-00003.gguf is a link or a folder/,
      true,
    ],
    ["an unnamed part", () => write("big.sha256", linesWithout(part(2))), /does not name big-00002/],
    ["no first part", () => write("big.sha256", linesWithout(part(1))), /none is a model's first part/],
    ["a foreign name", () => write("big.sha256", `${lines()}${sha256("x")}  other.gguf\n`), /names other.gguf/],
    ["a name twice", () => write("big.sha256", `${lines()}${lines()}`), /is not a manifest/],
    ["another folder", () => write("big.sha256", `${sha256("x")}  ../${part(1)}\n`), /is not a manifest/],
    ["a hash too short", () => write("big.sha256", lines().slice(1)), /is not a manifest/],
    ["no line", () => write("big.sha256", ""), /is not a manifest/],
    [
      "a manifest of no files, as long as one may be",
      () => write("big.sha256", " ".repeat(256 * 1024)),
      /is not a manifest/,
    ],
    ["a manifest without end", () => write("big.sha256", " ".repeat(256 * 1024 + 1)), /cannot be read, or has more/],
    ["as many files as are read", () => write("big.sha256", named(512)), /names other0.gguf/],
    ["a file more than are read", () => write("big.sha256", named(513)), /is not a manifest/],
    ["no manifest", () => rmSync(manifest()), /cannot be read/],
  ])("are refused with %s", async (_, spoil, says, alsoWithout) => {
    spoil();
    await expect(readWeights(manifest())).rejects.toThrow(ModelFileError);
    await expect(readWeights(manifest())).rejects.toThrow(says);
    if (alsoWithout === true) await expect(readWeights(at(part(1)))).rejects.toThrow(says);
  });
  const lines = () => readFileSync(manifest(), "utf8");
  const named = (count: number) =>
    lines() + Array.from({ length: count - 3 }, (_, n) => `${sha256("x")}  other${n}.gguf\n`).join("");
  const linesWithout = (name: string) => lines().replace(new RegExp(`^.*${name}\n`, "m"), "");

  it.each([
    ["not the first part", part(2), /is not the first part/],
    ["part one of none", part(1, 0), /has 0 parts/],
    ["as many parts as are read", part(1, 512), /is missing|cannot be read|is no part/],
    ["more parts than are read", part(1, 513), /has 513 parts/],
    ["a file that is not there", "nowhere.gguf", /cannot be read/],
  ])("are refused where the name is %s", async (_, name, says) => {
    await expect(readWeights(at(name))).rejects.toThrow(says);
  });
});

const hash = fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: 64, maxLength: 64 });
const fileName = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,40}$/);

/** Goal: what is written is read back, in order; other text is refused or names plain files. Method: any files; any text. */
it("reads manifests back", () => {
  const files = fc.uniqueArray(fc.record({ name: fileName, sha256: hash }), {
    minLength: 1,
    maxLength: 8,
    selector: ({ name }) => name,
  });
  fc.assert(
    fc.property(files, (list) => {
      const read = parseManifest(manifestText(list), 8);
      expect(read).toEqual(list.toSorted((one, other) => (one.name < other.name ? -1 : 1)));
      expect(parseManifest(manifestText(list), list.length - 1)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), hash, (text, sum) => {
      for (const { name } of parseManifest(`${sum}  ${text}`, 8) ?? []) expect(name).not.toMatch(/[/\\\n]|^\./);
    }),
  );
});
