import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RequestId } from "../../ids.ts";
import type { Usage } from "../../money.ts";
import type { Delta, FinishReason, RenderFacts, TokenLogprob } from "../dialect.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { type Completion, type CompletionLogprobs, completionSchema } from "./answer-schema.ts";
import { openaiCompletions } from "./index.ts";

const facts: RenderFacts = { jobId: "job_1", createdSec: 1_700_000_000, nowSec: () => 1_700_000_000 };
const usage: Usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const wireUsage = {
  prompt_tokens: 7,
  completion_tokens: 5,
  total_tokens: 12,
  prompt_tokens_details: { cached_tokens: 3 },
  completion_tokens_details: { reasoning_tokens: 2 },
};
const model = 'a "quoted" model\u2028';
const least = { model, prompt: "hi" };
const common = { id: "cmpl-job_1", object: "text_completion", created: 1_700_000_000, model };
const withUsage = { stream: true, stream_options: { include_usage: true } };

function render(fields: object, deltas: readonly Delta[], reason: FinishReason = "stop"): string {
  const decoded = openaiCompletions.decode({ ...least, ...fields });
  const renderer = decoded.renderer(facts);
  let body = renderer.begin(usage);
  for (let choice = 0; choice < decoded.job.choices; choice++) {
    body += deltas.map((delta) => renderer.delta(delta, choice)).join("");
    body += renderer.finish({ reason }, choice);
  }
  return body + renderer.end(usage);
}

const completion = (json: string): Completion => completionSchema.strict().parse(JSON.parse(json));
const plain = (fields: object, deltas: readonly Delta[], reason?: FinishReason): Completion =>
  completion(render(fields, deltas, reason));

/** The data of each event, after checking that there is nothing but `data:` lines and blank lines. */
function eventsOf(body: string): Completion[] {
  expect(body.endsWith("\n\ndata: [DONE]\n\n") || body === "data: [DONE]\n\n").toBe(true);
  return body
    .split("\n\n")
    .slice(0, -2)
    .map((event) => {
      expect(event).toMatch(/^data: [^\r\n]+$/);
      return completion(event.slice("data: ".length));
    });
}

const streamed = (fields: object, deltas: readonly Delta[], reason?: FinishReason): Completion[] =>
  eventsOf(render({ ...fields, stream: true }, deltas, reason));

/** What a client makes of a stream: text and log probabilities joined by choice, the last reason, the last usage. */
function folded(events: readonly Completion[]): Completion {
  const choices: Completion["choices"] = [];
  for (const { text, index, logprobs, finish_reason } of events.flatMap((event) => event.choices)) {
    const told = (choices[index] ??= { text: "", index, logprobs: null, finish_reason: null });
    expect(told.finish_reason).toBeNull();
    told.text += text;
    told.logprobs = joined(told.logprobs, logprobs);
    told.finish_reason = finish_reason;
  }
  const [first] = events;
  if (!first) throw new Error("the stream is empty");
  return { ...first, choices, usage: events.at(-1)?.usage ?? null };
}

const joined = (before: CompletionLogprobs | null, more: CompletionLogprobs | null): CompletionLogprobs | null =>
  before && more
    ? {
        tokens: [...before.tokens, ...more.tokens],
        token_logprobs: [...before.token_logprobs, ...more.token_logprobs],
        top_logprobs: [...before.top_logprobs, ...more.top_logprobs],
        text_offset: [...before.text_offset, ...more.text_offset],
      }
    : (before ?? more);

const hello: Delta[] = [
  { kind: "thought", text: "hm" },
  { kind: "said", text: "" },
  { kind: "said", text: "Hel" },
  { kind: "said", text: "lo" },
];

describe("a plain body", () => {
  it("has what OpenAI's has, and no thinking", () =>
    expect(plain({}, hello)).toEqual({
      ...common,
      choices: [{ text: "Hello", index: 0, logprobs: null, finish_reason: "stop" }],
      usage: wireUsage,
    }));

  it("comes out at the end alone", () => {
    const renderer = openaiCompletions.decode(least).renderer(facts);
    expect(renderer.begin(usage) + renderer.delta({ kind: "said", text: "a" }, 0)).toBe("");
  });

  for (const [reason, word] of [
    ["stop", "stop"],
    ["length", "length"],
    ["cancelled", "stop"],
  ] as const)
    it(`says ${word} for ${reason}, streamed too`, () => {
      expect(plain({}, [], reason).choices).toMatchObject([{ text: "", finish_reason: word }]);
      expect(streamed({}, [], reason).at(-1)?.choices).toMatchObject([{ text: "", finish_reason: word }]);
    });
});

