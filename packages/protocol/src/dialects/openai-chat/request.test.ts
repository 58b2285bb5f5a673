import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures, NetworkError } from "../../failures.ts";
import type { RequestId, Serial } from "../../ids.ts";
import { MESSAGES_MAX, PINNED_SERIALS_MAX } from "../../limits.ts";
import { anyObject } from "../../schema/shape.ts";
import type { Job } from "../job.ts";
import { openaiErrorSchema } from "./answer-schema.ts";
import { openaiChat } from "./index.ts";
import { decodeChatRequest } from "./request.ts";
import { CONTENT_PARTS_MAX, neutralSampling } from "../fields.ts";
import { chatRequestRules, chatRequestSchema } from "./request-schema.ts";

const requestId = "r" as RequestId;
const serial = (text: string) => text as Serial;
const many = (length: number, item: unknown) => Array.from({ length }, () => item);
const least = { model: "m", messages: [{ role: "user", content: "hi" }] };
const leastJob: Job = {
  endpoint: "/v1/chat/completions",
  model: "m",
  stream: false,
  generates: true,
  messages: [{ role: "user", text: "hi" }],
  tools: [],
  toolChoice: "none",
  parallelToolCalls: true,
  sampling: neutralSampling,
  maxTokens: 8192,
  choices: 1,
  pins: [],
};

function failureFrom(body: unknown): Failure {
  try {
    openaiChat.decode(body);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("the body was taken");
}

const tool = { type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } };
const named = (name: string) => ({ type: "function", function: { name } });
const saying = (content: unknown) => ({ ...least, messages: [{ role: "user", content }] });

/** Goal: the thinking is told to who asks for it, and to nobody else. Method: each way to ask, or not to. */
it.each<[object, boolean]>([
  [{}, false],
  [{ reasoning_effort: "high" }, false],
  [{ include_reasoning: true }, true],
  [{ reasoning: {} }, true],
  [{ reasoning: null }, false],
  [{ reasoning: { effort: "low" } }, true],
  [{ reasoning: { effort: "none" } }, false],
  [{ reasoning: { enabled: false } }, false],
  [{ reasoning: { enabled: true, exclude: true } }, false],
  [{ reasoning: { effort: "low" }, include_reasoning: false }, false],
  [{ reasoning: { exclude: true }, include_reasoning: true }, true],
  [{ thinking: { type: "enabled" } }, true],
  [{ thinking: { type: "enabled" }, include_reasoning: false }, false],
  [{ thinking: { type: "disabled" } }, false],
  [{ thinking: { type: "adaptive" } }, false],
  [{ thinking: null }, false],
])("by %o the thinking is told: %s", (fields, isTold) => {
  expect(decodeChatRequest({ ...least, ...fields }).wishes.includeReasoning).toBe(isTold);
});

it("takes a thought back under either name", () => {
  const thoughtOf = (fields: object) =>
    decodeChatRequest({ model: "m", messages: [{ role: "assistant", content: "a", ...fields }, ...least.messages] }).job
      .messages[0]?.thought;
  expect(thoughtOf({ reasoning: "t" })).toBe("t");
  expect(thoughtOf({ reasoning_content: "t", reasoning: "u" })).toBe("t");
  expect(thoughtOf({ reasoning_content: null, reasoning: "u" })).toBe("u");
});

