import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../failures.ts";
import { ourWords, type ParamPath, type ProviderId, type RequestId } from "../../ids.ts";
import type { Usage } from "../../money.ts";
import type { Delta, FinishReason, RenderFacts, TokenLogprob } from "../dialect.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { type OutputItem, type ResponseBody, responseSchema, responsesEventSchema } from "./answer-schema.ts";
import { openaiResponses } from "./index.ts";

const facts: RenderFacts = { jobId: "job_1", createdSec: 1_700_000_000, nowSec: () => 1_700_000_000 };
const usage: Usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const model = 'a "quoted" model\u2028';
const least = { model, input: "hi" };
const shown = { reasoning: { summary: "auto" } };

function render(fields: object, deltas: readonly Delta[], reason: FinishReason = "stop"): string {
  const renderer = openaiResponses.decode({ ...least, ...fields }).renderer(facts);
  const begun = renderer.begin(usage);
  const told = deltas.map((delta) => renderer.delta(delta, 0)).join("");
  return begun + told + renderer.finish({ reason }, 0) + renderer.end(usage);
}

/** As it was sent, and valid. */
function plain(fields: object, deltas: readonly Delta[], reason?: FinishReason): ResponseBody {
  const body = JSON.parse(render(fields, deltas, reason)) as ResponseBody;
  responseSchema.strict().parse(body);
  return body;
}

type Event = (typeof responsesEventSchema)["_zod"]["output"];

/** Each event, after checking that its name is its data's type, its number its place, and that there is nothing else. */
function eventsOf(body: string): Event[] {
  expect(body.endsWith("\n\n")).toBe(true);
  return body
    .slice(0, -2)
    .split("\n\n")
    .map((text, at) => {
      const [, name, data] = /^event: ([\w.]+)\ndata: ([^\r\n]+)$/.exec(text) ?? [];
      const event = responsesEventSchema.parse(JSON.parse(data ?? ""));
      expect([event.type, event.sequence_number]).toEqual([name, at]);
      return event;
    });
}

const streamed = (fields: object, deltas: readonly Delta[], reason?: FinishReason): Event[] =>
  eventsOf(render({ ...fields, stream: true }, deltas, reason));

/** The items that a client builds from the deltas, checked against every snapshot on the way. */
function folded(events: readonly Event[]): { output: OutputItem[]; last: ResponseBody } {
  const output: OutputItem[] = [];
  let open = false;
  const itemAt = (index: number, id?: string): OutputItem => {
    const item = output[index];
    if (!item || !open || index !== output.length - 1) throw new Error("an event is of an item that is not open");
    if (id !== undefined) expect(id).toBe(item.id);
    return item;
  };
  const [created, inProgress, ...rest] = events;
  expect([created?.type, inProgress?.type]).toEqual(["response.created", "response.in_progress"]);
  for (const event of rest)
    switch (event.type) {
      case "response.output_item.added":
        expect([open, event.output_index]).toEqual([false, output.length]);
        open = true;
        output.push(structuredClone(event.item));
        break;
      case "response.output_item.done": {
        const item = itemAt(event.output_index, event.item.id);
        if (item.type !== "reasoning" && event.item.type !== "reasoning") item.status = event.item.status;
        expect(event.item).toEqual(item);
        open = false;
        break;
      }
      case "response.reasoning_summary_part.added":
      case "response.content_part.added":
        (partsOf(itemAt(event.output_index, event.item_id), event.type) as unknown[]).push(structuredClone(event.part));
        break;
      case "response.reasoning_summary_part.done":
      case "response.content_part.done":
        expect(partsOf(itemAt(event.output_index, event.item_id), event.type)).toEqual([event.part]);
        break;
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
      case "response.output_text.delta": {
        const [part] = partsOf(itemAt(event.output_index, event.item_id), event.type);
        if (!part) throw new Error("a delta is of a part that is not there");
        part.text += event.delta;
        if ("logprobs" in event && "logprobs" in part) part.logprobs.push(...event.logprobs);
        break;
      }
      case "response.reasoning_summary_text.done":
      case "response.reasoning_text.done":
      case "response.output_text.done": {
        const { text } = event;
        const whole = "logprobs" in event ? { text, logprobs: event.logprobs } : { text };
        expect(partsOf(itemAt(event.output_index, event.item_id), event.type)).toMatchObject([whole]);
        break;
      }
      case "response.function_call_arguments.delta": {
        const item = itemAt(event.output_index, event.item_id);
        if (item.type !== "function_call") throw new Error("arguments of an item that is no call");
        item.arguments += event.delta;
        break;
      }
      case "response.function_call_arguments.done":
        expect(itemAt(event.output_index, event.item_id)).toMatchObject({ arguments: event.arguments });
        break;
      case "response.custom_tool_call_input.delta":
      case "response.custom_tool_call_input.done":
        throw new Error("no custom tool was given");
      case "response.completed":
      case "response.incomplete":
        expect(event).toBe(events.at(-1));
        expect(open).toBe(false);
        expect(event.response.output).toEqual(output);
        return { output, last: event.response };
      case "response.created":
      case "response.in_progress":
      case "error":
        throw new Error(`${event.type} comes where it does not belong`);
    }
  throw new Error("the stream has no last event");
}

