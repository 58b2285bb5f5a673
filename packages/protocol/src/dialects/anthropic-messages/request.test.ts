import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures, NetworkError } from "../../failures.ts";
import type { RequestId, Serial } from "../../ids.ts";
import { MESSAGES_MAX, PINNED_SERIALS_MAX, STOP_STRINGS_MAX, TOOL_NAME_CHARS_MAX, TOOLS_MAX } from "../../limits.ts";
import type { Dialect } from "../dialect.ts";
import type { Job } from "../job.ts";
import { CONTENT_PARTS_MAX, OUTPUT_TOKENS_MAX, TOP_K_MAX } from "../fields.ts";
import { anthropicCountTokens, anthropicMessages } from "./index.ts";
import {
  CONTEXT_EDITS_MAX,
  countTokensRequestSchema,
  INPUT_EXAMPLES_MAX,
  messagesRequestRules,
  messagesRequestSchema,
} from "./request-schema.ts";

const many = (length: number, item: unknown) => Array.from({ length }, () => item);
const user = { role: "user", content: "hi" };
const least = { model: "m", messages: [user] };
const leastJob: Job = {
  endpoint: "/v1/messages",
  model: "m",
  stream: false,
  generates: true,
  messages: [{ role: "user", text: "hi" }],
  tools: [],
  toolChoice: "none",
  parallelToolCalls: true,
  sampling: {
    temperature: 1,
    topP: 1,
    topK: 0,
    frequencyPenalty: 0,
    presencePenalty: 0,
    minP: 0,
    repetitionPenalty: 1,
    logitBias: [],
    stop: [],
  },
  maxTokens: 8192,
  choices: 1,
  pins: [],
};
const { sampling } = leastJob;
const input_schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
const add = { name: "add", description: "Adds", input_schema };
const format = { type: "json_schema", schema: { ...input_schema, additionalProperties: false } };
const cacheHint = { cache_control: { type: "ephemeral" } };