describe("bodies that are taken", () => {
  const sampling = leastJob.sampling;
  const cases: [what: string, body: Record<string, unknown>, job: Partial<Job>][] = [
    ["the least", {}, {}],
    ["streams", { stream: true, stream_options: { include_usage: true } }, { stream: true }],
    ["obfuscation asked for", { stream: true, stream_options: { include_obfuscation: true } }, { stream: true }],
    ["temperature and top_p", { temperature: 0, top_p: 0.5 }, { sampling: { ...sampling, temperature: 0, topP: 0.5 } }],
    ["an empty nucleus", { temperature: 1.5, top_p: 0 }, { sampling: { ...sampling, temperature: 0 } }],
    ["a seed", { seed: 0 }, { sampling: { ...sampling, seed: 0 } }],
    ["one stop string", { stop: "\n" }, { sampling: { ...sampling, stop: ["\n"] } }],
    ["stop strings", { stop: ["a", "b"] }, { sampling: { ...sampling, stop: ["a", "b"] } }],
    ["no stop strings", { stop: [] }, {}],
    ["max_tokens", { max_tokens: 5 }, { maxTokens: 5 }],
    ["the newest bound first", { max_tokens: 5, max_completion_tokens: 6, max_output_tokens: 7 }, { maxTokens: 6 }],
    ["null is absent among bounds", { max_completion_tokens: null, max_output_tokens: 7 }, { maxTokens: 7 }],
    [
      "thinking",
      { include_reasoning: true, reasoning_effort: "low" },
      { thinks: true, settings: [["reasoning_effort", "low"]] },
    ],
    ["no thinking", { reasoning_effort: "none" }, { thinks: false }],
    [
      "thinking as OpenRouter has it",
      { reasoning: { effort: "low" } },
      { thinks: true, settings: [["reasoning_effort", "low"]] },
    ],
    ["thinking of whatever effort", { reasoning: { enabled: true } }, { thinks: true }],
    ["no thinking in its way", { reasoning: { enabled: false, max_tokens: null } }, { thinks: false }],
    ["no thinking by its effort", { reasoning: { effort: "none" } }, { thinks: false }],
    [
      "OpenAI's own field first",
      { reasoning: { effort: "high" }, reasoning_effort: "low" },
      { thinks: true, settings: [["reasoning_effort", "low"]] },
    ],
    ["several choices", { n: 4 }, { choices: 4 }],
    ["log probabilities", { logprobs: true, top_logprobs: 3 }, { topLogprobs: 3 }],
    [
      "everything else that steers the sampler",
      { top_k: 5, frequency_penalty: -2, presence_penalty: 2, logit_bias: { "7": -100 } },
      { sampling: { ...sampling, topK: 5, frequencyPenalty: -2, presencePenalty: 2, logitBias: [[7, -100]] } },
    ],
    ["a JSON object", { response_format: { type: "json_object" } }, { format: anyObject }],
    [
      "a JSON object of a schema",
      { response_format: { type: "json_object", schema: { type: "null" } } },
      { format: { root: { kind: "null" }, defs: new Map() } },
    ],
    ["a pin", { provider_serial: " C02X " }, { pins: ["C02X"].map(serial) }],
    ["pins", { provider_serials: ["a", "b "], provider_serial: ["b"] }, { pins: ["b", "a"].map(serial) }],
    [
      "neutral values",
      { n: 1, tools: [], functions: [], tool_choice: "none", function_call: "none", logprobs: false },
      {},
    ],
    [
      "more of them",
      { response_format: { type: "text" }, logit_bias: {}, frequency_penalty: 0, presence_penalty: 0 },
      {},
    ],
    ["and more", { top_logprobs: 0, modalities: ["text"], audio: null, prediction: null }, {}],
    [
      "what changes nothing",
      { user: "u", metadata: { a: "b" }, store: true, service_tier: "auto", unheard_of: [1] },
      {},
    ],
    ["null everywhere", Object.fromEntries(nullable().map((name) => [name, null])), {}],
  ];
  for (const [what, fields, job] of cases)
    it(what, () => expect(openaiChat.decode({ ...least, ...fields }).job).toEqual({ ...leastJob, ...job }));

  it("reads roles and parts", () => {
    const messages = [
      {
        role: "developer",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { role: "system", content: "c", name: "n" },
      { role: "user", content: "" },
      { role: "assistant", content: "d", refusal: null, audio: null, tool_calls: [], reasoning_content: "e" },
    ];
    expect(openaiChat.decode({ model: "m", messages }).job.messages).toEqual([
      { role: "system", text: "a\nb" },
      { role: "system", text: "c" },
      { role: "user", text: "" },
      { role: "assistant", text: "d", thought: "e" },
    ]);
  });

  /** Goal: a body cannot smuggle values past the schema by way of a prototype. Method: JSON's own `__proto__`. */
  it("does not inherit", () => {
    const body: unknown = JSON.parse(
      '{"model":"m","messages":[{"role":"user","content":"hi"}],"__proto__":{"stream":"x","temperature":99}}',
    );
    expect(openaiChat.decode(body).job).toEqual(leastJob);
  });
});

function nullable(): string[] {
  return Object.keys(chatRequestSchema.shape).filter((name) => name !== "model" && name !== "messages");
}

describe("bodies that are refused", () => {
  const cases: [param: string | null, code: "body_invalid" | "unsupported", body: unknown][] = [
    [null, "body_invalid", null],
    [null, "body_invalid", []],
    [null, "body_invalid", "text"],
    ["model", "body_invalid", { messages: least.messages }],
    ["model", "body_invalid", { ...least, model: "" }],
    ["model", "body_invalid", { ...least, model: "m".repeat(257) }],
    ["messages", "body_invalid", { model: "m", input: "hi" }],
    ["messages", "body_invalid", { ...least, messages: [] }],
    ["messages", "body_invalid", { ...least, messages: many(MESSAGES_MAX + 1, least.messages[0]) }],
    ["messages", "body_invalid", saying(many(CONTENT_PARTS_MAX + 1, { type: "text", text: "a" }))],
    ["messages.1", "body_invalid", { ...least, messages: [least.messages[0], "hi"] }],
    ["messages.0.role", "body_invalid", { ...least, messages: [{ role: "wizard", content: "hi" }] }],
    [
      "messages.0.tool_call_id",
      "body_invalid",
      { ...least, messages: [{ role: "tool", content: "hi", tool_call_id: "c" }] },
    ],
    ["messages.0.role", "unsupported", { ...least, messages: [{ role: "function", content: "hi" }] }],
    [
      "messages.0.tool_calls.0",
      "body_invalid",
      { ...least, messages: [{ role: "assistant", tool_calls: [{}], content: null }] },
    ],
    ["messages.0.function_call", "unsupported", { ...least, messages: [{ role: "assistant", function_call: {} }] }],
    ["messages.0.audio", "unsupported", { ...least, messages: [{ role: "assistant", audio: { id: "a" } }] }],
    ["tools.1.function.name", "body_invalid", { ...least, tools: [tool, tool] }],
    ["tools.0.function", "body_invalid", { ...least, tools: [{ type: "function" }] }],
    ["tools.0.function.name", "body_invalid", { ...least, tools: [{ type: "function", function: { name: 1 } }] }],
    ["tools.0.function.name", "body_invalid", { ...least, tools: [{ type: "function", function: { name: "a b" } }] }],
    [
      "tools.1.function.parameters",
      "body_invalid",
      { ...least, tools: [tool, { type: "function", function: { name: "g", parameters: [] } }] },
    ],
    [
      "tools.0.function.strict",
      "body_invalid",
      { ...least, tools: [{ type: "function", function: { name: "g", strict: 1 } }] },
    ],
    ["tools.0.type", "unsupported", { ...least, tools: [{ type: "custom", custom: {} }] }],
    ["tool_choice", "body_invalid", { ...least, tools: [tool], tool_choice: named("another") }],
    ["messages.0.content", "body_invalid", { ...least, messages: [{ role: "assistant" }] }],
    ["messages.0.content", "body_invalid", saying(null)],
    ["messages.0.content", "body_invalid", saying([])],
    ["messages.0.content", "body_invalid", saying(5)],
    ["messages.0.content.0", "body_invalid", saying(["hi"])],
    ["messages.0.content.0.type", "body_invalid", saying([{ text: "hi" }])],
    ["messages.0.content.0.type", "body_invalid", saying([{ type: "smell" }])],
    [
      "messages.0.content.1.image_url.url",
      "body_invalid",
      saying([
        { type: "text", text: "a" },
        { type: "image_url", image_url: {} },
      ]),
    ],
    ["messages.0.content.0.type", "unsupported", saying([{ type: "input_audio" }])],
    ["messages.0.content.0.type", "unsupported", saying([{ type: "file" }])],
    ["messages.0.content.0.text", "body_invalid", saying([{ type: "text", text: null }])],
    ...Object.entries<unknown[]>({
      stream: ["true", 1],
      temperature: [-0.1, 2.1, "1"],
      top_p: [-0.1, 1.1, true],
      seed: [-2, 1.5, 2 ** 53, "1"],
      stop: ["", "x".repeat(257), many(17, "a"), {}],
      max_tokens: [0, -1, 1.5, "5"],
      max_completion_tokens: [0, -1e300],
      max_output_tokens: [false],
      n: [0, 5, "1"],
      tools: [{}],
      tool_choice: ["required", 5],
      response_format: ["text"],
      top_logprobs: [1, 21],
      logit_bias: [{ x: 1 }, { "1": 101 }],
      frequency_penalty: [2.1],
      presence_penalty: [-2.1],
      include_reasoning: ["yes"],
      stream_options: [true],
      provider_serial: ["", "  ", [], 5, "é", "x".repeat(129), many(PINNED_SERIALS_MAX + 1, "a")],
      provider_serials: [[], {}],
    }).flatMap(([field, values]) =>
      values.map((value): [string, "body_invalid", unknown] => [field, "body_invalid", { ...least, [field]: value }]),
    ),
    ["stream_options.include_usage", "body_invalid", { ...least, stream_options: { include_usage: 1 } }],
    ["stop.1", "body_invalid", { ...least, stop: ["a", ""] }],
    ["provider_serials.1", "body_invalid", { ...least, provider_serials: ["a", " "] }],
    [
      "provider_serials",
      "body_invalid",
      {
        ...least,
        provider_serial: "z",
        provider_serials: Array.from({ length: PINNED_SERIALS_MAX }, (_, i) => `a${i}`),
      },
    ],
    ...Object.entries<unknown[]>({
      functions: [[{}]],
      function_call: ["auto", { name: "f" }],
      modalities: [["text", "audio"], ["audio"], []],
      audio: [{ voice: "alloy" }],
      prediction: [{ type: "content" }],
      web_search_options: [{}],
    }).flatMap(([field, values]) =>
      values.map((value): [string, "unsupported", unknown] => [field, "unsupported", { ...least, [field]: value }]),
    ),
  ];
  for (const [param, code, body] of cases)
    it(`${code} ${param}: ${JSON.stringify(body).slice(0, 90)}`, () => {
      const failure = failureFrom(body);
      expect(failure).toMatchObject({ code, param });
      expect(openaiErrorSchema.parse(JSON.parse(openaiChat.errorBody(failure, requestId))).error).toMatchObject({
        type: "invalid_request_error",
        code,
        param,
      });
    });

  /**
   * Goal: a body made of faults costs no more than reading it. Method: a list of two million bad items
   * in each place where a list is read item by item.
   */
  it("stops at lists that are too long", () => {
    const bad = many(2_000_000, 0);
    const started = process.threadCpuUsage();
    for (const field of ["messages", "stop", "provider_serial", "provider_serials", "modalities"])
      expect(failureFrom({ ...least, [field]: bad })).toMatchObject({ param: field });
    expect(failureFrom(saying(bad))).toMatchObject({ param: "messages" });
    expect(process.threadCpuUsage(started).user).toBeLessThan(2_000_000);
  });
});

describe("any body", () => {
  const CANARY = "canary";
  const names = [...Object.keys(chatRequestSchema.shape), "role", "content", "type", "text", "include_usage"];
  const leaf = fc.oneof(
    fc.constantFrom("user", "tool", "text", "image_url", "none", "", 0, 1, 2, -1, 0.5, true, false, null),
    fc.string({ maxLength: 8 }).map((text) => CANARY + text),
    fc.double({ noNaN: true }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie("value"), { maxLength: 3 }), tie("object")),
    object: fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.constant(`${CANARY}_key`)), tie("value"), {
      maxKeys: 5,
    }),
  }));
  const body = fc.oneof(
    value,
    fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }).map((fields) => ({ ...least, ...fields })),
    fc
      .array(fc.dictionary(fc.constantFrom("role", "content", "type", "text"), value), { maxLength: 2 })
      .map((messages) => ({ ...least, messages })),
  );

  /**
   * Goal: a body is taken or refused with a 4xx that quotes nothing of it. Method: arbitrary JSON over
   * the schema's own names, with a marked word in values and keys; the word is looked for in the whole
   * failure.
   */
  it("is taken, or refused without a word of it", () => {
    let taken = 0;
    fc.assert(
      fc.property(body, (json) => {
        try {
          const { job } = openaiChat.decode(json);
          expect(job.messages.length).toBeGreaterThan(0);
          expect(Number.isSafeInteger(job.maxTokens) && job.maxTokens > 0).toBe(true);
          expect(job.sampling.topP).toBeGreaterThan(0);
          taken++;
        } catch (error) {
          if (!(error instanceof NetworkError)) throw error;
          expect(failures[error.failure.code].status).toBe(400);
          expect(error.cause).toBeUndefined();
          expect(JSON.stringify(error.failure) + sentenceOf(error.failure) + error.message).not.toContain(CANARY);
          expect(openaiChat.errorEvent(error.failure, requestId, 0)).not.toContain(CANARY);
        }
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});

/** Goal: each sentence about a field reads well. Method: no rule ends in a full stop, which the sentence adds. */
it("says what it means in one sentence", () => {
  for (const rule of Object.values(chatRequestRules))
    for (const words of Object.values(rule).filter((part) => typeof part === "string")) expect(words).toMatch(/[^.]$/);
});
