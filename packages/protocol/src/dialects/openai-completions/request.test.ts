import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures, NetworkError } from "../../failures.ts";
import type { RequestId, Serial } from "../../ids.ts";
import { CHOICES_MAX, PINNED_SERIALS_MAX, STOP_STRINGS_MAX } from "../../limits.ts";
import { neutralSampling as sampling } from "../fields.ts";
import type { Job } from "../job.ts";
import { TOKEN_ID_MAX } from "../text-input.ts";
import { openaiCompletions } from "./index.ts";
import { COMPLETION_LOGPROBS_MAX, completionRequestRules as rules, completionRequestSchema } from "./request-schema.ts";

const requestId = "r" as RequestId;
const many = (length: number, item: unknown) => Array.from({ length }, () => item);
const least = { model: "m", prompt: "hi" };
const leastJob: Job = {
  endpoint: "/v1/completions",
  model: "m",
  stream: false,
  generates: true,
  raw: { prompts: ["hi"], echo: false },
  messages: [],
  tools: [],
  toolChoice: "none",
  parallelToolCalls: true,
  sampling,
  maxTokens: 8192,
  choices: 1,
  pins: [],
};

function failureFrom(body: unknown): Failure {
  try {
    openaiCompletions.decode(body);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("the body was taken");
}

describe("bodies that are taken", () => {
  const cases: [what: string, fields: Record<string, unknown>, job: Partial<Job>][] = [
    ["the least", {}, {}],
    ["a list of one prompt", { prompt: ["hi"] }, {}],
    ["an empty prompt", { prompt: "" }, { raw: { prompts: [""], echo: false } }],
    ["prompts", { prompt: ["a", "", "c"] }, { raw: { prompts: ["a", "", "c"], echo: false }, choices: 3 }],
    ["answers to each prompt", { prompt: ["a", "b"], n: 2 }, { raw: { prompts: ["a", "b"], echo: false }, choices: 4 }],
    ["tokens", { prompt: [5, 0, TOKEN_ID_MAX] }, { raw: { prompts: [[5, 0, TOKEN_ID_MAX]], echo: false } }],
    ["lists of tokens, and a text", { prompt: [[5], "a"] }, { raw: { prompts: [[5], "a"], echo: false }, choices: 2 }],
    ["an echo", { echo: true }, { raw: { prompts: ["hi"], echo: true } }],
    ["as many of the best as there are", { n: 2, best_of: 2 }, { choices: 2 }],
    ["a stream", { stream: true, stream_options: { include_usage: true } }, { stream: true }],
    ["max_tokens", { max_tokens: 5 }, { maxTokens: 5 }],
    ["its own bound first", { max_tokens: 5, max_completion_tokens: 6, max_output_tokens: 7 }, { maxTokens: 5 }],
    ["null is absent among bounds", { max_tokens: null, max_output_tokens: 7 }, { maxTokens: 7 }],
    ["temperature and top_p", { temperature: 0, top_p: 0.5 }, { sampling: { ...sampling, temperature: 0, topP: 0.5 } }],
    ["an empty nucleus", { temperature: 1.5, top_p: 0 }, { sampling: { ...sampling, temperature: 0 } }],
    [
      "what else steers the sampler",
      { top_k: 5, frequency_penalty: -2, presence_penalty: 2, logit_bias: { "7": -100 }, seed: 0, stop: ["a", "b"] },
      {
        sampling: {
          ...sampling,
          topK: 5,
          frequencyPenalty: -2,
          presencePenalty: 2,
          logitBias: [[7, -100]],
          seed: 0,
          stop: ["a", "b"],
        },
      },
    ],
    ["several choices", { n: CHOICES_MAX }, { choices: CHOICES_MAX }],
    ["log probabilities", { logprobs: COMPLETION_LOGPROBS_MAX }, { topLogprobs: COMPLETION_LOGPROBS_MAX }],
    ["log probabilities of the tokens alone", { logprobs: 0 }, { topLogprobs: 0 }],
    ["pins", { provider_serials: ["a", "b "], provider_serial: "b" }, { pins: ["b", "a"] as Serial[] }],
    ["neutral values", { best_of: 1, echo: false, suffix: "", n: 1, stop: [] }, {}],
    ["what changes nothing", { user: "u", unheard_of: [1] }, {}],
    ["null everywhere", Object.fromEntries(nullable().map((name) => [name, null])), {}],
  ];
  for (const [what, fields, job] of cases)
    it(what, () => expect(openaiCompletions.decode({ ...least, ...fields }).job).toEqual({ ...leastJob, ...job }));

  /** Goal: a body cannot smuggle values past the schema by way of a prototype. Method: JSON's own `__proto__`. */
  it("does not inherit", () => {
    const body: unknown = JSON.parse('{"model":"m","prompt":"hi","__proto__":{"stream":"x","temperature":99}}');
    expect(openaiCompletions.decode(body).job).toEqual(leastJob);
  });
});

function nullable(): string[] {
  return Object.keys(completionRequestSchema.shape).filter((name) => name !== "model" && name !== "prompt");
}

describe("bodies that are refused", () => {
  const cases: [param: string | null, code: "body_invalid" | "unsupported", body: unknown][] = [
    [null, "body_invalid", null],
    [null, "body_invalid", []],
    [null, "body_invalid", "text"],
    ["model", "body_invalid", { prompt: "hi" }],
    ["prompt", "body_invalid", { model: "m", messages: [] }],
    ["prompt", "body_invalid", { ...least, prompt: [] }],
    ["prompt", "body_invalid", { ...least, prompt: null }],
    ["prompt", "body_invalid", { ...least, prompt: [5, -1] }],
    ["prompt", "body_invalid", { ...least, prompt: [5, 0.5] }],
    ["prompt", "body_invalid", { ...least, prompt: [5, TOKEN_ID_MAX + 1] }],
    ["prompt", "body_invalid", { ...least, prompt: [5, "a"] }],
    ["prompt.1", "body_invalid", { ...least, prompt: ["a", 5] }],
    ["prompt.1", "body_invalid", { ...least, prompt: ["a", []] }],
    ["prompt", "body_invalid", { ...least, prompt: many(CHOICES_MAX + 1, "a") }],
    ["prompt", "body_invalid", { ...least, prompt: many(1_000_000, 5) }],
    ["n", "body_invalid", { ...least, prompt: ["a", "b"], n: 3 }],
    ["best_of", "unsupported", { ...least, n: 2, best_of: 3 }],
    ["echo", "unsupported", { ...least, echo: true, logprobs: 0 }],
    ["response_format", "unsupported", { ...least, response_format: { type: "json_object" } }],
    ["tools", "unsupported", { ...least, tools: [{}] }],
    ["stream_options.include_usage", "body_invalid", { ...least, stream_options: { include_usage: 1 } }],
    ["stop.1", "body_invalid", { ...least, stop: ["a", ""] }],
    ["provider_serials.1", "body_invalid", { ...least, provider_serials: ["a", " "] }],
    ...Object.entries<unknown[]>({
      stream: ["true", 1],
      stream_options: [true],
      temperature: [-0.1, 2.1, "1"],
      top_p: [-0.1, 1.1, true],
      top_k: [-2, 0.5],
      frequency_penalty: [2.1],
      presence_penalty: [-2.1],
      logit_bias: [{ x: 1 }, { "1": 101 }],
      logprobs: [-1, COMPLETION_LOGPROBS_MAX + 1, true],
      n: [0, CHOICES_MAX + 1, "1"],
      seed: [-2, 1.5, 2 ** 53],
      stop: ["", "x".repeat(257), many(STOP_STRINGS_MAX + 1, "a"), {}],
      max_tokens: [0, -1, 1.5, "5"],
      max_completion_tokens: [0],
      max_output_tokens: [false],
      best_of: [0, "1"],
      echo: ["yes"],
      provider_serial: ["", [], 5, many(PINNED_SERIALS_MAX + 1, "a")],
    }).flatMap(([field, values]) =>
      values.map((value): [string, "body_invalid", unknown] => [field, "body_invalid", { ...least, [field]: value }]),
    ),
    ...Object.entries<unknown[]>({ best_of: [2], suffix: ["end"] }).flatMap(([field, values]) =>
      values.map((value): [string, "unsupported", unknown] => [field, "unsupported", { ...least, [field]: value }]),
    ),
  ];
  for (const [param, code, body] of cases)
    it(`${code} ${param}: ${JSON.stringify(body).slice(0, 90)}`, () =>
      expect(failureFrom(body)).toMatchObject({ code, param }));
});

/**
 * Goal: a body is taken or refused with a 400 that quotes nothing of it. Method: arbitrary JSON over the
 * schema's own names, with a marked word in values and keys; the word is looked for in the whole failure.
 */
it("takes any body, or refuses it without a word of it", () => {
  const CANARY = "canary";
  const names = [...Object.keys(completionRequestSchema.shape), `${CANARY}_key`];
  const leaf = fc.oneof(
    fc.constantFrom<unknown>("", 0, 1, 2, -1, 0.5, true, false, null),
    fc.string({ maxLength: 8 }).map((word) => CANARY + word),
  );
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), fc.dictionary(fc.constantFrom(...names), leaf));
  const fields = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 });
  let taken = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        value,
        fields.map((some) => ({ ...least, ...some })),
      ),
      (json) => {
        try {
          expect(openaiCompletions.decode(json).job.raw?.prompts.length).toBeGreaterThan(0);
          taken++;
        } catch (error) {
          if (!(error instanceof NetworkError)) throw error;
          expect(failures[error.failure.code].status).toBe(400);
          expect(error.cause).toBeUndefined();
          expect(JSON.stringify(error.failure) + sentenceOf(error.failure) + error.message).not.toContain(CANARY);
          expect(openaiCompletions.errorEvent(error.failure, requestId, 0)).not.toContain(CANARY);
        }
      },
    ),
    { numRuns: 1000 },
  );
  expect(taken).toBeGreaterThan(50);
});

/** Goal: each sentence about a field reads well. Method: no rule ends in a full stop, which the sentence adds. */
it("says what it means in one sentence", () => {
  for (const rule of Object.values(rules))
    for (const words of Object.values(rule).filter((part) => typeof part === "string")) expect(words).toMatch(/[^.]$/);
});

it("can be published", () => {
  const { words } = openaiCompletions;
  for (const published of [words.request, words.response, words.error, words.event])
    for (const io of ["input", "output"] as const)
      expect(() => published && z.toJSONSchema(published, { io })).not.toThrow();
});
