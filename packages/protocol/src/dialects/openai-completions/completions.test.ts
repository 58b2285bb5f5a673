import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NetworkError } from "../../failures.ts";
import type { Usage } from "../../money.ts";
import type { Delta, FinishReason } from "../dialect.ts";
import { type Completion, completionSchema } from "./answer-schema.ts";
import { openaiCompletions } from "./index.ts";

const usage: Usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const least = { model: "m", prompt: "hi" };
const decode = (more: object = {}) => openaiCompletions.decode({ ...least, ...more });

describe("a request", () => {
  const table: [what: string, fields: object, job: object][] = [
    ["a prompt", {}, { messages: [{ role: "user", text: "hi" }], choices: 1, maxTokens: 8192, stream: false }],
    ["a list of one", { prompt: ["a"] }, { messages: [{ role: "user", text: "a" }] }],
    ["bounds, by their order", { max_tokens: 1, max_completion_tokens: 2, max_output_tokens: 3 }, { maxTokens: 1 }],
    ["a bound of Responses", { max_output_tokens: 3 }, { maxTokens: 3 }],
    ["choices", { n: 4 }, { choices: 4 }],
    ["log probabilities", { logprobs: 0 }, { topLogprobs: 0 }],
    ["what changes nothing", { echo: false, suffix: "", best_of: 1, user: "u" }, { choices: 1 }],
  ];
  it.each(table)("with %s", (_what, fields, job) => {
    expect(decode(fields).job).toMatchObject(job);
  });

  const refused: [param: string, code: string, fields: object][] = [
    ["prompt", "body_invalid", { prompt: undefined }],
    ["prompt", "body_invalid", { prompt: [] }],
    ["prompt", "unsupported", { prompt: ["a", "b"] }],
    ["prompt", "unsupported", { prompt: [1, 2] }],
    ["best_of", "unsupported", { best_of: 2 }],
    ["echo", "unsupported", { echo: true }],
    ["suffix", "unsupported", { suffix: "x" }],
    ["logprobs", "body_invalid", { logprobs: 6 }],
    ["n", "body_invalid", { n: 5 }],
    ["temperature", "body_invalid", { temperature: -1 }],
  ];
  it.each(refused)("is refused by %s: %s", (param, code, fields) => {
    let failure: unknown;
    try {
      decode(fields);
    } catch (error) {
      failure = error instanceof NetworkError ? error.failure : error;
    }
    expect(failure).toMatchObject({ code, param });
  });
});

type Said = readonly (readonly Delta[])[];

function render(fields: object, choices: Said, reason: FinishReason = "stop"): string {
  const renderer = decode({ n: choices.length, ...fields }).renderer({ jobId: "job_1", createdSec: 1 });
  let body = renderer.begin(usage);
  for (const [choice, deltas] of choices.entries())
    body += deltas.map((delta) => renderer.delta(delta, choice)).join("") + renderer.finish({ reason }, choice);
  return body + renderer.end(usage);
}

const plain = (fields: object, choices: Said, reason?: FinishReason): Completion =>
  completionSchema.parse(JSON.parse(render(fields, choices, reason)));

function streamed(fields: object, choices: Said, reason?: FinishReason): Completion[] {
  const events = render({ ...fields, stream: true }, choices, reason).split("\n\n");
  expect(events.slice(-2)).toEqual(["data: [DONE]", ""]);
  return events.slice(0, -2).map((event) => {
    expect(event).toMatch(/^data: [^\r\n]+$/);
    return completionSchema.parse(JSON.parse(event.slice("data: ".length)));
  });
}

const hello: Delta[] = [
  { kind: "thought", text: "hm" },
  { kind: "said", text: "Hel" },
  { kind: "said", text: "lo" },
];

describe("an answer", () => {
  it("has what OpenAI's has", () => {
    expect(plain({}, [hello])).toEqual({
      id: "cmpl-job_1",
      object: "text_completion",
      created: 1,
      model: "m",
      choices: [{ text: "Hello", index: 0, logprobs: null, finish_reason: "stop" }],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 5,
        total_tokens: 12,
        prompt_tokens_details: { cached_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    });
  });

  it("tells usage in a stream to who asked, and null until then", () => {
    expect(streamed({}, [hello]).some((event) => "usage" in event)).toBe(false);
    const events = streamed({ stream_options: { include_usage: true } }, [hello]);
    expect(events.map((event) => event.usage?.total_tokens ?? null)).toEqual([null, null, null, 12]);
    expect(events.at(-1)?.choices).toEqual([]);
  });

  /** Goal: the stream of each choice folds to its plain text, with offsets of log probabilities that go on. Method: arbitrary texts and choices. */
  it("says the same plain and streamed", () => {
    const said = fc.string({ unit: "binary", maxLength: 6 }).map((text): Delta => ({
      kind: "said",
      text,
      logprobs: text === "" ? [] : [{ text, bytes: [1], logprob: -1, top: [{ text: "t", bytes: [1], logprob: -1 }] }],
    }));
    const choices = fc.array(fc.array(said, { maxLength: 5 }), { minLength: 1, maxLength: 4 });
    const reasons = fc.constantFrom<FinishReason>("stop", "length");
    fc.assert(
      fc.property(choices, reasons, (made, reason) => {
        const body = plain({ logprobs: 1 }, made, reason);
        const events = streamed({ logprobs: 1 }, made, reason);
        for (const { index, text, logprobs, finish_reason } of body.choices) {
          const parts = events.flatMap((event) => event.choices.filter((choice) => choice.index === index));
          expect(parts.map((part) => part.text).join("")).toBe(text);
          expect(parts.flatMap((part) => part.logprobs?.text_offset ?? [])).toEqual(logprobs?.text_offset);
          expect(parts.at(-1)?.finish_reason).toBe(finish_reason);
        }
      }),
    );
  });
});