/** @param event its type: reasoning is told twice, as a summary and as it was thought */
function partsOf(
  item: OutputItem,
  event: string,
): (Extract<OutputItem, { type: "message" }>["content"][number] | { text: string })[] {
  if (item.type === "reasoning") return event.startsWith("response.reasoning_summary") ? item.summary : item.content;
  if (item.type === "message") return item.content;
  throw new Error("a call has no parts");
}

const answer: Delta[] = [
  { kind: "thought", text: "h" },
  { kind: "thought", text: "m" },
  { kind: "said", text: "Hel" },
  { kind: "said", text: "lo" },
  { kind: "call", id: "call_1", name: "add" },
  { kind: "arguments", text: '{"a":' },
  { kind: "arguments", text: "1}" },
  { kind: "call", id: "call_2", name: "now" },
];
const outputText = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] });
const message = (id: string, text: string, status = "completed") => ({
  type: "message",
  id,
  status,
  role: "assistant",
  content: [outputText(text)],
});
const call = (id: string, call_id: string, name: string, text: string, status = "completed") => ({
  type: "function_call",
  id,
  call_id,
  name,
  arguments: text,
  status,
});

describe("a plain body", () => {
  const common = {
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
    model,
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
    completed_at: 1_700_000_000,
    frequency_penalty: 0,
    presence_penalty: 0,
    max_tool_calls: null,
    safety_identifier: null,
    prompt_cache_key: null,
    service_tier: "default",
    usage: {
      input_tokens: 7,
      input_tokens_details: { cached_tokens: 3, cache_write_tokens: 0 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 12,
    },
    metadata: {},
  };

  it("has what OpenAI's has", () =>
    expect(JSON.parse(render(shown, answer, "tool_calls"))).toEqual({
      ...common,
      reasoning: { effort: null, summary: "auto" },
      output: [
        {
          type: "reasoning",
          id: "rs_1_0",
          summary: [{ type: "summary_text", text: "hm" }],
          content: [{ type: "reasoning_text", text: "hm" }],
        },
        message("msg_1_1", "Hello"),
        call("fc_1_2", "call_1", "add", '{"a":1}'),
        call("fc_1_3", "call_2", "now", ""),
      ],
    }));

  it("says what was asked for", () => {
    const parameters = { type: "object", properties: {} };
    const asked = {
      instructions: "s",
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.25,
      parallel_tool_calls: false,
      reasoning: { effort: "low" },
      tools: [{ type: "function", function: { name: "add", parameters } }],
      tool_choice: { type: "function", name: "add" },
      top_logprobs: 2,
      metadata: { a: "b" },
      store: true,
    };
    expect(plain(asked, [])).toMatchObject({
      instructions: "s",
      max_output_tokens: 9,
      temperature: 0.5,
      top_p: 0.25,
      parallel_tool_calls: false,
      reasoning: { effort: "low", summary: null },
      tools: [{ type: "function", name: "add", description: null, parameters, strict: null }],
      tool_choice: { type: "function", name: "add" },
      top_logprobs: 2,
      metadata: { a: "b" },
      store: false,
    });
    const format = { type: "json_schema", name: "n", schema: parameters };
    expect(plain({ text: { format } }, []).text).toEqual({ format });
  });

  it("keeps the thinking from who did not ask", () =>
    expect(plain({}, answer, "tool_calls").output.map(({ type }) => type)).toEqual([
      "message",
      "function_call",
      "function_call",
    ]));

  it("comes out at the end alone", () => {
    const renderer = openaiResponses.decode(least).renderer(facts);
    expect(renderer.begin(usage) + renderer.delta({ kind: "said", text: "a" }, 0)).toBe("");
  });

  it("has an empty message where nothing was said", () =>
    expect(plain({}, [{ kind: "thought", text: "hm" }]).output).toEqual([message("msg_1_0", "")]));

  for (const [reason, status, details] of [
    ["stop", "completed", null],
    ["tool_calls", "completed", null],
    ["length", "incomplete", { reason: "max_output_tokens" }],
    ["cancelled", "incomplete", null],
  ] as const)
    it(`says ${status} for ${reason}, of the last item too and streamed too`, () => {
      const said: Delta[] = [
        { kind: "said", text: "a" },
        { kind: "call", id: "c", name: "add" },
      ];
      const body = plain({}, said, reason);
      expect(body).toMatchObject({ status, incomplete_details: details });
      expect(body.output).toMatchObject([{ status: "completed" }, { status }]);
      const last = streamed({}, said, reason).at(-1);
      expect(last).toMatchObject({ type: `response.${status}`, response: body });
    });
});

describe("a stream", () => {
  it("tells each item from its beginning to its end, with nothing in between", () =>
    expect(streamed(shown, answer, "tool_calls").map(({ type }) => type.replace("response.", ""))).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "reasoning_summary_part.added",
      "content_part.added",
      "reasoning_summary_text.delta",
      "reasoning_text.delta",
      "reasoning_summary_text.delta",
      "reasoning_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "reasoning_text.done",
      "content_part.done",
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
      "output_item.added",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]));

  it("begins with a response of nothing", () => {
    const [created, inProgress] = streamed({}, answer);
    for (const event of [created, inProgress]) {
      expect(event).toMatchObject({ response: { id: "resp_1", status: "in_progress", output: [] } });
      expect(event).toHaveProperty("response.usage", null);
    }
  });

  it("is these bytes", () =>
    expect(render({ stream: true }, [{ kind: "said", text: "Hi\u2028" }]).split("\n\n")[4]).toBe(
      'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1_0","output_index":0,"content_index":0,"sequence_number":4,"delta":"Hi\\u2028","logprobs":[]}',
    ));

  it("adds items without what is told of them", () => {
    const added = streamed(shown, answer).flatMap((event) =>
      event.type === "response.output_item.added" ? [event.item] : [],
    );
    expect(added).toMatchObject([
      { type: "reasoning", summary: [], content: [] },
      { type: "message", status: "in_progress", content: [] },
      { type: "function_call", status: "in_progress", name: "add", arguments: "" },
      { type: "function_call", status: "in_progress", name: "now", arguments: "" },
    ]);
  });

  it("tells an empty message where nothing was said", () =>
    expect(folded(streamed({}, [])).output).toEqual([message("msg_1_0", "")]));

  it("holds no line end of any kind inside an event", () => {
    const text = "a\u2028b\u2029c\u0085d\r\ne\u000b\u000c\u001c";
    const logprobs: TokenLogprob[] = [{ text, bytes: [], logprob: -1, top: [{ text, bytes: [], logprob: -1 }] }];
    const body = render({ stream: true, top_logprobs: 1, instructions: text }, [{ kind: "said", text, logprobs }]);
    for (const end of "\r\u000b\u000c\u001c\u0085\u2028\u2029") expect(body).not.toContain(end);
    expect(folded(eventsOf(body)).output).toMatchObject([{ content: [{ text, logprobs: [{ token: text }] }] }]);
  });

  /**
   * Goal: the two renderings say the same; each event is well formed, in its place and numbered; every
   * snapshot on the way is what a client has by then. Method: arbitrary answers (any Unicode, lone
   * surrogates too) through both, and a fold that trusts no order.
   */
  it("says what the plain body says", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("\ud83d", '"\\', "\n\ndata: [DONE]\n\n", ""),
    );
    const chance = fc.record({
      text,
      bytes: fc.array(fc.nat(255), { maxLength: 3 }),
      logprob: fc.constantFrom(0, -1.5),
    });
    const logprob = fc.tuple(chance, fc.array(chance, { maxLength: 2 })).map(([own, top]) => ({ ...own, top }));
    const words = fc.oneof(
      fc.record({ kind: fc.constantFrom("said" as const, "thought" as const), text }),
      fc.record({ kind: fc.constant("said" as const), text, logprobs: fc.array(logprob, { maxLength: 2 }) }),
    );
    const called = fc
      .tuple(fc.string({ maxLength: 4 }), fc.string({ maxLength: 4 }), fc.array(text, { maxLength: 3 }))
      .map(([id, name, pieces]): Delta[] => [
        { kind: "call", id, name },
        ...pieces.map((piece): Delta => ({ kind: "arguments", text: piece })),
      ]);
    const deltas = fc.array(fc.oneof({ weight: 3, arbitrary: words.map((one): Delta[] => [one]) }, called), {
      maxLength: 10,
    });
    fc.assert(
      fc.property(
        deltas,
        fc.boolean(),
        fc.constantFrom<FinishReason>("stop", "length", "tool_calls", "cancelled"),
        (steps, isShown, reason) => {
          const fields = { ...(isShown && shown), top_logprobs: 2 };
          expect(folded(streamed(fields, steps.flat(), reason)).last).toEqual(plain(fields, steps.flat(), reason));
        },
      ),
    );
  });
});

