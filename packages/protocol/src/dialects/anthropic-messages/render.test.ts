import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures } from "../../failures.ts";
import { ourWords, type ParamPath, type ProviderId, type RequestId } from "../../ids.ts";
import type { Usage } from "../../money.ts";
import type { Delta, Finish, RenderFacts } from "../dialect.ts";
import {
  anthropicErrorSchema,
  type MessagesEvent,
  type MessagesResponse,
  messagesEventSchema,
  messagesResponseSchema,
} from "./answer-schema.ts";
import { anthropicCountTokens, anthropicMessages } from "./index.ts";

const requestId = "r" as RequestId;
const facts: RenderFacts = { jobId: "job_1", createdSec: 1_700_000_000, nowSec: () => 1_700_000_000 };
const usage: Usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const model = 'a "quoted" model\u2028';
const least = { model, messages: [{ role: "user", content: "hi" }] };
const shown = { thinking: { type: "adaptive" } };

function render(fields: object, deltas: readonly Delta[], finish: Finish = { reason: "stop" }): string {
  const renderer = anthropicMessages.decode({ ...least, ...fields }).renderer(facts);
  const said = deltas.map((delta) => renderer.delta(delta, 0)).join("");
  return renderer.begin(usage) + said + renderer.finish(finish, 0) + renderer.end(usage);
}

/** As it was sent, and valid: a schema's copy would lose what it takes for a prototype. */
function plain(fields: object, deltas: readonly Delta[], finish?: Finish): MessagesResponse {
  const body = JSON.parse(render(fields, deltas, finish)) as MessagesResponse;
  messagesResponseSchema.parse(body);
  return body;
}

const streamed = (fields: object, deltas: readonly Delta[], finish?: Finish): MessagesEvent[] =>
  eventsOf(render({ ...fields, stream: true }, deltas, finish));

/** Each event, after checking that its name is its data's type and that there is nothing else. */
function eventsOf(body: string): MessagesEvent[] {
  expect(body.endsWith("\n\n")).toBe(true);
  return body
    .slice(0, -2)
    .split("\n\n")
    .map((text) => {
      const [, name, data] = /^event: (\w+)\ndata: ([^\r\n]+)$/.exec(text) ?? [];
      const event = messagesEventSchema.parse(JSON.parse(data ?? ""));
      expect(event.type).toBe(name);
      return event;
    });
}

/** What the official client makes of a stream (`MessageStream`, `accumulateMessage`). */
function folded(events: readonly MessagesEvent[]): unknown {
  const [start, ...rest] = events;
  if (start?.type !== "message_start") throw new Error("the stream does not begin with message_start");
  const message: Record<string, unknown> = { ...start.message };
  const content: Record<string, unknown>[] = [];
  const grow = (index: number, field: string, text: string) => {
    const block = content[index];
    if (!block || index !== content.length - 1) throw new Error("a delta is of a block that is not open");
    block[field] = (typeof block[field] === "string" ? block[field] : "") + text;
  };
  for (const event of rest)
    switch (event.type) {
      case "content_block_start":
        expect(event.index).toBe(content.length);
        content.push({ ...event.content_block });
        break;
      case "content_block_delta":
        if (event.delta.type === "text_delta") grow(event.index, "text", event.delta.text);
        else if (event.delta.type === "thinking_delta") grow(event.index, "thinking", event.delta.thinking);
        else if (event.delta.type === "signature_delta") grow(event.index, "signature", event.delta.signature);
        else grow(event.index, "json", event.delta.partial_json);
        break;
      case "content_block_stop": {
        const block = content[event.index];
        expect(event.index).toBe(content.length - 1);
        if (typeof block?.["json"] === "string") block["input"] = JSON.parse(block["json"]);
        delete block?.["json"];
        break;
      }
      case "message_delta":
        Object.assign(message, event.delta, { usage: { ...start.message.usage, ...event.usage } });
        break;
      case "message_stop":
        return { ...message, content };
      case "message_start":
        throw new Error("message_start comes once");
    }
  throw new Error("the stream does not end with message_stop");
}