function failureFrom(body: unknown, dialect: Dialect = anthropicMessages): Failure {
  try {
    dialect.decode(body);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("the body was taken");
}

describe("bodies that are taken", () => {
  const cases: [what: string, body: Record<string, unknown>, job: Partial<Job>][] = [
    ["the least", {}, {}],
    ["streams", { stream: true }, { stream: true }],
    ["a bound", { max_tokens: 5 }, { maxTokens: 5 }],
    [
      "how to draw",
      { temperature: 0, top_p: 0.5, top_k: 4, stop_sequences: ["\n", "b"] },
      { sampling: { ...sampling, temperature: 0, topP: 0.5, topK: 4, stop: ["\n", "b"] } },
    ],
    [
      "what means none, and as many tokens as there may be",
      { top_k: -1, max_tokens: 1e18 },
      { sampling, maxTokens: OUTPUT_TOKENS_MAX },
    ],
    ["an empty nucleus", { temperature: 1.5, top_p: 0 }, { sampling: { ...sampling, temperature: 0 } }],
    [
      "thinking",
      { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 1025 },
      { thinks: true, maxTokens: 1025 },
    ],
    ["thinking as it likes", { thinking: { type: "adaptive", display: "summarized" } }, { thinks: true }],
    ["no thinking", { thinking: { type: "disabled" } }, { thinks: false }],
    ["pins", { provider_serials: ["a", "b "], provider_serial: "c" }, { pins: ["c", "a", "b"] as Serial[] }],
    ["no tools", { tools: [], tool_choice: { type: "auto" } }, {}],
    ["system", { system: "s" }, { messages: [{ role: "system", text: "s" }, ...leastJob.messages] }],
    [
      "system in blocks",
      {
        system: [
          { type: "text", text: "s", ...cacheHint },
          { type: "text", text: "t", citations: null },
        ],
      },
      { messages: [{ role: "system", text: "s\nt" }, ...leastJob.messages] },
    ],
    ["an empty system", { system: [] }, {}],
    [
      "what changes nothing",
      {
        ...cacheHint,
        metadata: { user_id: "u" },
        service_tier: "auto",
        speed: "fast",
        diagnostics: {},
        output_config: {},
        mcp_servers: [],
        unheard_of: [1],
      },
      {},
    ],
    ["null everywhere", Object.fromEntries(nullable().map((name) => [name, null])), {}],
  ];
  for (const [what, fields, job] of cases)
    it(what, () => expect(anthropicMessages.decode({ ...least, ...fields }).job).toEqual({ ...leastJob, ...job }));

  for (const [choice, job] of [
    [undefined, { toolChoice: "auto" }],
    [
      { type: "auto", disable_parallel_tool_use: true },
      { toolChoice: "auto", parallelToolCalls: false },
    ],
    [{ type: "any", disable_parallel_tool_use: false }, { toolChoice: "required" }],
    [
      { type: "tool", name: "add", disable_parallel_tool_use: true },
      { toolChoice: { name: "add" }, parallelToolCalls: false },
    ],
    [{ type: "none" }, { toolChoice: "none" }],
  ] as const)
    it(`tools, ${JSON.stringify(choice)}`, () => {
      const tools = [
        {
          ...add,
          type: "custom",
          eager_input_streaming: true,
          defer_loading: true,
          allowed_callers: ["direct", "code_execution_20260120"],
          ...cacheHint,
        },
      ];
      const { job: taken } = anthropicMessages.decode({ ...least, tools, tool_choice: choice });
      expect(taken).toMatchObject({ ...job, tools: [{ name: "add", description: "Adds", parameters: input_schema }] });
    });

  it("examples of a tool's input, as part of its description", () => {
    const tools = [{ ...add, name: "mcp.add", input_examples: [{ a: 1 }, { a: 2 }] }];
    expect(anthropicMessages.decode({ ...least, tools }).job.tools[0]).toMatchObject({
      name: "mcp.add",
      description: 'Adds\nExamples of its input:\n{"a":1}\n{"a":2}',
    });
  });

  it("a format, under both its names", () => {
    const { job } = anthropicMessages.decode({ ...least, output_config: { format } });
    expect(job.format?.root.kind).toBe("object");
    expect(anthropicMessages.decode({ ...least, output_format: format }).job).toEqual(job);
  });

  /** Goal: a body cannot smuggle values past the schema by way of a prototype. Method: JSON's own `__proto__`. */
  it("does not inherit", () => {
    const body: unknown = JSON.parse(
      '{"model":"m","messages":[{"role":"user","content":"hi"}],"__proto__":{"stream":"x","temperature":99}}',
    );
    expect(anthropicMessages.decode(body).job).toEqual(leastJob);
  });
});

function nullable(): string[] {
  return Object.keys(messagesRequestSchema.shape).filter((name) => name !== "model" && name !== "messages");
}

describe("counting", () => {
  const counted = { ...leastJob, endpoint: "/v1/messages/count_tokens", generates: false, maxTokens: 1 };

  it("reads the same prompt", () => {
    const body = { ...least, system: "s", tools: [add], thinking: { type: "enabled", budget_tokens: 9000 } };
    const { messages, tools } = anthropicMessages.decode({ ...body, max_tokens: 10_000 }).job;
    expect(anthropicCountTokens.decode(body).job).toEqual({
      ...counted,
      messages,
      tools,
      toolChoice: "auto",
      thinks: true,
    });
  });

  it("does not look at what shapes an answer", () =>
    expect(anthropicCountTokens.decode({ ...least, stream: true, max_tokens: 9, temperature: "x" }).job).toEqual(
      counted,
    ));

  it("may end with the assistant", () =>
    expect(
      anthropicCountTokens.decode({ ...least, messages: [user, { role: "assistant", content: "ho" }] }).job.messages,
    ).toEqual([
      { role: "user", text: "hi" },
      { role: "assistant", text: "ho" },
    ]));

  it("refuses what the other refuses", () =>
    expect(failureFrom({ ...least, container: "c" }, anthropicCountTokens)).toMatchObject({
      code: "unsupported",
      param: "container",
    }));
});

const blocks = (...content: unknown[]) => ({ ...least, messages: [{ role: "user", content }] });
const assistantSays = (...content: unknown[]) => ({ ...least, messages: [{ role: "assistant", content }, user] });
const text = { type: "text", text: "a" };
const call = { type: "tool_use", id: "c", name: "add", input: {} };
const result = { type: "tool_result", tool_use_id: "c", content: "3" };
const after = (...content: unknown[]) => ({
  ...least,
  messages: [user, { role: "assistant", content: [call] }, { role: "user", content }],
});

describe("bodies that are refused", () => {
  const cases: [param: string | null, code: "body_invalid" | "unsupported", body: unknown][] = [
    [null, "body_invalid", null],
    [null, "body_invalid", []],
    ["model", "body_invalid", { messages: [user] }],
    ["messages", "body_invalid", { model: "m", input: "hi" }],
    ["messages", "body_invalid", { ...least, messages: [] }],
    ["messages", "body_invalid", { ...least, messages: many(MESSAGES_MAX + 1, user) }],
    ["messages", "body_invalid", blocks(...many(CONTENT_PARTS_MAX + 1, text))],
    ["messages", "body_invalid", after({ ...result, content: many(CONTENT_PARTS_MAX, text) })],
    ["messages.1", "body_invalid", { ...least, messages: [user, "hi"] }],
    ["messages.0.role", "body_invalid", { ...least, messages: [{ role: "tool", content: "hi" }] }],
    ["messages.0.role", "body_invalid", { ...least, messages: [{ content: "hi" }] }],
    ["messages.0.content", "body_invalid", { ...least, messages: [{ role: "user" }] }],
    ["messages.0.content", "body_invalid", blocks()],
    ["messages.0.content", "body_invalid", { ...least, messages: [{ role: "system", content: 5 }, user] }],
    ["messages.0.content.0", "body_invalid", blocks("hi")],
    ["messages.0.content.0.type", "body_invalid", blocks({ text: "hi" })],
    ["messages.0.content.0.type", "body_invalid", blocks({ type: "smell" })],
    ["messages.0.content.0.type", "body_invalid", blocks(call)],
    ["messages.0.content.0.type", "body_invalid", assistantSays(result)],
    ["messages.0.content.1.source.type", "body_invalid", blocks(text, { type: "image", source: {} })],
    ["messages.0.content.0.type", "unsupported", blocks({ type: "document", source: {} })],
    ["messages.0.content.0.type", "unsupported", blocks({ type: "search_result" })],
    [
      "messages.0.content.0.type",
      "unsupported",
      assistantSays({ type: "server_tool_use", id: "c", name: "web_search" }),
    ],
    ["messages.0.content.0.text", "body_invalid", blocks({ type: "text", text: null })],
    ["messages.0.content.0.thinking", "body_invalid", assistantSays({ type: "thinking" })],
    ["messages.0.content.0.id", "body_invalid", assistantSays({ ...call, id: "" })],
    ["messages.0.content.0.name", "body_invalid", assistantSays({ ...call, name: 5 })],
    ["messages.0.content.0.input", "body_invalid", assistantSays({ ...call, input: "{}" })],
    ["messages.0.content.0.tool_use_id", "body_invalid", blocks(result)],
    ["messages.2.content.0.tool_use_id", "body_invalid", after({ ...result, tool_use_id: "d" })],
    ["messages.2.content.1.tool_use_id", "body_invalid", after(result, result)],
    ["messages.2.content.0.tool_use_id", "body_invalid", after({ type: "tool_result" })],
    ["messages.2.content.1", "body_invalid", after(text, result)],
    ["messages.2.content.0.content", "body_invalid", after({ ...result, content: 5 })],
    ["messages.2.content.0.content.0.source.type", "body_invalid", after({ ...result, content: [{ type: "image" }] })],
    [
      "messages.2.content.0.content.0.tool_name",
      "body_invalid",
      after({ ...result, content: [{ type: "tool_reference" }] }),
    ],
    ["messages.2.content.0.content.1.text", "body_invalid", after({ ...result, content: [text, { type: "text" }] })],
    ["system.0.type", "unsupported", { ...least, system: [{ type: "image" }] }],
    ["system.0.text", "body_invalid", { ...least, system: [{ type: "text" }] }],
    ["tools", "body_invalid", { ...least, tools: many(TOOLS_MAX + 1, add) }],
    ["tools.0", "body_invalid", { ...least, tools: ["add"] }],
    ["tools.0.type", "unsupported", { ...least, tools: [{ type: "web_search_20250305", name: "web_search" }] }],
    ["tools.0.type", "unsupported", { ...least, tools: [{ type: "bash_20250124", name: "bash" }] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ input_schema }] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ ...add, name: "a b" }] }],
    ["tools.0.description", "body_invalid", { ...least, tools: [{ ...add, description: 5 }] }],
    ["tools.0.input_schema", "body_invalid", { ...least, tools: [{ name: "add" }] }],
    ["tools.0.input_schema", "body_invalid", { ...least, tools: [{ ...add, input_schema: [] }] }],
    ["tools.0.strict", "body_invalid", { ...least, tools: [{ ...add, strict: "yes" }] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ ...add, name: "a".repeat(TOOL_NAME_CHARS_MAX + 1) }] }],
    ["tools.0.defer_loading", "body_invalid", { ...least, tools: [{ ...add, defer_loading: "yes" }] }],
    [
      "tools.0.allowed_callers",
      "unsupported",
      { ...least, tools: [{ ...add, allowed_callers: ["code_execution_20260120"] }] },
    ],
    ["tools.0.input_examples", "body_invalid", { ...least, tools: [{ ...add, input_examples: [5] }] }],
    [
      "tools.0.input_examples",
      "body_invalid",
      { ...least, tools: [{ ...add, input_examples: many(INPUT_EXAMPLES_MAX + 1, {}) }] },
    ],
    ...(
      [
        ["context_management.edits.0.type", "unsupported", { type: "clear_tool_uses_20250919" }],
        ["context_management.edits.0.type", "unsupported", { type: "compact_20260112" }],
        ["context_management.edits.0.type", "body_invalid", { type: "other" }],
        ["context_management.edits.0.keep", "body_invalid", { type: "clear_thinking_20251015", keep: "none" }],
        [
          "context_management.edits.0.keep",
          "body_invalid",
          { type: "clear_thinking_20251015", keep: { type: "thinking_turns", value: 0 } },
        ],
      ] as const
    ).map(([param, code, edit]): [string, "body_invalid" | "unsupported", unknown] => [
      param,
      code,
      { ...least, context_management: { edits: [edit] } },
    ]),
    [
      "context_management",
      "body_invalid",
      { ...least, context_management: { edits: many(CONTEXT_EDITS_MAX + 1, { type: "clear_thinking_20251015" }) } },
    ],
    ["tool_choice.type", "body_invalid", { ...least, tools: [add], tool_choice: { type: "required" } }],
    ["tool_choice.name", "body_invalid", { ...least, tools: [add], tool_choice: { type: "tool" } }],
    ["tool_choice", "body_invalid", { ...least, tools: [add], tool_choice: "auto" }],
    ["tool_choice", "body_invalid", { ...least, tools: [add], tool_choice: { type: "tool", name: "sub" } }],
    ["tool_choice", "body_invalid", { ...least, tool_choice: { type: "any" } }],
    ["thinking", "body_invalid", { ...least, thinking: true }],
    ["thinking.type", "body_invalid", { ...least, thinking: { type: "hard" } }],
    ["thinking.type", "unsupported", { ...least, thinking: { type: "between_tools" } }],
    ["thinking.budget_tokens", "body_invalid", { ...least, thinking: { type: "enabled" } }],
    ["thinking.budget_tokens", "body_invalid", { ...least, thinking: { type: "enabled", budget_tokens: 1023 } }],
    ["thinking.budget_tokens", "body_invalid", { ...least, thinking: { type: "enabled", budget_tokens: 8192 } }],
    ["thinking.display", "body_invalid", { ...least, thinking: { type: "adaptive", display: "all" } }],
    ["output_config", "body_invalid", { ...least, output_config: "json" }],
    ["output_config.format.type", "body_invalid", { ...least, output_config: { format: { type: "json_object" } } }],
    ["output_config.format.schema", "body_invalid", { ...least, output_config: { format: { type: "json_schema" } } }],
    ["output_config.task_budget", "unsupported", { ...least, output_config: { task_budget: { type: "tokens" } } }],
    ["output_format.type", "body_invalid", { ...least, output_format: { schema: {} } }],
    ["stop_sequences.1", "body_invalid", { ...least, stop_sequences: ["a", ""] }],
    ["provider_serials.1", "body_invalid", { ...least, provider_serials: ["a", " "] }],
    ...Object.entries<unknown[]>({
      stream: ["true", 1],
      max_tokens: [0, -1, 1.5, "5"],
      temperature: [-0.1, 2.1, "1"],
      top_p: [-0.1, 1.1, true],
      top_k: [-2, 0.5, "3", TOP_K_MAX + 1],
      stop_sequences: ["a", {}, many(STOP_STRINGS_MAX + 1, "a")],
      provider_serial: ["", [], 5, many(PINNED_SERIALS_MAX + 1, "a")],
    }).flatMap(([field, values]) =>
      values.map((value): [string, "body_invalid", unknown] => [field, "body_invalid", { ...least, [field]: value }]),
    ),
    ...Object.entries<unknown>({
      n: 2,
      best_of: 2,
      echo: true,
      suffix: "x",
      logprobs: true,
      top_logprobs: 3,
      logit_bias: { 5: 1 },
      stop: ["x"],
      response_format: { type: "json_object" },
      max_completion_tokens: 5,
      max_output_tokens: 5,
      reasoning_effort: "low",
      reasoning: { effort: "low" },
      functions: [{}],
    }).map(([field, value]): [string, "unsupported", unknown] => [field, "unsupported", { ...least, [field]: value }]),
    ["seed", "body_invalid", { ...least, seed: -2 }],
    ...["container", "compaction", "fallbacks", "thread", "inference_geo"].map(
      (field): [string, "unsupported", unknown] => [field, "unsupported", { ...least, [field]: {} }],
    ),
    ["mcp_servers", "unsupported", { ...least, mcp_servers: [{ type: "url" }] }],
  ];
  for (const [param, code, body] of cases)
    it(`${code} ${param}: ${JSON.stringify(body).slice(0, 90)}`, () =>
      expect(failureFrom(body)).toMatchObject({ code, param }));

  /** Goal: no depth of nesting is our own fault. Method: a call's input far deeper than anyone needs. */
  it("is not upset by depth", () => {
    const body = assistantSays({ ...call, input: { a: JSON.parse("[".repeat(200_000) + "]".repeat(200_000)) } });
    try {
      expect(anthropicMessages.decode(body).job.messages).toHaveLength(2);
    } catch (error) {
      expect(error).toMatchObject({ failure: { code: "body_invalid", param: "messages.0.content.0.input" } });
    }
  });

  /**
   * Goal: a body made of faults costs no more than reading it. Method: a list of two million bad items
   * in each place where a list is read item by item.
   */
  it("stops at lists that are too long", () => {
    const bad = many(2_000_000, 0);
    const started = process.threadCpuUsage();
    for (const field of ["messages", "system", "tools", "stop_sequences", "provider_serial", "provider_serials"])
      expect(failureFrom({ ...least, [field]: bad })).toMatchObject({ param: field });
    for (const body of [blocks(...many(20_000, 0)), after({ ...result, content: bad })])
      expect(failureFrom(body)).toMatchObject({ param: "messages" });
    expect(process.threadCpuUsage(started).user).toBeLessThan(2_000_000);
  });
});

