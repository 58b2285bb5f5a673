import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures, NetworkError } from "../../failures.ts";
import type { RequestId, Serial } from "../../ids.ts";
import { MESSAGES_MAX, PINNED_SERIALS_MAX, STOP_STRINGS_MAX, TOOLS_MAX } from "../../limits.ts";
import { anyObject } from "../../schema/shape.ts";
import { CONTENT_PARTS_MAX, neutralSampling as sampling } from "../fields.ts";
import type { Job } from "../job.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { openaiResponses } from "./index.ts";
import {
  INCLUDES_MAX,
  METADATA_PAIRS_MAX,
  responsesRequestRules as rules,
  responsesRequestSchema,
} from "./request-schema.ts";

const requestId = "r" as RequestId;
const many = (length: number, item: unknown) => Array.from({ length }, () => item);
const least = { model: "m", input: "hi" };
const leastJob: Job = {
  endpoint: "/v1/responses",
  model: "m",
  stream: false,
  generates: true,
  messages: [{ role: "user", text: "hi" }],
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
    openaiResponses.decode(body);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("the body was taken");
}

const parameters = { type: "object", properties: { city: { type: "string" } } };
const weather = { type: "function", name: "weather", description: "Tells it", parameters };
const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
const jsonSchema = { type: "json_schema", name: "a", schema };
const logprobsWord = "message.output_text.logprobs";

describe("bodies that are taken", () => {
  const cases: [what: string, fields: Record<string, unknown>, job: Partial<Job>][] = [
    ["the least", {}, {}],
    ["a stream", { stream: true }, { stream: true }],
    ["instructions", { instructions: "s" }, { messages: [{ role: "system", text: "s" }, ...leastJob.messages] }],
    ["empty instructions", { instructions: "" }, {}],
    ["max_output_tokens", { max_output_tokens: 5 }, { maxTokens: 5 }],
    ["its own bound first", { max_tokens: 5, max_completion_tokens: 6, max_output_tokens: 7 }, { maxTokens: 7 }],
    ["null is absent among bounds", { max_tokens: 5, max_output_tokens: null }, { maxTokens: 5 }],
    ["temperature and top_p", { temperature: 0, top_p: 0.5 }, { sampling: { ...sampling, temperature: 0, topP: 0.5 } }],
    ["an empty nucleus", { temperature: 1.5, top_p: 0 }, { sampling: { ...sampling, temperature: 0 } }],
    [
      "what else steers the sampler",
      { top_k: 5, frequency_penalty: -2, presence_penalty: 2, logit_bias: { "7": -100 }, seed: 0, stop: "\n" },
      {
        sampling: {
          ...sampling,
          topK: 5,
          frequencyPenalty: -2,
          presencePenalty: 2,
          logitBias: [[7, -100]],
          seed: 0,
          stop: ["\n"],
        },
      },
    ],
    ["log probabilities by include", { include: [logprobsWord] }, { topLogprobs: 0 }],
    ["log probabilities by their number", { top_logprobs: 3 }, { topLogprobs: 3 }],
    ["log probabilities by both", { include: [logprobsWord], top_logprobs: 20 }, { topLogprobs: 20 }],
    ["no log probabilities", { include: ["reasoning.encrypted_content"], top_logprobs: 0 }, {}],
    [
      "thinking",
      { reasoning: { effort: "low", summary: "auto" } },
      { thinks: true, settings: [["reasoning_effort", "low"]] },
    ],
    ["no thinking", { reasoning: { effort: "none" } }, { thinks: false }],
    ["thinking told, as the model has it", { reasoning: { summary: "detailed" } }, {}],
    ["a JSON object", { text: { format: { type: "json_object" } } }, { format: anyObject }],
    [
      "a JSON object of a schema",
      { text: { format: { type: "json_object", schema: { type: "null" } } } },
      { format: { root: { kind: "null" }, defs: new Map() } },
    ],
    ["plain text", { text: { format: { type: "text" }, verbosity: "low" } }, {}],
    ["a pin", { provider_serial: " C02X " }, { pins: ["C02X"] as Serial[] }],
    ["pins", { provider_serials: ["a", "b "], provider_serial: ["b"] }, { pins: ["b", "a"] as Serial[] }],
    ["one call at a time", { parallel_tool_calls: false }, { parallelToolCalls: false }],
    [
      "neutral values",
      { n: 1, functions: [], function_call: "none", logprobs: false, truncation: "disabled", background: false },
      {},
    ],
    [
      "what changes nothing",
      { user: "u", metadata: { a: "b" }, store: true, service_tier: "auto", context_management: [], unheard_of: [1] },
      {},
    ],
    ["null everywhere", Object.fromEntries(nullable().map((name) => [name, null])), {}],
  ];
  for (const [what, fields, job] of cases)
    it(what, () => expect(openaiResponses.decode({ ...least, ...fields }).job).toEqual({ ...leastJob, ...job }));

  for (const [choice, toolChoice] of [
    [undefined, "auto"],
    ["auto", "auto"],
    ["none", "none"],
    ["required", "required"],
    [{ type: "function", name: "weather" }, { name: "weather" }],
    [{ type: "function", function: { name: "weather" } }, { name: "weather" }],
  ] as const)
    for (const [form, given] of [
      ["flat", weather],
      ["flat, with a null beside it,", { ...weather, function: null }],
      [
        "nested as in chat",
        { type: "function", function: { name: "weather", description: "Tells it", parameters }, strict: null },
      ],
    ] as const)
      it(`a ${form} function, ${JSON.stringify(choice)}`, () =>
        expect(openaiResponses.decode({ ...least, tools: [given], tool_choice: choice }).job).toMatchObject({
          toolChoice,
          tools: [{ name: "weather", description: "Tells it", parameters }],
        }));

  it("a schema for the answer", () => {
    const format = { ...jsonSchema, description: "One", strict: true };
    const { job } = openaiResponses.decode({ ...least, text: { format } });
    expect(job.format?.root.kind).toBe("object");
  });

  /** Goal: a body cannot smuggle values past the schema by way of a prototype. Method: JSON's own `__proto__`. */
  it("does not inherit", () => {
    const body: unknown = JSON.parse('{"model":"m","input":"hi","__proto__":{"stream":"x","temperature":99}}');
    expect(openaiResponses.decode(body).job).toEqual(leastJob);
  });
});

