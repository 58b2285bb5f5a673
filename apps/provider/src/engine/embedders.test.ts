import { systemClock } from "@darkbloom/protocol/node";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { uint, withMetadata } from "../../test/gguf-writer.ts";
import {
  BEGIN,
  dot,
  END,
  TINY_CONTEXT_TOKENS,
  TINY_DIMENSIONS,
  TINY_VOCABULARY_TOKENS,
  tinyVectorOf,
  tokenOf,
  UNKNOWN,
  writeTinyEmbedder,
  type Pooling,
} from "../../test/tiny-embedder.ts";
import { all, asked, embedderContract, said, vectorsOf } from "../inference/engine.contract.ts";
import type { Embedded } from "../inference/engine.ts";
import { EngineProcess } from "./child/engine-process.ts";
import { loadLlama } from "./llama/llama-load.ts";
import { bundledModelPath } from "./llama/model-file.ts";
import { ScriptedEngine } from "./scripted-engine.ts";
import { ModelFileError } from "../files/weights.ts";

const folder = mkdtempSync(join(tmpdir(), "darkbloom-embedders-"));
afterAll(() => rmSync(folder, { recursive: true }));
const tinyPath = (pooling?: Pooling): string => join(folder, `tiny-${pooling}.gguf`);
/** Talks and embeds. */
const bothPath = join(folder, "both.gguf");
const options = (modelPath: string) => ({ modelPath, build: "tiny", slots: 2, threads: 1 });
const tiny = (pooling: Pooling = "mean") => loadLlama(options(tinyPath(pooling)));

for (const pooling of ["mean", "cls", "last", "rank", "none"] as const) writeTinyEmbedder(tinyPath(pooling), pooling);
writeTinyEmbedder(tinyPath(), undefined);
const MEAN = 1;
writeFileSync(bothPath, withMetadata(readFileSync(bundledModelPath), "llama.pooling_type", uint(MEAN)));

embedderContract(
  "scripted",
  async () => new ScriptedEngine({ clock: systemClock, script: () => ({ pieces: [] }), model: { contextTokens: 100 } }),
);
embedderContract("llama.cpp", tiny);
embedderContract("llama.cpp in a process of its own", () => EngineProcess.start({ load: options(tinyPath("mean")) }));
embedderContract("llama.cpp with a model that talks too", () =>
  loadLlama({ ...options(bothPath), contextTokens: 256 }),
);

/** Goal: the vectors are the model's. Method: the same two layers computed here in doubles. */
describe("a vector of llama.cpp is the model's own", () => {
  const words = ["the", "rain", "falls", "on", "hill"];
  const tokens = [BEGIN, ...words.map(tokenOf), END];
  const longest = Array.from({ length: TINY_CONTEXT_TOKENS - 2 }, (_, at) => UNKNOWN + 4 + (at % 10));

  it.each(["mean", "cls", "last"] as const)("with the pooling %s", async (pooling) => {
    await using engine = await tiny(pooling);
    const [text, whole] = await vectorsOf(engine, [words.join(" "), longest]);
    expect(text?.tokens).toBe(tokens.length);
    expect(whole?.tokens).toBe(TINY_CONTEXT_TOKENS);
    const isSame = ({ vector }: Embedded, expected: readonly number[]) =>
      dot([...vector], expected) / Math.hypot(...vector);
    expect(isSame(text as Embedded, tinyVectorOf(tokens, pooling))).toBeGreaterThan(0.9999);
    expect(isSame(whole as Embedded, tinyVectorOf([BEGIN, ...longest, END], pooling))).toBeGreaterThan(0.9999);
  });
});

describe("what a model file can be asked for", () => {
  it("embeds with a pooling and no chat template", async () => {
    await using engine = await tiny();
    expect(engine.model).toMatchObject({
      tasks: ["embed"],
      vectorLength: TINY_DIMENSIONS,
      contextTokens: TINY_CONTEXT_TOKENS,
    });
    await expect(async () => engine.prompt(asked("x"))).rejects.toThrow("does not talk");
  });

  it("talks with a chat template and no pooling", async () => {
    await using engine = await loadLlama(options(bundledModelPath));
    expect(engine.model.tasks).toEqual(["generate", "complete"]);
    expect(engine.model.vectorLength).toBeUndefined();
    await expect(vectorsOf(engine, ["x"])).rejects.toThrow("does not embed");
  });

  it("does both with both, at once", async () => {
    await using engine = await loadLlama(options(bothPath));
    expect(engine.model.tasks).toEqual(["generate", "complete", "embed"]);
    await using plain = await loadLlama(options(bundledModelPath));
    const [vectors, answer] = await Promise.all([
      vectorsOf(engine, ["What is rain?", "What is snow?"]),
      all(engine, engine.prompt(asked("What is rain?")), said),
    ]);
    expect(vectors).toHaveLength(2);
    expect(answer).toEqual(await all(plain, plain.prompt(asked("What is rain?")), said));
  });

  it.each([undefined, "none", "rank"] as const)("is refused with no template and the pooling %s", async (pooling) => {
    const refused = loadLlama(options(tinyPath(pooling)));
    await expect(refused).rejects.toBeInstanceOf(ModelFileError);
    await expect(refused).rejects.toThrow("no chat template");
  });
});

describe("texts and tokens", () => {
  let engine: Awaited<ReturnType<typeof tiny>>;
  beforeAll(async () => {
    engine = await tiny();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  it("are the same where they spell the same", async () => {
    const [text, tokens] = await vectorsOf(engine, ["the cat", [tokenOf("the"), tokenOf("cat")]]);
    expect(tokens).toEqual(text);
  });

  /** Goal: a text about control tokens has none. Method: its count of tokens beside that of the same signs as text. */
  it("are never the model's control tokens where they spell them", async () => {
    const [spelled] = await vectorsOf(engine, ["the [SEP] cat"]);
    const [control] = await vectorsOf(engine, [[tokenOf("the"), END, tokenOf("cat")]]);
    expect(spelled?.vector).not.toEqual(control?.vector);
  });

  it.each([
    ["the last token that it has", TINY_VOCABULARY_TOKENS - 1, 1],
    ["one more", TINY_VOCABULARY_TOKENS, "tokens_refused"],
  ])("%s", async (_, token, expected) => {
    const answer = vectorsOf(engine, [[token]]);
    if (typeof expected === "number") expect(await answer).toHaveLength(expected);
    else await expect(answer).rejects.toMatchObject({ code: expected });
  });

  it.each([
    ["fills the context", TINY_CONTEXT_TOKENS - 2, true],
    ["is one token longer, with those around it", TINY_CONTEXT_TOKENS - 1, false],
  ])("an input that %s", async (_, length, fits) => {
    const answer = vectorsOf(engine, [Array.from({ length }, () => tokenOf("rain"))]);
    if (fits) expect(await answer).toMatchObject([{ tokens: TINY_CONTEXT_TOKENS }]);
    else
      await expect(answer).rejects.toMatchObject({ code: "context_exceeded", promptTokens: TINY_CONTEXT_TOKENS + 1 });
  });

  it("are told that the model was closed while they wait", async () => {
    const closing = await tiny();
    const many = vectorsOf(
      closing,
      Array.from({ length: 500 }, () => "the cat sleeps on the soft hill"),
    );
    const told = expect(many).rejects.toThrow("the model was closed");
    await closing[Symbol.asyncDispose]();
    await told;
  });
});
