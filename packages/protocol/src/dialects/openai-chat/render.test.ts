import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Failure, failures } from "../../failures.ts";
import { type ModelId, ourWords, type ParamPath, type ProviderId, type RequestId } from "../../ids.ts";
import type { Usage } from "../../money.ts";
import type { Decoded, Delta, FinishReason, RenderFacts } from "../dialect.ts";
import { endpoints } from "../job.ts";
import { dialects } from "../registry.ts";
import { type ChatChunk, chatChunkSchema, chatResponseSchema, openaiErrorSchema } from "./answer-schema.ts";
import { openaiChat } from "./index.ts";

const requestId = "r" as RequestId;
const facts: RenderFacts = { jobId: "job_1", createdSec: 1_700_000_000, nowSec: () => 1_700_000_000 };
const usage: Usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const wireUsage = {
  prompt_tokens: 7,
  completion_tokens: 5,
  total_tokens: 12,
  prompt_tokens_details: { cached_tokens: 3 },
  completion_tokens_details: { reasoning_tokens: 2 },
};

interface Wish {
  readonly stream?: boolean;
  readonly includeUsage?: boolean;
  readonly includeReasoning?: boolean;
  readonly n?: number;
}

const jobWith = ({ stream = false, includeUsage = false, includeReasoning = false, n = 1 }: Wish): Decoded =>
  openaiChat.decode({
    model: 'a "quoted" model',
    messages: [{ role: "user", content: "hi" }],
    stream,
    ...(stream && { stream_options: { include_usage: includeUsage } }),
    include_reasoning: includeReasoning,
    n,
  });

function render(decoded: Decoded, deltas: readonly Delta[], reason: FinishReason = "stop"): string {
  const renderer = decoded.renderer(facts);
  let body = renderer.begin(usage);
  for (let choice = 0; choice < decoded.job.choices; choice++) {
    body += deltas.map((delta) => renderer.delta(delta, choice)).join("");
    body += renderer.finish({ reason }, choice);
  }
  return body + renderer.end(usage);
}

/** The data of each event, after checking that there is nothing but `data:` lines and blank lines. */
function eventsOf(body: string): string[] {
  expect(body.endsWith("\n\n")).toBe(true);
  return body
    .slice(0, -2)
    .split("\n\n")
    .map((event) => {
      expect(event).toMatch(/^data: [^\r\n]+$/);
      return event.slice("data: ".length);
    });
}

function chunksOf(body: string): ChatChunk[] {
  const events = eventsOf(body);
  expect(events.pop()).toBe("[DONE]");
  return events.map((event) => chatChunkSchema.strict().parse(JSON.parse(event)));
}

const deltaText = (chunks: ChatChunk[], field: "content" | "reasoning_content" | "reasoning") =>
  chunks.map((chunk) => chunk.choices[0]?.delta[field] ?? "").join("");

const choice = (delta: ChatChunk["choices"][number]["delta"], finish_reason: "stop" | null = null) => [
  { index: 0, delta, logprobs: null, finish_reason },
];

describe("a plain body", () => {
  it("has what OpenAI's has", () => {
    const body = render(jobWith({}), [
      { kind: "thought", text: "hm" },
      { kind: "said", text: "Hel" },
      { kind: "said", text: "lo" },
    ]);
    expect(JSON.parse(body)).toEqual({
      id: "chatcmpl-job_1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: 'a "quoted" model',
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: wireUsage,
    });
  });

  it("hands out the thinking to who asked", () => {
    const body = render(jobWith({ includeReasoning: true }), [{ kind: "thought", text: "hm" }]);
    expect(chatResponseSchema.parse(JSON.parse(body)).choices[0]?.message).toEqual({
      role: "assistant",
      content: "",
      reasoning_content: "hm",
      reasoning: "hm",
      refusal: null,
    });
  });

  it("says nothing of a thinking that there was none of", () => {
    const body = render(jobWith({ includeReasoning: true }), [{ kind: "said", text: "Hello" }]);
    expect(chatResponseSchema.parse(JSON.parse(body)).choices[0]?.message).toEqual({
      role: "assistant",
      content: "Hello",
      refusal: null,
    });
  });

  it("comes out at the end alone", () => {
    const renderer = jobWith({}).renderer(facts);
    expect(renderer.begin(usage) + renderer.delta({ kind: "said", text: "a" }, 0)).toBe("");
  });

  for (const [finish, word] of [
    ["stop", "stop"],
    ["length", "length"],
    ["cancelled", "stop"],
  ] as const)
    it(`says ${word} for ${finish}, streamed too`, () => {
      expect(chatResponseSchema.parse(JSON.parse(render(jobWith({}), [], finish))).choices[0]?.finish_reason).toBe(
        word,
      );
      expect(chunksOf(render(jobWith({ stream: true }), [], finish)).at(-1)?.choices[0]?.finish_reason).toBe(word);
    });
});