describe("any body", () => {
  const CANARY = "canary";
  const names = [
    ...Object.keys(messagesRequestSchema.shape),
    ..."role content type text tool_use_id id name input thinking input_schema budget_tokens format".split(" "),
  ];
  const leaf = fc.oneof(
    fc.constantFrom(
      "user",
      "assistant",
      "text",
      "tool_use",
      "tool_result",
      "image",
      "",
      0,
      1,
      2,
      -1,
      true,
      false,
      null,
    ),
    fc.string({ maxLength: 8 }).map((word) => CANARY + word),
    fc.double({ noNaN: true }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie("value"), { maxLength: 3 }), tie("object")),
    object: fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.constant(`${CANARY}_key`)), tie("value"), {
      maxKeys: 5,
    }),
  }));
  const block = fc.dictionary(fc.constantFrom("type", "text", "id", "name", "input", "tool_use_id", "content"), value);
  const body = fc.oneof(
    value,
    fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }).map((fields) => ({ ...least, ...fields })),
    fc.array(block, { maxLength: 3 }).map((content) => ({ ...least, messages: [{ role: "user", content }] })),
    fc.array(block, { maxLength: 3 }).map((content) => assistantSays(...content)),
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
          expect(anthropicMessages.decode(json).job.messages.length).toBeGreaterThan(0);
          taken++;
        } catch (error) {
          if (!(error instanceof NetworkError)) throw error;
          expect(failures[error.failure.code].status).toBe(400);
          expect(error.cause).toBeUndefined();
          expect(JSON.stringify(error.failure) + sentenceOf(error.failure) + error.message).not.toContain(CANARY);
          expect(anthropicMessages.errorBody(error.failure, "r" as RequestId)).not.toContain(CANARY);
        }
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});

/** Goal: each sentence about a field reads well. Method: no rule ends in a full stop, which the sentence adds. */
it("says what it means in one sentence", () => {
  for (const rule of Object.values(messagesRequestRules))
    for (const words of Object.values(rule).filter((part) => typeof part === "string")) expect(words).toMatch(/[^.]$/);
});

it("can be published", () => {
  for (const { words } of [anthropicMessages, anthropicCountTokens])
    for (const schema of [words.request, words.response, words.error, ...(words.event ? [words.event] : [])])
      for (const io of ["input", "output"] as const) expect(() => z.toJSONSchema(schema, { io })).not.toThrow();
  expect(Object.keys(countTokensRequestSchema.shape)).not.toContain("max_tokens");
});
