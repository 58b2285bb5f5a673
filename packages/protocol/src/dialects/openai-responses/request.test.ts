import { describe, expect, it } from "vitest";
import { NetworkError } from "../../failures.ts";
import { MESSAGES_MAX, TOOLS_MAX } from "../../limits.ts";
import type { Job } from "../job.ts";
import { openaiResponses } from "./index.ts";

const least = { model: "m", input: "hi" };
const decode = (more: object = {}): Job => openaiResponses.decode({ ...least, ...more }).job;

const call = { type: "function_call", call_id: "c1", name: "f", arguments: '{"a":1}' };
const output = { type: "function_call_output", call_id: "c1", output: "ok" };
const tool = { type: "function", name: "f", parameters: { type: "object", properties: {} } };
const image = { type: "input_image", image_url: "https://example.com/a.png" };

describe("the conversation", () => {
  const toldCall = { id: "c1", name: "f", arguments: '{"a":1}' };
  const table: [what: string, fields: object, messages: object[]][] = [
    ["text", {}, [{ role: "user", text: "hi" }]],
    [
      "instructions",
      { instructions: "be brief" },
      [
        { role: "system", text: "be brief" },
        { role: "user", text: "hi" },
      ],
    ],
    ["empty instructions", { instructions: "" }, [{ role: "user", text: "hi" }]],
    [
      "messages of every role",
      {
        input: [
          { role: "developer", content: "d" },
          { role: "system", content: "s" },
          {
            type: "message",
            role: "user",
            content: [
              { type: "input_text", text: "a" },
              { type: "text", text: "b" },
            ],
          },
          { role: "assistant", content: [{ type: "output_text", text: "c", annotations: [] }] },
          { role: "assistant", content: [{ type: "refusal", refusal: "no" }] },
        ],
      },
      [
        { role: "system", text: "d" },
        { role: "system", text: "s" },
        { role: "user", text: "a\nb" },
        { role: "assistant", text: "c" },
        { role: "assistant", text: "no" },
      ],
    ],
    [
      "a call and its output",
      { input: [{ role: "user", content: "q" }, call, output] },
      [
        { role: "user", text: "q" },
        { role: "assistant", text: "", toolCalls: [toldCall] },
        { role: "tool", text: "ok", callId: "c1" },
      ],
    ],
    [
      "words, then two calls, as one turn",
      {
        input: [
          { role: "user", content: "q" },
          { role: "assistant", content: "w" },
          call,
          { ...call, call_id: "c2" },
          { ...output, output: [{ type: "input_text", text: "p" }] },
        ],
      },
      [
        { role: "user", text: "q" },
        { role: "assistant", text: "w", toolCalls: [toldCall, { ...toldCall, id: "c2" }] },
        { role: "tool", text: "p", callId: "c1" },
      ],
    ],
    [
      "reasoning, by its content before its summary",
      {
        input: [
          { role: "user", content: "q" },
          {
            type: "reasoning",
            id: "r",
            summary: [{ type: "summary_text", text: "s" }],
            content: [{ type: "reasoning_text", text: "t" }],
          },
          { role: "assistant", content: "a" },
          { type: "reasoning", id: "r2", summary: [{ type: "summary_text", text: "s2" }] },
          call,
        ],
      },
      [
        { role: "user", text: "q" },
        { role: "assistant", text: "a", thought: "t\ns2", toolCalls: [toldCall] },
      ],
    ],
    [
      "reasoning that nothing follows",
      {
        input: [
          { role: "user", content: "q" },
          { type: "reasoning", id: "r", summary: [] },
        ],
      },
      [{ role: "user", text: "q" }],
    ],
  ];
  it.each(table)("reads %s", (_what, fields, messages) => {
    expect(decode(fields).messages).toEqual(messages);
  });
});

describe("the fields", () => {
  const table: [what: string, fields: object, job: object][] = [
    [
      "nothing else",
      {},
      { stream: false, choices: 1, maxTokens: 8192, tools: [], toolChoice: "none", generates: true },
    ],
    ["a stream", { stream: true }, { stream: true }],
    ["bounds, by their order", { max_output_tokens: 1, max_completion_tokens: 2, max_tokens: 3 }, { maxTokens: 1 }],
    ["a bound of chat", { max_completion_tokens: 2, max_tokens: 3 }, { maxTokens: 2 }],
    [
      "sampling",
      { temperature: 0, top_p: 0.5, top_k: 4, seed: 7, stop: "x" },
      { sampling: expect.objectContaining({ temperature: 0, topP: 0.5, topK: 4, seed: 7, stop: ["x"] }) },
    ],
    ["tools", { tools: [tool] }, { toolChoice: "auto", tools: [expect.objectContaining({ name: "f" })] }],
    [
      "tools as chat has them",
      { tools: [{ type: "function", function: { name: "f" } }] },
      { tools: [expect.objectContaining({ name: "f" })] },
    ],
    ["a named tool", { tools: [tool], tool_choice: { type: "function", name: "f" } }, { toolChoice: { name: "f" } }],
    ["a tool that must be called", { tools: [tool], tool_choice: "required" }, { toolChoice: "required" }],
    ["one call at a time", { tools: [tool], parallel_tool_calls: false }, { parallelToolCalls: false }],
    ["any JSON", { text: { format: { type: "json_object" } } }, { format: expect.anything() }],
    [
      "a schema",
      { text: { format: { type: "json_schema", name: "n", schema: { type: "object" } } } },
      { format: expect.anything() },
    ],
    ["log probabilities", { include: ["message.output_text.logprobs"], top_logprobs: 3 }, { topLogprobs: 3 }],
    ["log probabilities alone", { include: ["message.output_text.logprobs"] }, { topLogprobs: 0 }],
    ["thinking off", { reasoning: { effort: "none" } }, { thinks: false }],
    ["thinking on", { reasoning: { effort: "high" } }, { thinks: true }],
    ["pins", { provider_serial: "SW-1" }, { pins: ["SW-1"] }],
    [
      "what means nothing here",
      { store: true, include: ["file_search_call.results"], user: "u", else: 1 },
      { stream: false },
    ],
    [
      "nulls",
      { instructions: null, tools: null, text: null, reasoning: null, previous_response_id: null },
      { stream: false },
    ],
  ];
  it.each(table)("reads %s", (_what, fields, job) => {
    expect(decode(fields)).toMatchObject(job);
  });

  it("asks for no log probabilities and no form by itself", () => {
    expect(decode()).not.toHaveProperty("topLogprobs");
    expect(decode()).not.toHaveProperty("format");
    expect(decode()).not.toHaveProperty("thinks");
  });
});