function nullable(): string[] {
  return Object.keys(responsesRequestSchema.shape).filter((name) => name !== "model" && name !== "input");
}

const says = (content: unknown) => ({ ...least, input: [{ role: "user", content }] });
const items = (...input: unknown[]) => ({ ...least, input });
const text = { type: "input_text", text: "a" };
const call = { type: "function_call", call_id: "c", name: "weather", arguments: "{}" };
const result = { type: "function_call_output", call_id: "c", output: "3" };
const itemsElsewhere = [
  "file_search_call",
  "computer_call",
  "computer_call_output",
  "image_generation_call",
  "code_interpreter_call",
  "local_shell_call",
  "mcp_call",
  "mcp_list_tools",
  "mcp_approval_request",
  "item_reference",
];

describe("bodies that are refused", () => {
  const cases: [param: string | null, code: "body_invalid" | "unsupported", body: unknown][] = [
    [null, "body_invalid", null],
    [null, "body_invalid", []],
    [null, "body_invalid", "text"],
    ["model", "body_invalid", { input: "hi" }],
    ["model", "body_invalid", { ...least, model: "m".repeat(257) }],
    ["input", "body_invalid", { model: "m", messages: [] }],
    ["input", "body_invalid", { ...least, input: [] }],
    ["input", "body_invalid", { ...least, input: 5 }],
    ["input", "body_invalid", items(...many(MESSAGES_MAX + 1, { role: "user", content: "hi" }))],
    ["input", "body_invalid", says(many(CONTENT_PARTS_MAX + 1, text))],
    ["input", "body_invalid", items(call, { ...result, output: many(CONTENT_PARTS_MAX + 1, text) })],
    ["input", "body_invalid", items({ type: "reasoning", summary: many(CONTENT_PARTS_MAX + 1, text) })],
    ["input", "body_invalid", items({ type: "reasoning", summary: [] })],
    ["input.1", "body_invalid", items({ role: "user", content: "hi" }, "hi")],
    ["input.0.type", "body_invalid", items({ type: "smell" })],
    ...itemsElsewhere.map((type): [string, "unsupported", unknown] => ["input.0.type", "unsupported", items({ type })]),
    ["input.0.role", "body_invalid", items({ role: "tool", content: "hi" })],
    ["input.0.role", "body_invalid", items({ type: "message", content: "hi" })],
    ["input.0.content", "body_invalid", items({ role: "user" })],
    ["input.0.content", "body_invalid", says([])],
    ["input.0.content", "body_invalid", says(5)],
    ["input.0.content.0", "body_invalid", says(["hi"])],
    ["input.0.content.0.type", "body_invalid", says([{ type: "smell" }])],
    ["input.0.content.0.text", "body_invalid", says([{ type: "input_text" }])],
    ["input.0.content.0.refusal", "body_invalid", items({ role: "assistant", content: [{ type: "refusal" }] })],
    ["input.0.content.1.image_url", "body_invalid", says([text, { type: "input_image", image_url: "data:" }])],
    ["input.0.content.0.type", "unsupported", says([{ type: "input_file", file_id: "f" }])],
    ["input.0.content.0.type", "unsupported", says([{ type: "input_audio" }])],
    ["input.0.call_id", "body_invalid", items({ ...call, call_id: "" })],
    ["input.1.call_id", "body_invalid", items(call, call)],
    ["input.0.call_id", "body_invalid", items(result)],
    ["input.1.call_id", "body_invalid", items(call, { ...result, call_id: "d" })],
    ["input.0.name", "body_invalid", items({ ...call, name: "" })],
    ["input.0.arguments", "body_invalid", items({ ...call, arguments: "[]" })],
    ["input.0.arguments", "body_invalid", items({ ...call, arguments: "{a" })],
    ["input.0.arguments", "body_invalid", items({ ...call, arguments: {} })],
    ["input.1.output", "body_invalid", items(call, { ...result, output: 5 })],
    ["input.1.output.0.image_url", "body_invalid", items(call, { ...result, output: [{ type: "input_image" }] })],
    ["input.1.output.0.text", "body_invalid", items(call, { ...result, output: [{ type: "input_text", text: 5 }] })],
    ["input.0.summary", "body_invalid", items({ type: "reasoning", summary: "hm" })],
    ["instructions", "body_invalid", { ...least, instructions: ["s"] }],
    ["include.1", "body_invalid", { ...least, include: [logprobsWord, "logprobs"] }],
    ["include", "body_invalid", { ...least, include: many(INCLUDES_MAX + 1, logprobsWord) }],
    ["tools", "body_invalid", { ...least, tools: many(TOOLS_MAX + 1, weather) }],
    ["tools.1.name", "body_invalid", { ...least, tools: [weather, weather] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ ...weather, name: "a b" }] }],
    ["tools.0", "body_invalid", { ...least, tools: ["weather"] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ type: "function" }] }],
    ["tools.0.type", "unsupported", { ...least, tools: [{ type: "web_search" }] }],
    ["tools.0.parameters", "unsupported", { ...least, tools: [{ ...weather, strict: true, parameters: { not: {} } }] }],
    ["tools.0.strict", "body_invalid", { ...least, tools: [{ ...weather, strict: "yes" }] }],
    ["tool_choice", "body_invalid", { ...least, tool_choice: "required" }],
    ["tool_choice", "body_invalid", { ...least, tools: [weather], tool_choice: "any" }],
    ["tool_choice", "body_invalid", { ...least, tools: [weather], tool_choice: { type: "function", name: "x" } }],
    ["tool_choice.type", "unsupported", { ...least, tools: [weather], tool_choice: { type: "web_search" } }],
    ["text", "body_invalid", { ...least, text: "json" }],
    ["text.format", "body_invalid", { ...least, text: { format: { type: "xml" } } }],
    [
      "text.format.schema",
      "unsupported",
      { ...least, text: { format: { ...jsonSchema, schema: { not: {} }, strict: true } } },
    ],
    ["reasoning.effort", "body_invalid", { ...least, reasoning: { effort: "huge" } }],
    ["reasoning.summary", "body_invalid", { ...least, reasoning: { summary: "long" } }],
    ["metadata", "body_invalid", { ...least, metadata: { a: 1 } }],
    ["metadata", "body_invalid", { ...least, metadata: { a: "x".repeat(513) } }],
    [
      "metadata",
      "body_invalid",
      { ...least, metadata: Object.fromEntries(many(METADATA_PAIRS_MAX + 1, "v").map((value, at) => [at, value])) },
    ],
    ["truncation", "unsupported", { ...least, truncation: "auto" }],
    ["truncation", "body_invalid", { ...least, truncation: "middle" }],
    ["stop.1", "body_invalid", { ...least, stop: ["a", ""] }],
    ["provider_serials.1", "body_invalid", { ...least, provider_serials: ["a", " "] }],
    ...Object.entries<unknown[]>({
      stream: ["true", 1],
      temperature: [-0.1, 2.1, "1"],
      top_p: [-0.1, 1.1, true],
      top_k: [-2, 0.5],
      top_logprobs: [-1, 21, true],
      frequency_penalty: [2.1],
      presence_penalty: [-2.1],
      logit_bias: [{ x: 1 }, { "1": 101 }],
      seed: [-2, 1.5, 2 ** 53],
      stop: ["", "x".repeat(257), many(STOP_STRINGS_MAX + 1, "a")],
      max_output_tokens: [0, -1, 1.5, "5"],
      max_completion_tokens: [0],
      max_tokens: [false],
      parallel_tool_calls: ["no"],
      reasoning: [true],
      store: ["yes"],
      include: ["all"],
      provider_serial: ["", [], 5, many(PINNED_SERIALS_MAX + 1, "a")],
    }).flatMap(([field, values]) =>
      values.map((value): [string, "body_invalid", unknown] => [field, "body_invalid", { ...least, [field]: value }]),
    ),
    ...Object.entries<unknown[]>({
      background: [true],
      previous_response_id: ["resp_1"],
      conversation: ["conv_1", { id: "conv_1" }],
      prompt: [{ id: "p" }],
      context_management: [[{ type: "compaction" }]],
      moderation: [{}],
      n: [2],
      response_format: [{ type: "json_object" }],
      functions: [[{}]],
      function_call: ["auto"],
      logprobs: [true],
    }).flatMap(([field, values]) =>
      values.map((value): [string, "unsupported", unknown] => [field, "unsupported", { ...least, [field]: value }]),
    ),
  ];
  for (const [param, code, body] of cases)
    it(`${code} ${param}: ${JSON.stringify(body).slice(0, 90)}`, () => {
      const failure = failureFrom(body);
      expect(failure).toMatchObject({ code, param });
      expect(openaiErrorSchema.parse(JSON.parse(openaiResponses.errorBody(failure, requestId))).error).toMatchObject({
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
    for (const field of ["input", "stop", "tools", "include", "provider_serial", "provider_serials", "metadata"])
      expect(failureFrom({ ...least, [field]: bad })).toMatchObject({ param: field });
    for (const body of [says(bad), items({ ...result, output: bad }), items({ type: "reasoning", content: bad })])
      expect(failureFrom(body)).toMatchObject({ param: "input" });
    expect(process.threadCpuUsage(started).user).toBeLessThan(2_000_000);
  });
});

