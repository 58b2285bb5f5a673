import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../failures.ts";
import type { ProviderId, RequestId } from "../../ids.ts";
import type { Usage } from "../../money.ts";
import type { Delta, Finish, RenderFacts } from "../dialect.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { type ResponseBody, responseSchema, responsesEventSchema } from "./answer-schema.ts";
import { openaiResponses } from "./index.ts";

const requestId = "r" as RequestId;
const facts: RenderFacts = { jobId: "job_1", createdSec: 1_700_000_000 };
const usage: Usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const least = { model: 'a "quoted" model\u2028', input: "hi" };
const shown = { reasoning: { summary: "auto" } };

type Event = Readonly<Record<string, unknown>> & { readonly type: string; readonly sequence_number: number };

function render(fields: object, deltas: readonly Delta[], finish: Finish = { reason: "stop" }): string {
  const renderer = openaiResponses.decode({ ...least, ...fields }).renderer(facts);
  const begun = renderer.begin(usage);
  const said = deltas.map((delta) => renderer.delta(delta, 0)).join("");
  return begun + said + renderer.finish(finish, 0) + renderer.end(usage);
}

/** As it was sent, and valid. */
function plain(fields: object, deltas: readonly Delta[], finish?: Finish): ResponseBody {
  const body = JSON.parse(render(fields, deltas, finish)) as ResponseBody;
  responseSchema.parse(body);
  return body;
}

/** Each event, after checking its name, its number, its schema, and that there is nothing else. */
function streamed(fields: object, deltas: readonly Delta[], finish?: Finish): Event[] {
  const body = render({ ...fields, stream: true }, deltas, finish);
  expect(body.endsWith("\n\n")).toBe(true);
  return body
    .slice(0, -2)
    .split("\n\n")
    .map((text, at) => {
      const [, name, data] = /^event: ([\w.]+)\ndata: ([^\r\n]+)$/.exec(text) ?? [];
      const event = JSON.parse(data ?? "") as Event;
      responsesEventSchema.parse(event);
      expect([event.type, event.sequence_number]).toEqual([name, at]);
      return event;
    });
}

/** What the deltas alone say, item by item, and that each `done` says the same. */
function told(events: readonly Event[]): { type: string; text: string }[] {
  const items: { type: string; text: string }[] = [];
  for (const event of events) {
    const last = items.at(-1);
    const item = event["item"] as { type: string } | undefined;
    if (event.type === "response.output_item.added") items.push({ type: item?.type ?? "", text: "" });
    else if (event.type.endsWith(".delta") && last) last.text += event["delta"] as string;
    else if (event.type.endsWith("text.done")) expect(event["text"]).toBe(last?.text);
    else if (event.type.endsWith("arguments.done")) expect(event["arguments"]).toBe(last?.text);
    if (event["output_index"] !== undefined) expect(event["output_index"]).toBe(items.length - 1);
  }
  return items;
}

const textOf = (item: ResponseBody["output"][number]): { type: string; text: string } => {
  if (item.type === "reasoning") return { type: item.type, text: item.summary[0]?.text ?? "" };
  if (item.type === "message") return { type: item.type, text: item.content[0]?.text ?? "" };
  return { type: item.type, text: item.arguments };
};

const answer: Delta[] = [
  { kind: "thought", text: "h" },
  { kind: "thought", text: "m" },
  { kind: "said", text: "Hel" },
  { kind: "said", text: "lo" },
  { kind: "call", id: "call_1", name: "f" },
  { kind: "arguments", text: '{"a":' },
  { kind: "arguments", text: "1}" },
];