it("tells log probabilities with the text that they are of", () => {
  const top = [{ text: "hi", bytes: [104, 105], logprob: -0.5 }];
  const logprobs: TokenLogprob[] = [{ text: "hi", bytes: [104, 105], logprob: -0.5, top }];
  const one = { token: "hi", logprob: -0.5, bytes: [104, 105] };
  const { output } = plain({ top_logprobs: 1 }, [{ kind: "said", text: "hi", logprobs }]);
  expect(output).toMatchObject([{ content: [{ text: "hi", logprobs: [{ ...one, top_logprobs: [one] }] }] }]);
});

describe("errors", () => {
  const cases: [failure: Failure, error: { type: string; code: string; param: string | null }][] = [
    [
      { code: "body_invalid", param: "input.0.content" as ParamPath, expected: ourWords`expected a string` },
      { type: "invalid_request_error", code: "body_invalid", param: "input.0.content" },
    ],
    [
      { code: "context_length_exceeded", contextTokens: 1, promptTokens: 2 },
      { type: "invalid_request_error", code: "context_length_exceeded", param: "input" },
    ],
    [
      { code: "insufficient_funds", neededMicroUsd: 2n, availableMicroUsd: 1n },
      { type: "insufficient_funds", code: "insufficient_quota", param: null },
    ],
    [
      { code: "provider_gone", providerId: "p" as ProviderId, phase: "after_content" },
      { type: "server_error", code: "provider_gone", param: null },
    ],
  ];
  for (const [failure, error] of cases)
    it(failure.code, () => {
      const body = openaiErrorSchema.parse(JSON.parse(openaiResponses.errorBody(failure, "r" as RequestId)));
      expect(body.error).toMatchObject(error);
      const [, data = ""] =
        /^event: error\ndata: ([^\r\n]+)\n\n$/.exec(openaiResponses.errorEvent(failure, "r" as RequestId, 12)) ?? [];
      const { type: _, ...told } = body.error;
      expect(responsesEventSchema.parse(JSON.parse(data))).toEqual({ type: "error", sequence_number: 12, ...told });
    });
});
