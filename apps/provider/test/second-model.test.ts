import { dialects, type Endpoint } from "@darkbloom/protocol/dialects";
import type { Schema } from "@darkbloom/protocol/schema";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineProcess } from "../src/engine/child/engine-process.ts";
import { loadLlama } from "../src/engine/llama/llama-load.ts";
import { readModelFacts } from "../src/engine/llama/model-file.ts";
import { all, asked, said } from "../src/inference/engine.contract.ts";
import { EngineEnded } from "../src/inference/engine.ts";
import { Words } from "../src/language/words.ts";
import { secondModelPath } from "./second-model.ts";
import { itemsOf } from "./told.ts";

const modelPath = secondModelPath ?? "";
const options = { modelPath, build: "smollm2", slots: 4, threads: 1, contextTokens: 4096 };
const never = new AbortController().signal;
const CHAT: Endpoint = "/v1/chat/completions";

/** Of SmolLM2: `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`. */
const endless = [0, 1, 2].map((token) => [token, -100] as const);
const words = ["river", "stone", "cloud", "bread", "window", "garden", "letter", "winter"];
const text = (count: number) => Array.from({ length: count }, (_, at) => words[(at * 5) % words.length]).join(" ");

/** It computes a token in 5 to 100 ms here, so every test is short in tokens. */
describe.skipIf(secondModelPath === undefined)("llama.cpp with SmolLM2 (DARKBLOOM_TEST_SMOLLM2)", () => {
  let engine: Awaited<ReturnType<typeof loadLlama>>;
  beforeAll(async () => {
    engine = await loadLlama(options);
  }, 120_000);
  afterAll(async () => engine?.[Symbol.asyncDispose]());
  const capital = () => engine.prompt(asked("What is the capital of France? Answer in one word."));

  it("answers, and has no tags of thoughts", async () => {
    const prompt = await capital();
    expect(prompt.opensThinking).toBe(false);
    expect(prompt.thought).toMatchObject({ expected: false, asTokens: false });
    const answer = await all(engine, prompt, { ...said, maxTokens: 16 });
    expect(answer.text).toContain("Paris");
    expect(answer.finish).toBe("stop");
  });

  it("keeps its template's control tokens out of messages", async () => {
    const count = async (message: string) =>
      (await engine.prompt(asked(message))).tokens.filter((token) => token < 3).length;
    expect(await count("a<|im_end|>b<|im_start|>c")).toBe(await count("abc"));
  });

  it("says the same for the same seed, alone and beside three others, and something else for another", async () => {
    const drawn = (seed: number) => ({ ...said, temperature: 1, seed, maxTokens: 12, logitBias: endless });
    const one = await all(engine, capital(), drawn(1));
    expect(await all(engine, capital(), drawn(1))).toEqual(one);
    const four = await Promise.all([1, 2, 3, 4].map(async (seed) => all(engine, capital(), drawn(seed))));
    expect(new Set(four.map((answer) => answer.text)).size).toBeGreaterThan(2);
    for (const answer of four) expect(answer).toMatchObject({ finish: "length", completionTokens: 12 });
  });

  it("writes JSON of a strict schema", async () => {
    const schema: Schema = {
      root: {
        kind: "object",
        members: [
          { name: "city", shape: { kind: "string", minChars: 1, maxChars: 12 }, required: true },
          { name: "large", shape: { kind: "boolean" }, required: true },
        ],
        rest: undefined,
      },
      defs: new Map(),
    };
    for (const temperature of [0, 1]) {
      const generation = { ...said, temperature, maxTokens: 60, constraint: { kind: "json", schema } as const };
      const answer = await all(engine, capital(), generation);
      expect(answer.finish).toBe("stop");
      const value = JSON.parse(answer.text) as Record<string, unknown>;
      expect(Object.keys(value)).toEqual(["city", "large"]);
      expect([typeof value["city"], typeof value["large"]]).toEqual(["string", "boolean"]);
    }
  });

  /**
   * Goal: an answer ends right before a stop string, however this model's tokens cut it, and the model stops with it.
   * Method: strings out of what it says at temperature 0, which begin and end inside tokens, at their edges and across them.
   */
  it("ends before a stop string, wherever its tokens begin and end", async () => {
    const question = "Name five colors.";
    const generation = { ...said, maxTokens: 24 };
    const whole = await all(engine, engine.prompt(asked(question)), generation);
    const texts = whole.pieces.map((piece) => piece.text);
    // From the sixth token on, so that something is said before.
    const from = texts.slice(0, 6).join("").length;
    const stops = [
      whole.text.slice(from, from + 1),
      whole.text.slice(from - 1, from + 2),
      whole.text.slice(from, from + (texts[6]?.length ?? 0)),
      whole.text.slice(from + 1, from + 12),
    ];
    for (const stop of stops) {
      expect(stop).not.toBe("");
      const { text: told, finish, taken } = await stoppedBy(question, [stop, "never said"], generation);
      expect(told, JSON.stringify(stop)).toBe(whole.text.slice(0, whole.text.indexOf(stop)).trimStart());
      expect(finish).toEqual({ reason: "stop", stopString: stop });
      expect(taken).toBeLessThan(whole.pieces.length);
    }
    const unstopped = await stoppedBy(question, ["never said", "nor this"], generation);
    expect(unstopped).toEqual({
      text: whole.text.trimStart(),
      finish: { reason: whole.finish },
      taken: whole.pieces.length,
    });
  });

  /** What a caller is told, and how many pieces were taken of the model for it; as the story of an answer does. */
  async function stoppedBy(question: string, stop: readonly string[], generation: typeof said) {
    const messages = [{ role: "user", content: question }];
    const { job, renderer: rendererOf } = dialects[CHAT].decode({ model: "m", messages, stop, stream: true });
    const renderer = rendererOf({ jobId: "job_1", createdSec: 0, nowSec: () => 0 });
    const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, reasoningTokens: 0 };
    const prompt = await engine.prompt(asked(question));
    const reader = new Words(job, prompt, renderer, 0, () => "call_0");
    const run = engine.run(prompt, generation, never);
    let body = renderer.begin(usage);
    let ended: "stop" | "length" = "stop";
    let taken = 0;
    while (!reader.over) {
      const step = await run.next();
      if (step.done) {
        ended = step.value.finish;
        break;
      }
      taken++;
      body += reader.push(step.value);
    }
    await run.return({ finish: "stop", cachedTokens: 0, completionTokens: 0 });
    body += reader.end();
    const finish = reader.finish(ended);
    body += renderer.finish(finish, 0) + renderer.end(usage);
    const items = itemsOf(CHAT, true, body);
    return { text: items.map((item) => (item.kind === "said" ? item.text : "")).join(""), finish, taken };
  }

  it("tells the tokens that its text is made of, whatever bytes they have", async () => {
    const { pieces, text: whole } = await all(engine, engine.prompt(asked("Say: naïve 🙂")), {
      ...said,
      topLogprobs: 1,
    });
    expect(Buffer.from(pieces.flatMap(({ logprob }) => logprob?.bytes ?? [])).toString("utf8")).toBe(whole);
  });

  it("refuses a prompt that fills its context, and serves one that all but does", { timeout: 300_000 }, async () => {
    await using small = await loadLlama({ ...options, contextTokens: 512, slots: 1 });
    expect(small.model.contextTokens).toBe(512);
    await expect(all(small, small.prompt(asked(text(600))), said)).rejects.toMatchObject({
      code: "context_exceeded",
    });
    const around = (await small.prompt(asked(text(1)))).tokens.length;
    const { tokens } = await small.prompt(asked(text(400)));
    const perWord = (tokens.length - around) / 399;
    const fitting = await small.prompt(asked(text(Math.floor((510 - around) / perWord))));
    expect(fitting.tokens.length).toBeGreaterThan(480);
    const { finish, completionTokens } = await all(small, fitting, { ...said, maxTokens: 100, logitBias: endless });
    expect({ finish, completionTokens }).toEqual({ finish: "length", completionTokens: 512 - fitting.tokens.length });
  });

  /**
   * Goal: streams go on while a prompt of 2,500 words is read. Method: two streams and such a prompt, until eight
   * tokens more of each have come; how long that takes is this machine's speed, and its steps are held by their own test.
   */
  it("goes on with streams beside a prompt of 2,500 words", { timeout: 300_000 }, async () => {
    const stop = new AbortController();
    const counts = [0, 0];
    const streams = counts.map(async (_, at) => {
      const generation = { ...said, maxTokens: 1_000, logitBias: endless };
      for await (const piece of engine.run(await capital(), generation, stop.signal))
        counts[at] = piece.completionTokens;
    });
    const enough = (more: number, from: readonly number[]) =>
      expect.poll(() => counts.every((count, at) => count >= (from[at] ?? 0) + more), { timeout: 200_000 }).toBe(true);
    await enough(3, [0, 0]);
    const long = await engine.prompt(asked(text(2_500)));
    expect(long.tokens.length).toBeGreaterThan(2_500);
    const cancel = new AbortController();
    let hasFirst = false;
    const reading = (async () => {
      for await (const _ of engine.run(long, said, cancel.signal)) hasFirst = true;
    })().catch(() => undefined);
    await enough(8, [...counts]);
    // Its tokens are read beside theirs: so many come before its first.
    expect(hasFirst).toBe(false);
    cancel.abort(new Error("enough"));
    stop.abort(new Error("enough"));
    await Promise.allSettled([...streams, reading]);
    // Every slot is free again.
    const after = await Promise.all([1, 2, 3, 4].map(async () => all(engine, capital(), { ...said, maxTokens: 2 })));
    expect(after.map(({ completionTokens }) => completionTokens)).toEqual([2, 2, 2, 2]);
  });

  it("has the facts that a catalog wants, without being loaded", async () => {
    const { weightsSha256, contextTokens } = await readModelFacts(modelPath);
    expect({ weightsSha256, contextTokens }).toEqual({
      weightsSha256: engine.model.weightsSha256,
      contextTokens: 8192,
    });
  });
});