describe("a plain body", () => {
  it("has what OpenAI's has", () => {
    expect(plain({}, [{ kind: "said", text: "Hello" }])).toEqual({
      id: "resp_1",
      object: "response",
      created_at: 1_700_000_000,
      access_programs: null,
      status: "completed",
      background: false,
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      model: least.model,
      output: [
        {
          type: "message",
          id: "msg_1_0",
          status: "completed",
          role: "assistant",
          content: [{ type: "output_text", text: "Hello", annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: 1,
      text: { format: { type: "text" } },
      tool_choice: "auto",
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: "disabled",
      usage: {
        input_tokens: 7,
        input_tokens_details: { cached_tokens: 3, cache_write_tokens: 0 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 12,
      },
      metadata: {},
    });
  });

  it("hides the thinking, and shows it to who asked", () => {
    expect(plain({}, answer).output.map(textOf)).toEqual([
      { type: "message", text: "Hello" },
      { type: "function_call", text: '{"a":1}' },
    ]);
    expect(plain(shown, answer).output.map(textOf)).toEqual([
      { type: "reasoning", text: "hm" },
      { type: "message", text: "Hello" },
      { type: "function_call", text: '{"a":1}' },
    ]);
  });

  it.each<[Finish["reason"], string, object | null]>([
    ["stop", "completed", null],
    ["tool_calls", "completed", null],
    ["length", "incomplete", { reason: "max_output_tokens" }],
    ["cancelled", "incomplete", null],
  ])("ended by %s is %s, streamed too", (reason, status, details) => {
    expect(plain({}, answer, { reason })).toMatchObject({ status, incomplete_details: details });
    const last = streamed({}, answer, { reason }).at(-1);
    expect(last).toMatchObject({ type: `response.${status}`, response: { status, incomplete_details: details } });
  });

  it("has an empty message where nothing was said", () => {
    expect(plain({}, []).output.map(textOf)).toEqual([{ type: "message", text: "" }]);
  });
});

describe("a stream", () => {
  it("tells its events in OpenAI's order", () => {
    expect(streamed(shown, answer).map(({ type }) => type.replace("response.", ""))).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "reasoning_summary_part.added",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "output_item.done",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
  });

  it("is these bytes", () => {
    expect(render({ stream: true }, [{ kind: "said", text: "Hi\u2028" }]).split("\n\n")[4]).toBe(
      'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1_0","output_index":0,"content_index":0,"sequence_number":4,"delta":"Hi\\u2028","logprobs":[]}',
    );
  });

  /** Goal: deltas, `done` events, the last snapshot and the plain body say one thing. Method: arbitrary deltas, any Unicode. */
  it("says what the plain body says", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("", "\ud83d", '"\\', "\n\nevent: response.completed\ndata: {}\n\n"),
    );
    const spoken = fc.record({ kind: fc.constantFrom("said" as const, "thought" as const), text }).map((one) => [one]);
    const called = fc
      .tuple(fc.nat(), fc.array(fc.string({ maxLength: 6 }), { maxLength: 3 }))
      .map(([id, parts]): Delta[] => [
        { kind: "call", id: `call_${id}`, name: "f" },
        ...parts.map((part): Delta => ({ kind: "arguments", text: part })),
      ]);
    const deltas = fc.array(fc.oneof(spoken, called), { maxLength: 8 }).map((pieces) => pieces.flat());
    const finish = fc.constantFrom<Finish>({ reason: "stop" }, { reason: "length" }, { reason: "cancelled" });
    fc.assert(
      fc.property(deltas, fc.constantFrom({}, shown), finish, (pieces, fields, end) => {
        const events = streamed(fields, pieces, end);
        const body = plain(fields, pieces, end);
        expect(events.at(-1)?.["response"]).toEqual(body);
        expect(told(events)).toEqual(body.output.map(textOf));
      }),
    );
  });

  /** Goal: an answer can be sent back as it came, and means the same. Method: the output as the next request's input. */
  it("is read again as it was told", () => {
    const { output } = plain(shown, answer);
    const { job } = openaiResponses.decode({
      ...least,
      input: [
        { role: "user", content: "q" },
        ...output,
        { type: "function_call_output", call_id: "call_1", output: "ok" },
      ],
    });
    expect(job.messages).toEqual([
      { role: "user", text: "q" },
      {
        role: "assistant",
        text: "Hello",
        thought: "hm",
        toolCalls: [{ id: "call_1", name: "f", arguments: '{"a":1}' }],
      },
      { role: "tool", text: "ok", callId: "call_1" },
    ]);
  });
});

it("tells errors in OpenAI's form, numbered after the events before them", () => {
  const gone: Failure = { code: "provider_gone", providerId: "p" as ProviderId, phase: "after_content" };
  expect(openaiErrorSchema.parse(JSON.parse(openaiResponses.errorBody(gone, requestId))).error.code).toBe(
    "provider_gone",
  );
  const [, data = ""] = /^event: error\ndata: (.*)\n\n$/.exec(openaiResponses.errorEvent(gone, requestId, 9)) ?? [];
  expect(responsesEventSchema.parse(JSON.parse(data))).toMatchObject({ type: "error", sequence_number: 9 });
  const long: Failure = { code: "context_length_exceeded", contextTokens: 4 };
  expect(JSON.parse(openaiResponses.errorBody(long, requestId))).toMatchObject({ error: { param: "input" } });
});