const answer: Delta[] = [
  { kind: "thought", text: "h" },
  { kind: "thought", text: "m" },
  { kind: "said", text: "" },
  { kind: "said", text: "Hel" },
  { kind: "said", text: "lo" },
  { kind: "call", id: "toolu_1", name: "add" },
  { kind: "arguments", text: '{"a":' },
  { kind: "arguments", text: "12345678901234567890}" },
  { kind: "call", id: "toolu_2", name: "now" },
];

describe("a plain body", () => {
  const common = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model,
    container: null,
    diagnostics: null,
    stop_details: null,
    usage: {
      input_tokens: 4,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 3,
      output_tokens: 5,
      output_tokens_details: { thinking_tokens: 2 },
      server_tool_use: null,
      cache_creation: null,
      inference_geo: null,
      service_tier: null,
      speed: null,
    },
  };

  it("has what Anthropic's has", () => {
    expect(JSON.parse(render(shown, answer, { reason: "tool_calls" }))).toEqual({
      ...common,
      content: [
        { type: "thinking", thinking: "hm", signature: "job_1" },
        { type: "text", text: "Hello" },
        {
          type: "tool_use",
          id: "toolu_1",
          name: "add",
          input: { a: Number("12345678901234567890") },
          caller: { type: "direct" },
        },
        { type: "tool_use", id: "toolu_2", name: "now", input: {}, caller: { type: "direct" } },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
    });
  });

  it("keeps every digit of a call", () => expect(render({}, answer)).toContain('"input":{"a":12345678901234567890}'));

  it("is empty where nothing was said", () =>
    expect(plain({}, [{ kind: "said", text: "" }])).toEqual({
      ...common,
      content: [],
      stop_reason: "end_turn",
      stop_sequence: null,
    }));

  for (const [what, fields, block] of [
    ["hides the thinking from who did not ask", {}, undefined],
    ["hides it where there is to be none", { thinking: { type: "disabled" } }, undefined],
    ["hands it out", { thinking: { type: "enabled", budget_tokens: 1024 } }, "hm"],
    ["hands it out where the model decides", shown, "hm"],
    ["says only that there was some", { thinking: { type: "adaptive", display: "omitted" } }, ""],
  ] as const)
    it(`${what}, streamed too`, () => {
      const content = [
        ...(block === undefined ? [] : [{ type: "thinking", thinking: block, signature: "job_1" }]),
        { type: "text", text: "Hello" },
      ];
      expect(plain(fields, answer.slice(0, 5)).content).toEqual(content);
      expect(folded(streamed(fields, answer.slice(0, 5)))).toMatchObject({ content });
    });

  for (const cut of ["", "{", '{"a":1', "[1]", "null", '"a"'])
    it(`gives no input for ${cut || "nothing"}`, () =>
      expect(
        plain({}, [
          { kind: "call", id: "c", name: "f" },
          { kind: "arguments", text: cut },
        ]).content,
      ).toMatchObject([{ input: {} }]));
});

it("names why it ended, streamed too", () => {
  const cases: [Finish, stop_reason: string, stop_sequence: string | null][] = [
    [{ reason: "stop" }, "end_turn", null],
    [{ reason: "length" }, "max_tokens", null],
    [{ reason: "tool_calls" }, "tool_use", null],
    [{ reason: "cancelled" }, "end_turn", null],
    [{ reason: "stop", stopString: '"\n\u2028' }, "stop_sequence", '"\n\u2028'],
  ];
  for (const [finish, stop_reason, stop_sequence] of cases) {
    expect(plain({}, [], finish)).toMatchObject({ stop_reason, stop_sequence });
    expect(folded(streamed({}, [], finish))).toMatchObject({ stop_reason, stop_sequence });
  }
});