describe("a stream", () => {
  const common = {
    id: "chatcmpl-job_1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: 'a "quoted" model',
  };
  const deltas: Delta[] = [
    { kind: "thought", text: "hm" },
    { kind: "said", text: "" },
    { kind: "said", text: "Hello" },
  ];

  it("tells role, text, end and [DONE]", () => {
    expect(chunksOf(render(jobWith({ stream: true }), deltas))).toEqual([
      { ...common, choices: choice({ role: "assistant", content: "" }) },
      { ...common, choices: choice({ content: "Hello" }) },
      { ...common, choices: choice({}, "stop") },
    ]);
  });

  it("tells usage and thinking to who asked", () => {
    const job = jobWith({ stream: true, includeUsage: true, includeReasoning: true });
    expect(chunksOf(render(job, deltas))).toEqual([
      { ...common, choices: choice({ role: "assistant", content: "" }), usage: null },
      { ...common, choices: choice({ reasoning_content: "hm", reasoning: "hm" }), usage: null },
      { ...common, choices: choice({ content: "Hello" }), usage: null },
      { ...common, choices: choice({}, "stop"), usage: null },
      { ...common, choices: [], usage: wireUsage },
    ]);
  });

  it("holds no line end of any kind inside an event", () => {
    const text = "a\u2028b\u2029c\u0085d\r\ne\u000b\u000c\u001c";
    const logprobs = [{ text, bytes: [], logprob: -1, top: [] }];
    const body = render(jobWith({ stream: true }), [{ kind: "said", text, logprobs }]);
    for (const end of "\r\u000b\u000c\u001c\u0085\u2028\u2029") expect(body).not.toContain(end);
    expect(deltaText(chunksOf(body), "content")).toBe(text);
  });

  /**
   * Goal: the two renderings say the same, and each chunk is well formed. Method: arbitrary deltas
   * (any Unicode, lone surrogates too) through both.
   */
  it("says what the plain body says", () => {
    const delta = fc.record({
      kind: fc.constantFrom("said" as const, "thought" as const),
      text: fc.oneof(
        fc.string({ unit: "binary", maxLength: 12 }),
        fc.constantFrom("\ud83d", '"\\', "\n\ndata: [DONE]\n\n"),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(delta, { maxLength: 10 }),
        fc.boolean(),
        fc.boolean(),
        (pieces, includeReasoning, includeUsage) => {
          const chunks = chunksOf(render(jobWith({ stream: true, includeReasoning, includeUsage }), pieces));
          const { choices, usage: total } = chatResponseSchema.parse(
            JSON.parse(render(jobWith({ includeReasoning, includeUsage }), pieces)),
          );
          expect(deltaText(chunks, "content")).toBe(choices[0]?.message.content);
          expect(deltaText(chunks, "reasoning_content")).toBe(choices[0]?.message.reasoning_content ?? "");
          expect(deltaText(chunks, "reasoning")).toBe(deltaText(chunks, "reasoning_content"));
          expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
          expect(chunks.filter((chunk) => chunk.usage)).toHaveLength(includeUsage ? 1 : 0);
          if (includeUsage) expect(chunks.at(-1)?.usage).toEqual(total);
        },
      ),
    );
  });
});

describe("tool calls", () => {
  const calls: Delta[] = [
    { kind: "call", id: "call_1", name: "weather" },
    { kind: "arguments", text: '{"city":' },
    { kind: "arguments", text: '"Rome"}' },
    { kind: "call", id: "call_2", name: "time" },
    { kind: "arguments", text: "{}" },
  ];

  it("are told whole in a plain body", () => {
    const { choices } = chatResponseSchema.parse(JSON.parse(render(jobWith({}), calls, "tool_calls")));
    expect(choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: null,
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
          { id: "call_2", type: "function", function: { name: "time", arguments: "{}" } },
        ],
      },
    });
  });

  it("are told in pieces in a stream, by their index", () => {
    const deltas = chunksOf(render(jobWith({ stream: true }), calls, "tool_calls"))
      .slice(1, -1)
      .map((chunk) => chunk.choices[0]?.delta.tool_calls?.[0]);
    expect(deltas).toEqual([
      { index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: "" } },
      { index: 0, function: { arguments: '{"city":' } },
      { index: 0, function: { arguments: '"Rome"}' } },
      { index: 1, id: "call_2", type: "function", function: { name: "time", arguments: "" } },
      { index: 1, function: { arguments: "{}" } },
    ]);
  });
});