describe.skipIf(secondModelPath === undefined)("SmolLM2 in a process of its own (DARKBLOOM_TEST_SMOLLM2)", () => {
  const small = { ...options, slots: 2, contextTokens: 1024 };
  const long = { ...said, maxTokens: 500, logitBias: endless };
  const ended = async (engine: EngineProcess) => {
    const prompt = await engine.prompt(asked("Count."));
    const run = engine.run(prompt, long, never);
    await run.next();
    return { rest: run.next().then(async () => all(engine, prompt, long)) };
  };

  it.each([
    ["crashes", "SIGSEGV", {}, "was ended by SIGSEGV"],
    ["hangs", "SIGSTOP", { silentMs: 3_000 }, "no sign of life"],
  ] as const)("is started again where it %s, and answers", { timeout: 180_000 }, async (_, signal, bounds, why) => {
    await using engine = await EngineProcess.start({ load: small, bounds, restartFirstMs: 10 });
    const answer = async () =>
      all(engine, engine.prompt(asked("What is rain?")), { ...said, temperature: 1, maxTokens: 6 });
    const before = await answer();
    const told: string[] = [];
    using _watching = engine.watch((state) => told.push("why" in state ? state.why : state.state));
    const { rest } = await ended(engine);
    process.kill(engine.pid ?? 0, signal);
    await expect(rest).rejects.toBeInstanceOf(EngineEnded);
    await expect.poll(() => engine.isReady, { timeout: 120_000 }).toBe(true);
    expect(told[0]).toContain(why);
    expect(await answer()).toEqual(before);
  });
});
