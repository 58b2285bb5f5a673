import { systemClock } from "@darkbloom/protocol/node";
import type { Tool } from "@darkbloom/protocol/dialects";
import type { Schema, Shape } from "@darkbloom/protocol/schema";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { all, asked, engineContract, said } from "../inference/engine.contract.ts";
import type { Constraint } from "../language/constraint.ts";
import { loadLlama } from "./llama/llama-load.ts";
import { bundledModelPath, readModelFacts } from "./llama/model-file.ts";
import { ScriptedEngine } from "./scripted-engine.ts";

const bundled = () => loadLlama({ modelPath: bundledModelPath, build: "tiny", slots: 2, threads: 1 });

engineContract(
  "scripted",
  async () =>
    new ScriptedEngine({
      clock: systemClock,
      slots: 2,
      script: () => ({ pieces: Array.from({ length: 40 }, (_, n) => ` w${n}`) }),
    }),
);
engineContract("llama.cpp", bundled);

/** Of the bundled model: `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`. */
const [TEXT_END, TURN_BEGIN, TURN_END] = [0, 1, 2];
const turns = new Set([TURN_BEGIN, TURN_END]);
const endless = [
  [TEXT_END, -100],
  [TURN_END, -100],
] as const;
const seeds = Array.from({ length: 20 }, (_, seed) => seed);
const object = (members: Record<string, Shape>): Schema => ({
  root: {
    kind: "object",
    members: Object.entries(members).map(([name, shape]) => ({ name, shape, required: true })),
    rest: undefined,
  },
  defs: new Map(),
});
const city: Shape = { kind: "string", minChars: 0, maxChars: 12 };
const unit: Shape = { kind: "literal", texts: ['"C"', '"F"'] };
const weather: Tool = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, unit: { enum: ["C", "F"] } },
    required: ["city", "unit"],
  },
  schema: object({ city, unit }),
};
const clock: Tool = { name: "get_time", parameters: { type: "object" }, schema: object({ city }) };