it("tells several choices one after another, each with its role and its end", () => {
  const said: Delta[] = [{ kind: "said", text: "hi" }];
  const chunks = chunksOf(render(jobWith({ stream: true, n: 2 }), said));
  expect(chunks.map(({ choices }) => [choices[0]?.index, choices[0]?.finish_reason])).toEqual([
    [0, null],
    [0, null],
    [0, "stop"],
    [1, null],
    [1, null],
    [1, "stop"],
  ]);
  expect(chatResponseSchema.parse(JSON.parse(render(jobWith({ n: 2 }), said))).choices).toHaveLength(2);
});

it("tells log probabilities with the text that they are of", () => {
  const top = [{ text: "hi", bytes: [104, 105], logprob: -0.5 }];
  const decoded = openaiChat.decode({ model: "m", messages: [{ role: "user", content: "" }], logprobs: true });
  const said: Delta[] = [
    { kind: "said", text: "hi", logprobs: [{ text: "hi", bytes: [104, 105], logprob: -0.5, top }] },
  ];
  const { choices } = chatResponseSchema.parse(JSON.parse(render(decoded, said)));
  expect(choices[0]?.logprobs?.content).toEqual([
    {
      token: "hi",
      logprob: -0.5,
      bytes: [104, 105],
      top_logprobs: [{ token: "hi", logprob: -0.5, bytes: [104, 105] }],
    },
  ]);
});

describe("errors", () => {
  const cases: [failure: Failure, error: { type: string; code: string; param: string | null }][] = [
    [
      { code: "body_invalid", param: "messages.0.content" as ParamPath, expected: ourWords`expected a string` },
      { type: "invalid_request_error", code: "body_invalid", param: "messages.0.content" },
    ],
    [
      { code: "unsupported", param: "n" as ParamPath, reason: ourWords`one` },
      { type: "invalid_request_error", code: "unsupported", param: "n" },
    ],
    [
      { code: "model_not_found", knownModels: 1 },
      { type: "invalid_request_error", code: "model_not_found", param: "model" },
    ],
    [
      { code: "context_length_exceeded", contextTokens: 1, promptTokens: 2 },
      { type: "invalid_request_error", code: "context_length_exceeded", param: "messages" },
    ],
    [
      { code: "insufficient_funds", neededMicroUsd: 2n, availableMicroUsd: 1n },
      { type: "insufficient_funds", code: "insufficient_quota", param: null },
    ],
    [
      { code: "no_provider", model: "m" as ModelId, connected: 0, gates: {} },
      { type: "server_error", code: "no_provider", param: null },
    ],
    [
      { code: "provider_gone", providerId: "p" as ProviderId, phase: "after_content" },
      { type: "server_error", code: "provider_gone", param: null },
    ],
  ];
  for (const [failure, error] of cases)
    it(failure.code, () => {
      const body = openaiChat.errorBody(failure, requestId);
      const parsed = openaiErrorSchema.parse(JSON.parse(body));
      expect(parsed.error).toMatchObject(error);
      expect(parsed.error.message).toMatch(/\.$/);
      expect(openaiChat.errorEvent(failure, requestId, 0)).toBe(`data: ${body}\n\n`);
    });

  it("publishes every code of the table", () => {
    expect(openaiErrorSchema.shape.error.shape.code.options).toHaveLength(Object.keys(failures).length);
  });
});

it("is the dialect of its endpoint", () => {
  for (const endpoint of endpoints) expect(dialects[endpoint].endpoint).toBe(endpoint);
});