describe("a stream", () => {
  const choice = (text: string, finish_reason: "stop" | null = null) => [
    { text, index: 0, logprobs: null, finish_reason },
  ];

  it("tells text, end and [DONE]", () =>
    expect(streamed({}, hello)).toEqual([
      { ...common, choices: choice("Hel") },
      { ...common, choices: choice("lo") },
      { ...common, choices: choice("", "stop") },
    ]));

  it("tells usage to who asked", () =>
    expect(streamed(withUsage, hello.slice(2, 3))).toEqual([
      { ...common, choices: choice("Hel"), usage: null },
      { ...common, choices: choice("", "stop"), usage: null },
      { ...common, choices: [], usage: wireUsage },
    ]));

  it("holds no line end of any kind inside an event", () => {
    const text = "a\u2028b\u2029c\u0085d\r\ne\u000b\u000c\u001c";
    const logprobs: TokenLogprob[] = [{ text, bytes: [], logprob: -1, top: [{ text, bytes: [], logprob: -1 }] }];
    const body = render({ stream: true, logprobs: 1 }, [{ kind: "said", text, logprobs }]);
    for (const end of "\r\u000b\u000c\u001c\u0085\u2028\u2029") expect(body).not.toContain(end);
    expect(folded(eventsOf(body)).choices[0]).toMatchObject({ text, logprobs: { tokens: [text] } });
  });

  /**
   * Goal: the two renderings say the same, log probabilities and their places too. Method: arbitrary
   * deltas (any Unicode, lone surrogates too, tokens that are not the text's) through both.
   */
  it("says what the plain body says", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
      fc.constantFrom("\ud83d", '"\\', "\n\ndata: [DONE]\n\n"),
    );
    const chance = fc.record({ text, bytes: fc.constant([]), logprob: fc.constantFrom(0, -1.5) });
    const logprob = fc.tuple(chance, fc.array(chance, { maxLength: 2 })).map(([own, top]) => ({ ...own, top }));
    const delta = fc.oneof(
      fc.record({ kind: fc.constantFrom("said" as const, "thought" as const), text }),
      fc.record({
        kind: fc.constant("said" as const),
        text,
        logprobs: fc.array(logprob, { minLength: 1, maxLength: 2 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(delta, { maxLength: 8 }), fc.integer({ min: 1, max: 3 }), (deltas, n) => {
        const asked = { n, logprobs: 2 };
        const whole = plain(asked, deltas);
        const hasTokens = deltas.some((one) => one.kind === "said" && "logprobs" in one);
        // Only a body that is told at once knows that there were none.
        if (!hasTokens) for (const told of whole.choices) told.logprobs = null;
        expect(folded(streamed({ ...asked, ...withUsage }, deltas))).toEqual(whole);
      }),
    );
  });
});

it("tells where each token begins in the text that is told, though a token may hold more", () => {
  const token = (text: string): TokenLogprob => ({ text, bytes: [], logprob: -0.5, top: [] });
  const said: Delta[] = [
    { kind: "said", text: "Hi", logprobs: [token(" Hi")] },
    { kind: "said", text: " there.", logprobs: [token(" the"), token("re.")] },
  ];
  const logprobs = { tokens: [" Hi", " the", "re."], text_offset: [0, 2, 6] };
  expect(plain({ logprobs: 0 }, said).choices).toMatchObject([{ logprobs }]);
  expect(folded(streamed({ logprobs: 0 }, said)).choices).toMatchObject([{ logprobs }]);
});

it("tells several choices one after another, each with its end and its own places", () => {
  const said: Delta[] = [{ kind: "said", text: "hi", logprobs: [{ text: "hi", bytes: [], logprob: -1, top: [] }] }];
  const told = streamed({ n: 2, logprobs: 0 }, said).flatMap(({ choices }) => choices);
  expect(told.map(({ index, finish_reason, logprobs }) => [index, finish_reason, logprobs?.text_offset])).toEqual([
    [0, null, [0]],
    [0, "stop", undefined],
    [1, null, [0]],
    [1, "stop", undefined],
  ]);
  expect(plain({ n: 2 }, said).choices).toHaveLength(2);
});

it("tells errors as chat does", () => {
  const failure = { code: "context_length_exceeded", contextTokens: 1, promptTokens: 2 } as const;
  const body = openaiCompletions.errorBody(failure, "r" as RequestId);
  expect(openaiErrorSchema.parse(JSON.parse(body)).error).toMatchObject({
    code: "context_length_exceeded",
    param: "prompt",
  });
  expect(openaiCompletions.errorEvent(failure, "r" as RequestId, 3)).toBe(`data: ${body}\n\n`);
});