describe("a stream", () => {
  it("tells the blocks in their order", () => {
    const events = streamed(shown, answer, { reason: "tool_calls" });
    expect(
      events.map((event) => {
        if (event.type === "content_block_start") return `${event.index} ${event.content_block.type}`;
        return event.type === "content_block_delta" ? Object.values(event.delta).join(" ") : event.type;
      }),
    ).toEqual([
      "message_start",
      "0 thinking",
      "thinking_delta h",
      "thinking_delta m",
      "signature_delta job_1",
      "content_block_stop",
      "1 text",
      "text_delta Hel",
      "text_delta lo",
      "content_block_stop",
      "2 tool_use",
      'input_json_delta {"a":',
      "input_json_delta 12345678901234567890}",
      "content_block_stop",
      "3 tool_use",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(events[0]).toMatchObject({
      message: {
        usage: { input_tokens: 4, cache_read_input_tokens: 3, output_tokens: 0, output_tokens_details: null },
      },
    });
  });

  it("is these bytes", () => {
    expect(
      render({ stream: true }, [{ kind: "said", text: "Hi" }])
        .split("\n\n")
        .slice(1, 3),
    ).toEqual([
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}',
    ]);
  });

  it("holds no line end of any kind inside an event", () => {
    const text = "a\u2028b\u2029c\u0085d\r\ne\u000b\u000c\u001c";
    const body = render({ stream: true }, [{ kind: "said", text }], { reason: "stop", stopString: text });
    for (const end of "\r\u000b\u000c\u001c\u0085\u2028\u2029") expect(body).not.toContain(end);
    expect(folded(eventsOf(body))).toMatchObject({ content: [{ text }], stop_sequence: text });
  });

  /**
   * Goal: the two renderings say the same, and each event is well formed. Method: arbitrary deltas
   * (any Unicode, lone surrogates too) through both, the events folded as the official client does.
   */
  it("says what the plain body says", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("\ud83d", '"\\', "\n\nevent: message_stop\ndata: {}\n\n"),
    );
    const spoken = fc
      .record({ kind: fc.constantFrom("said" as const, "thought" as const), text })
      .map((delta) => [delta]);
    const called = fc
      .tuple(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }), fc.nat(), fc.boolean())
      .map(([input, at, empty]): Delta[] => {
        const json = JSON.stringify(input);
        const parts = empty ? [] : [json.slice(0, at % json.length), json.slice(at % json.length)];
        return [
          { kind: "call", id: `toolu_${at}`, name: "f" },
          ...parts.map((part): Delta => ({ kind: "arguments", text: part })),
        ];
      });
    const deltas = fc.array(fc.oneof(spoken, called), { maxLength: 8 }).map((pieces) => pieces.flat());
    const thinking = fc.constantFrom({}, shown, { thinking: { type: "adaptive", display: "omitted" } });
    const finish = fc.constantFrom<Finish>(
      { reason: "stop" },
      { reason: "length" },
      { reason: "stop", stopString: "x" },
    );
    fc.assert(
      fc.property(deltas, thinking, finish, (pieces, fields, end) => {
        expect(folded(streamed(fields, pieces, end))).toEqual(plain(fields, pieces, end));
      }),
    );
  });
});

it("counts a prompt, cached or not", () => {
  const renderer = anthropicCountTokens.decode(least).renderer(facts);
  expect(renderer.begin(usage) + renderer.finish({ reason: "stop" }, 0) + renderer.end(usage)).toBe(
    '{"input_tokens":7}',
  );
});

describe("errors", () => {
  const cases: [failure: Failure, type: string][] = [
    [{ code: "body_invalid", param: "messages" as ParamPath, expected: ourWords`expected` }, "invalid_request_error"],
    [{ code: "insufficient_funds", neededMicroUsd: 2n, availableMicroUsd: 1n }, "billing_error"],
    [{ code: "payload_too_large", maxBytes: 1 }, "request_too_large"],
    [{ code: "provider_gone", providerId: "p" as ProviderId, phase: "after_content" }, "api_error"],
    [{ code: "draining", retryAfterSec: 1 }, "overloaded_error"],
  ];
  for (const [failure, type] of cases)
    it(failure.code, () => {
      const body = anthropicMessages.errorBody(failure, requestId);
      expect(anthropicErrorSchema.parse(JSON.parse(body))).toEqual({
        type: "error",
        error: { type, message: sentenceOf(failure) },
        request_id: "r",
      });
      expect(anthropicMessages.errorEvent(failure, requestId, 1)).toBe(`event: error\ndata: ${body}\n\n`);
    });

  it("publishes every type of the table", () => {
    const types: readonly string[] = anthropicErrorSchema.shape.error.shape.type.options;
    for (const row of Object.values(failures)) expect(types).toContain(row.anthropic);
  });
});
