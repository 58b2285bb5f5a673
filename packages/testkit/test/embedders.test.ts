import { existsSync } from "node:fs";
import { join } from "node:path";
import { OpenAIEmbeddings } from "@langchain/openai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TINY_CONTEXT_TOKENS, TINY_DIMENSIONS, writeTinyEmbedder } from "../../../apps/provider/test/tiny-embedder.ts";
import { Folder, get, Program, run, type Ready } from "./running.ts";

/**
 * Goal: a model that embeds is served by one command, and people's clients index and search with it. Method: the real
 * program with a model as small as one can be, and each client against it.
 */
const folder = new Folder();
let program: Program;
let at: Ready;
beforeAll(async () => {
  const file = join(folder.path, "tiny-embedder.gguf");
  writeTinyEmbedder(file, "mean");
  program = new Program(["up", "--port", "0", "--data", join(folder.path, "up"), "--model", file]);
  at = await program.ready;
}, 90_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const texts = ["the cat sleeps", "the rain falls on the hill", "what is snow"];
const query = "rain falls soft";
const dot = (one: readonly number[], other: readonly number[]): number =>
  one.reduce((sum, value, place) => sum + value * (other[place] ?? 0), 0);
/** Where among the texts the nearest stands. */
const nearest = (vectors: readonly (readonly number[])[], asked: readonly number[]): number => {
  const near = vectors.map((vector) => dot(vector, asked));
  return near.indexOf(Math.max(...near));
};

it("is told of by the program, in its catalog and to callers", async () => {
  expect(await get(at, "/v1/models")).toMatchObject({
    data: [{ id: at.model, tasks: ["embed"], embedding: { dimensions: TINY_DIMENSIONS, shortened_to: [] } }],
  });
});

describe("openai (TypeScript)", () => {
  const client = () => new OpenAI({ baseURL: `${at.base_url}/v1`, apiKey: at.api_key, maxRetries: 0 });

  it.each(["float", "base64", undefined] as const)("indexes and searches, %s", async (format) => {
    const made = await client().embeddings.create({
      model: at.model,
      input: texts,
      ...(format && { encoding_format: format }),
    });
    expect(made.usage.prompt_tokens).toBeGreaterThan(texts.length);
    const asked = await client().embeddings.create({ model: at.model, input: query, encoding_format: "float" });
    // With base64 asked for by name, its text comes as it is.
    const vectors = made.data.map(({ embedding }) => (typeof embedding === "string" ? floatsIn(embedding) : embedding));
    expect(vectors.map(({ length }) => length)).toEqual(texts.map(() => TINY_DIMENSIONS));
    expect(nearest(vectors, asked.data[0]?.embedding ?? [])).toBe(1);
  });

  it("is told what is wrong", async () => {
    const long = client().embeddings.create({ model: at.model, input: ["the", "rain ".repeat(TINY_CONTEXT_TOKENS)] });
    await expect(long).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(long).rejects.toMatchObject({ code: "context_length_exceeded", param: "input" });
    const talk = client().chat.completions.create({ model: at.model, messages: [{ role: "user", content: "x" }] });
    await expect(talk).rejects.toMatchObject({ status: 400, param: "model" });
  });
});

it("LangChain (TypeScript) indexes and searches", async () => {
  const embeddings = new OpenAIEmbeddings({
    model: at.model,
    apiKey: at.api_key,
    configuration: { baseURL: `${at.base_url}/v1` },
  });
  const [vectors, asked] = [await embeddings.embedDocuments(texts), await embeddings.embedQuery(query)];
  expect(nearest(vectors, asked)).toBe(1);
});

const scripts = [
  ["openai (Python)", "openai_search.py", process.env["DARKBLOOM_TEST_PYTHON"]],
  ["LangChain (Python)", "langchain_search.py", process.env["DARKBLOOM_TEST_FRAMEWORKS"]],
  ["LlamaIndex", "llama_index_search.py", process.env["DARKBLOOM_TEST_FRAMEWORKS"]],
] as const;
for (const [name, script, python = ""] of scripts)
  it.skipIf(!existsSync(python))(`${name} indexes and searches`, async () => {
    const { stdout } = await run(python, [
      join(import.meta.dirname, "embedders", script),
      `${at.base_url}/v1`,
      at.api_key,
      at.model,
      JSON.stringify(texts),
      query,
    ]);
    expect(stdout.trim().split("\n").at(-1)).toBe(texts[1]);
  });

function floatsIn(text: string): number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, place) => bytes.readFloatLE(4 * place));
}