describe("any body", () => {
  const CANARY = "canary";
  const names = [
    ...Object.keys(responsesRequestSchema.shape),
    ..."type role content text call_id name arguments output summary format schema effort".split(" "),
  ];
  const words = ["user", "message", "function_call", "function_call_output", "reasoning", "input_text", "function"];
  const leaf = fc.oneof(
    fc.constantFrom(...words, "none", "", "{}", 0, 1, 2, -1, 0.5, true, false, null),
    fc.string({ maxLength: 8 }).map((word) => CANARY + word),
    fc.double({ noNaN: true }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie("value"), { maxLength: 3 }), tie("object")),
    object: fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.constant(`${CANARY}_key`)), tie("value"), {
      maxKeys: 5,
    }),
  }));
  const item = fc.dictionary(fc.constantFrom("type", "role", "content", "call_id", "name", "arguments"), value);
  const body = fc.oneof(
    value,
    fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }).map((fields) => ({ ...least, ...fields })),
    fc.array(item, { maxLength: 2 }).map((input) => ({ ...least, input })),
  );

  /**
   * Goal: a body is taken or refused with a 400 that quotes nothing of it. Method: arbitrary JSON over
   * the schema's own names, with a marked word in values and keys; the word is looked for in the whole
   * failure.
   */
  it("is taken, or refused without a word of it", () => {
    let taken = 0;
    fc.assert(
      fc.property(body, (json) => {
        try {
          expect(openaiResponses.decode(json).job.messages.length).toBeGreaterThan(0);
          taken++;
        } catch (error) {
          if (!(error instanceof NetworkError)) throw error;
          expect(failures[error.failure.code].status).toBe(400);
          expect(error.cause).toBeUndefined();
          expect(JSON.stringify(error.failure) + sentenceOf(error.failure) + error.message).not.toContain(CANARY);
          expect(openaiResponses.errorEvent(error.failure, requestId, 0)).not.toContain(CANARY);
        }
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});

/** Goal: each sentence about a field reads well. Method: no rule ends in a full stop, which the sentence adds. */
it("says what it means in one sentence", () => {
  for (const rule of Object.values(rules))
    for (const words of Object.values(rule).filter((part) => typeof part === "string")) expect(words).toMatch(/[^.]$/);
});

it("can be published", () => {
  const { words } = openaiResponses;
  for (const published of [words.request, words.response, words.error, words.event])
    for (const io of ["input", "output"] as const)
      expect(() => published && z.toJSONSchema(published, { io })).not.toThrow();
});