/** Goal: each refusal names its field and quotes nothing. Method: a row for each, with the mark in it where text fits. */
describe("bodies that are refused", () => {
  const mark = "canary-77";
  const rows: [param: string | null, code: "body_invalid" | "unsupported", fields: unknown][] = [
    [null, "body_invalid", []],
    ["model", "body_invalid", { input: "hi" }],
    ["input", "body_invalid", { model: "m" }],
    ["input", "body_invalid", { ...least, input: [] }],
    [
      "input",
      "body_invalid",
      { ...least, input: Array.from({ length: MESSAGES_MAX + 1 }, () => ({ role: "user", content: mark })) },
    ],
    ["input.0.role", "body_invalid", { ...least, input: [{ role: mark, content: "a" }] }],
    ["input.0.type", "body_invalid", { ...least, input: [{ type: mark }] }],
    ["input.0.type", "unsupported", { ...least, input: [{ type: "item_reference", id: mark }] }],
    ["input.0.content.0.type", "unsupported", { ...least, input: [{ role: "user", content: [image] }] }],
    ["input.1.call_id", "body_invalid", { ...least, input: [call, call] }],
    ["input.0.call_id", "body_invalid", { ...least, input: [output] }],
    ["input.0.arguments", "body_invalid", { ...least, input: [{ ...call, arguments: mark }] }],
    ["stream", "body_invalid", { ...least, stream: mark }],
    ["max_output_tokens", "body_invalid", { ...least, max_output_tokens: 0 }],
    ["temperature", "body_invalid", { ...least, temperature: 3 }],
    ["top_logprobs", "body_invalid", { ...least, top_logprobs: 21 }],
    ["tools", "body_invalid", { ...least, tools: Array.from({ length: TOOLS_MAX + 1 }, () => tool) }],
    ["tools.0.type", "unsupported", { ...least, tools: [{ type: "web_search" }] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ type: "function" }] }],
    ["tools.0.strict", "body_invalid", { ...least, tools: [{ ...tool, strict: mark }] }],
    ["tools.1.name", "body_invalid", { ...least, tools: [tool, tool] }],
    ["tools.0.name", "body_invalid", { ...least, tools: [{ ...tool, name: `${mark} ` }] }],
    [
      "tools.0.parameters",
      "unsupported",
      { ...least, tools: [{ ...tool, strict: true, parameters: { type: "object", not: {} } }] },
    ],
    ["tool_choice", "body_invalid", { ...least, tools: [tool], tool_choice: { type: "function", name: mark } }],
    ["tool_choice", "body_invalid", { ...least, tool_choice: "required" }],
    ["tool_choice.type", "unsupported", { ...least, tool_choice: { type: "web_search" } }],
    ["text.format", "unsupported", { ...least, tools: [tool], text: { format: { type: "json_object" } } }],
    [
      "text.format.schema",
      "unsupported",
      {
        ...least,
        text: { format: { type: "json_schema", name: "n", strict: true, schema: { not: { const: mark } } } },
      },
    ],
    ["reasoning.effort", "body_invalid", { ...least, reasoning: { effort: mark } }],
    [
      "metadata",
      "body_invalid",
      { ...least, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`${n}`, mark])) },
    ],
    ["truncation", "unsupported", { ...least, truncation: "auto" }],
    ["background", "unsupported", { ...least, background: true }],
    ["previous_response_id", "unsupported", { ...least, previous_response_id: mark }],
    ["conversation", "unsupported", { ...least, conversation: mark }],
    ["prompt", "unsupported", { ...least, prompt: { id: mark } }],
    ["n", "unsupported", { ...least, n: 2 }],
    ["response_format", "unsupported", { ...least, response_format: { type: "text" } }],
    ["logprobs", "unsupported", { ...least, logprobs: true }],
  ];
  it.each(rows.map(([param, code, fields], row) => [`${row} ${code} ${param}`, param, code, fields] as const))(
    "%s",
    (_row, param, code, fields) => {
      let failure: unknown;
      try {
        openaiResponses.decode(fields);
      } catch (error) {
        failure = error instanceof NetworkError ? error.failure : error;
      }
      expect(failure).toMatchObject({ code, param });
      expect(JSON.stringify(failure)).not.toContain(mark);
    },
  );
});
