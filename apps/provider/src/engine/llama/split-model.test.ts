import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitInTwo } from "../../../test/split-gguf.ts";
import { all, asked, said } from "../../inference/engine.contract.ts";
import { fileSha256, manifestSha256, manifestText } from "../../files/file-manifest.ts";
import { loadLlama } from "./llama-load.ts";
import { bundledModelPath, readModelFacts } from "./model-file.ts";
import { ModelFileError } from "../../files/weights.ts";

const names = ["tiny-00001-of-00002.gguf", "tiny-00002-of-00002.gguf"] as const;

describe("a model in two parts", () => {
  let folder: string;
  const [first, second] = names.map((name) => () => join(folder, name)) as [() => string, () => string];
  const manifest = () => join(folder, "tiny.sha256");

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "darkbloom-split-"));
    splitInTwo(bundledModelPath, first(), second());
    const files = await Promise.all(
      names.map(async (name) => ({ name, sha256: await fileSha256(join(folder, name)) })),
    );
    writeFileSync(manifest(), manifestText(files));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Goal: the parts are the same model, under a hash of their own. Method: ask the whole and the parts the same with one seed. */
  it("says what the whole says, from its first part and from its manifest", async () => {
    const whole = await sayingOf(bundledModelPath);
    expect(whole.text).not.toBe("");
    const files = await Promise.all(
      names.map(async (name) => ({ name, sha256: await fileSha256(join(folder, name)) })),
    );
    for (const path of [first(), manifest()])
      expect(await sayingOf(path)).toEqual({ text: whole.text, weights: manifestSha256(files) });
    expect(await readModelFacts(manifest())).toMatchObject({ contextTokens: 2048 });
  });

  /** Goal: a truncated part is never served. Method: cut the second; the manifest tells before anything is loaded. */
  it("is refused with a truncated part", async () => {
    const bytes = readFileSync(second());
    truncateSync(second(), bytes.length / 2);
    await expect(loadLlama({ modelPath: manifest(), build: "tiny", slots: 1 })).rejects.toThrow(/SHA-256 differs/);
    await expect(loadLlama({ modelPath: first(), build: "tiny", slots: 1 })).rejects.toThrow(ModelFileError);
    writeFileSync(second(), bytes);
  });
});

async function sayingOf(modelPath: string): Promise<{ text: string; weights: string }> {
  await using engine = await loadLlama({ modelPath, build: "tiny", slots: 1 });
  const { text } = await all(engine, engine.prompt(asked("Hello")), said);
  return { text, weights: engine.model.weightsSha256 };
}