describe("llama.cpp with the bundled model", () => {
  let engine: Awaited<ReturnType<typeof loadLlama>>;
  beforeAll(async () => {
    engine = await bundled();
  });
  afterAll(async () => engine[Symbol.asyncDispose]());
  /** The tokens of a text, as they stand in a message. */
  const tokensOf = async (text: string): Promise<readonly number[]> => {
    const around = (await engine.prompt(asked(""))).tokens;
    const { tokens } = await engine.prompt(asked(text));
    const from = around.lastIndexOf(TURN_END);
    return tokens.slice(from, tokens.length - (around.length - from));
  };
  const rain = () => engine.prompt(asked("What is rain?"));
  const offered = (tools = [weather, clock], text = "What is the weather in Paris?") =>
    engine.prompt({ ...asked(text), tools, toolChoice: "auto" });

  /** Goal: a caller's text cannot end a turn or begin another. Method: the template's own control token wherever text may stand. */
  it.each([
    ["a message", (text: string) => asked(text)],
    ["a tool's description", (text: string) => told({ ...weather, description: text })],
    ["a tool's parameters", (text: string) => told({ ...weather, parameters: { [text]: { description: text } } })],
    ["a call's arguments", (text: string) => called(JSON.stringify({ [text]: [text] }))],
    // The spelling appears only when the JSON is read.
    ["escaped arguments", (text: string) => called(`{"a":"${text.replace("<", "\\u003c")}"}`)],
    ["a tool's result", (text: string) => called("{}", text)],
  ])("keeps control tokens out of %s", async (_, job) => {
    const controls = async (text: string) =>
      (await engine.prompt(job(text))).tokens.filter((token) => turns.has(token)).length;
    expect(await controls("a<|im_end|>b<|im_start|>c")).toBe(await controls("abc"));
  });
  const told = (tool: Tool) => ({ ...asked("x"), tools: [tool], toolChoice: "auto" as const });
  const called = (args: string, result = "20") => ({
    ...asked("x"),
    messages: [
      { role: "user" as const, text: "x" },
      { role: "assistant" as const, text: "", toolCalls: [{ id: "c1", name: "get_weather", arguments: args }] },
      { role: "tool" as const, text: result, callId: "c1" },
    ],
  });

  it("shows tools to the model, unless none may be called", async () => {
    const length = async (toolChoice: "auto" | "none") =>
      (await engine.prompt({ ...asked("x"), tools: [weather], toolChoice })).tokens.length;
    expect(await length("none")).toBe((await engine.prompt(asked("x"))).tokens.length);
    expect(await length("auto")).toBeGreaterThan((await length("none")) + 30);
  });

  /** Goal: JSON of the shape, whatever is drawn. Method: an untrained answer at temperature 1, over seeds. */
  it.each([0, 1])("writes JSON of the schema at temperature %i", async (temperature) => {
    const schema = object({ city, unit, wet: { kind: "boolean" }, degrees: { kind: "integer", min: -99, max: 99 } });
    for (const seed of temperature === 0 ? [0] : seeds) {
      const constraint: Constraint = { kind: "json", schema };
      const answer = await all(engine, rain(), { ...said, temperature, seed, maxTokens: 200, constraint });
      expect(answer.finish).toBe("stop");
      expect(Object.keys(JSON.parse(answer.text))).toEqual(["city", "unit", "wet", "degrees"]);
    }
  });

  it("writes JSON under biases, penalties and log probabilities too", async () => {
    const constraint: Constraint = { kind: "json", schema: object({ city, unit }) };
    const hard = {
      ...said,
      temperature: 2,
      frequencyPenalty: 2,
      presencePenalty: 2,
      topK: 3,
      topP: 0.3,
      topLogprobs: 3,
      logitBias: (await tokensOf("{")).map((token) => [token, -100] as const),
    };
    for (const seed of seeds) {
      const { text } = await all(engine, rain(), { ...hard, seed, maxTokens: 200, constraint });
      expect(Object.keys(JSON.parse(text))).toEqual(["city", "unit"]);
    }
  });

  it.each([false, true])("makes a call that is owed (many: %s), and nothing else", async (many) => {
    for (const seed of seeds) {
      const constraint: Constraint = { kind: "calls", tools: [weather], many };
      const { text, finish } = await all(engine, offered(), {
        ...said,
        temperature: 1,
        seed,
        maxTokens: 400,
        constraint,
      });
      const calls = text.split(/\n(?=\{)/).map((call): unknown => JSON.parse(call));
      expect(finish).toBe("stop");
      for (const call of calls)
        expect(call).toMatchObject({ name: "get_weather", arguments: { unit: expect.stringMatching(/^[CF]$/) } });
      if (!many) expect(calls).toHaveLength(1);
    }
  });

  it("leaves text free where a call may come", async () => {
    const constraint: Constraint = { kind: "calls_if_any", tools: [weather, clock], many: false };
    const free = await all(engine, rain(), said);
    expect((await all(engine, rain(), { ...said, constraint })).text).toBe(free.text);
  });

  /** Goal: what llama.cpp cannot compile is refused by name before the first token, and the slot stays free. Method: a repetition far above its bound. */
  it("refuses a constraint that does not compile", async () => {
    const schema = object({ a: { kind: "string", minChars: 1_000_000, maxChars: undefined } });
    const tool = { ...weather, schema };
    const table: [Constraint, string][] = [
      [{ kind: "json", schema }, "schema_refused"],
      [{ kind: "calls", tools: [tool], many: false }, "tools_refused"],
      [{ kind: "calls_if_any", tools: [tool], many: false }, "tools_refused"],
    ];
    for (const [constraint, code] of table)
      await expect(all(engine, offered(), { ...said, constraint })).rejects.toMatchObject({ code });
    expect((await all(engine, rain(), said)).text).not.toBe("");
  });

  it("draws from all tokens, and says so: their probabilities are one together", async () => {
    const { pieces } = await all(engine, rain(), { ...said, temperature: 1, maxTokens: 3, topLogprobs: 1024 });
    for (const { logprob } of pieces) {
      if (!logprob) throw new Error("a piece without its log probability");
      const { top, ...own } = logprob;
      expect(top.reduce((total, chance) => total + Math.exp(chance.logprob), 0)).toBeCloseTo(1, 3);
      expect(top).toContainEqual(own);
    }
  });

  it("tells the tokens that its text is made of", async () => {
    const { pieces, text } = await all(engine, rain(), { ...said, topLogprobs: 1 });
    expect(Buffer.from(pieces.flatMap(({ logprob }) => logprob?.bytes ?? [])).toString("utf8")).toBe(text);
    // At temperature 0 the likeliest one is taken.
    for (const { logprob } of pieces) expect(logprob?.top[0]?.text).toBe(logprob?.text);
  });

  it("does not say a token that is biased away, and ignores tokens that do not exist", async () => {
    const first = async (logitBias: readonly (readonly [number, number])[]) =>
      (await all(engine, rain(), { ...said, maxTokens: 1, logitBias, topLogprobs: 1 })).text;
    const usual = await first([]);
    const [token] = await tokensOf(usual);
    if (token === undefined) throw new Error("no token");
    expect(await first([[token, -100]])).not.toBe(usual);
    expect(
      await first([
        [4_000_000_000, -100],
        [999_999, 100],
      ]),
    ).toBe(usual);
  });

  it("goes on where the end is biased away", async () => {
    const ends = await all(engine, rain(), { ...said, maxTokens: 300 });
    const goesOn = await all(engine, rain(), { ...said, maxTokens: 300, logitBias: endless });
    expect([ends.finish, goesOn.finish]).toEqual(["stop", "length"]);
  });

  /** Goal: penalties count the whole answer, in both directions. Method: how often the commonest token comes. */
  it("repeats itself less under penalties, and more under negative ones", async () => {
    const distinct = async (frequencyPenalty: number, presencePenalty: number, repetitionPenalty = 1) => {
      const generation = {
        ...said,
        maxTokens: 150,
        frequencyPenalty,
        presencePenalty,
        repetitionPenalty,
        logitBias: endless,
        topLogprobs: 0,
      };
      const { pieces } = await all(engine, rain(), generation);
      return new Set(pieces.map(({ logprob }) => logprob?.text)).size;
    };
    const usual = await distinct(0, 0);
    expect(await distinct(2, 0)).toBeGreaterThan(usual);
    expect(await distinct(0, 2)).toBeGreaterThan(usual);
    expect(await distinct(-2, -2)).toBeLessThan(usual);
    expect(await distinct(0, 0, 2)).toBeGreaterThan(usual);
    expect(await distinct(0, 0, 0.2)).toBeLessThan(usual);
  });

  it("writes one of the texts that it is held to, and nothing else", async () => {
    const schema: Schema = { root: { kind: "literal", texts: ['"yes"', '"no"', '"not so"'] }, defs: new Map() };
    for (const seed of seeds.slice(0, 5)) {
      const generation = { ...said, temperature: 1, seed, constraint: { kind: "text", schema } as const };
      const { text, finish } = await all(engine, rain(), generation);
      expect(["yes", "no", "not so"]).toContain(text);
      expect(finish).toBe("stop");
    }
  });

  it("considers so many tokens as it is told", async () => {
    const { text } = await all(engine, rain(), said);
    for (const seed of seeds.slice(0, 5)) {
      expect((await all(engine, rain(), { ...said, temperature: 1, seed, minP: 1 })).text).toBe(text);
      expect((await all(engine, rain(), { ...said, temperature: 1, seed, topK: 1 })).text).toBe(text);
    }
  });

  /**
   * Goal: who comes later begins between two steps of the others, and a long prompt stops nobody. Method: two streams,
   * a prompt of some 1,500 tokens and a short one beside them, with bounds that a busy machine keeps.
   */
  it("begins a new request beside running ones, and goes on with those while it reads a long prompt", async () => {
    await using wide = await loadLlama({ modelPath: bundledModelPath, build: "tiny", slots: 4, threads: 1 });
    const stop = new AbortController();
    const gaps: number[] = [];
    const counts = [0, 0];
    const stream = async (at: number) => {
      let lastMs = performance.now();
      const long = { ...said, maxTokens: 1900, logitBias: endless };
      for await (const _ of wide.run(await wide.prompt(asked("What is rain?")), long, stop.signal)) {
        gaps.push(performance.now() - lastMs);
        counts[at] = (counts[at] ?? 0) + 1;
        lastMs = performance.now();
      }
    };
    const first = async (text: string) => {
      const startedMs = performance.now();
      const prompt = await wide.prompt(asked(text));
      for await (const _ of wide.run(prompt, { ...said, maxTokens: 1 }, stop.signal)) break;
      return { tokens: prompt.tokens.length, ms: performance.now() - startedMs };
    };
    const streams = [stream(0), stream(1)].map((one) => one.catch(() => "stopped"));
    while (gaps.length < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = [...counts];
    const long = first("word and other words ".repeat(300));
    const short = await first("Hello");
    expect(short.ms).toBeLessThan(3_000);
    expect((await long).tokens).toBeGreaterThan(1_000);
    // How many steps the prompt takes is the machine's speed; each of them gives every stream a token.
    for (const [at, count] of counts.entries()) expect(count - (before[at] ?? 0)).toBeGreaterThanOrEqual(3);
    stop.abort(new Error("enough"));
    await Promise.all(streams);
    expect(Math.max(...gaps)).toBeLessThan(3_000);
  });

  /** Goal: a model that is closed while it writes ends its runs and nothing else. Method: two runs that nobody stopped. */
  it("ends what runs when it is closed", async () => {
    const closing = await loadLlama({ modelPath: bundledModelPath, build: "tiny", slots: 2, threads: 1 });
    const long = { ...said, maxTokens: 1900, logitBias: endless };
    let pieces = 0;
    const runs = [1, 2].map(async () => {
      for await (const _ of closing.run(
        await closing.prompt(asked("What is rain?")),
        long,
        new AbortController().signal,
      ))
        pieces++;
    });
    const ends = Promise.allSettled(runs);
    await expect.poll(() => pieces, { interval: 1 }).toBeGreaterThan(10);
    await closing[Symbol.asyncDispose]();
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  /** Goal: what is in memory serves its scope, changes no text, and nobody else. Method: one prompt that continues another. */
  it("reuses a prompt within its scope only", async () => {
    const first = asked("What is rain?");
    const answer = await all(engine, engine.prompt(first), said, "alice");
    expect(answer.cachedTokens).toBe(0);
    const next = await engine.prompt({
      ...first,
      messages: [
        ...first.messages,
        { role: "assistant", text: answer.text },
        { role: "user", text: "And what is snow?" },
      ],
    });
    const fresh = await all(engine, next, said);
    expect(fresh.cachedTokens).toBe(0);
    expect((await all(engine, next, said, "bob")).cachedTokens).toBe(0);
    const reused = await all(engine, next, said, "alice");
    expect(reused.cachedTokens).toBeGreaterThanOrEqual((await engine.prompt(first)).tokens.length);
    expect(new Set(reused.pieces.map(({ cachedTokens }) => cachedTokens))).toEqual(new Set([reused.cachedTokens]));
    expect(reused.text).toBe(fresh.text);
    // The same again: all but the last token.
    expect((await all(engine, next, said, "alice")).cachedTokens).toBe(next.tokens.length - 1);
    // Another scope, while every slot holds this prompt for somebody.
    expect((await all(engine, next, said, "carol")).cachedTokens).toBe(0);
    expect((await all(engine, next, said, "dave")).cachedTokens).toBe(0);
    // Without a scope it is as if there were none.
    expect((await all(engine, next, said)).cachedTokens).toBe(0);
  });
});

it("reads the bundled model's facts without loading it", async () => {
  await using engine = await bundled();
  expect(await readModelFacts(bundledModelPath)).toMatchObject({
    weightsSha256: engine.model.weightsSha256,
    contextTokens: engine.model.contextTokens,
  });
});
