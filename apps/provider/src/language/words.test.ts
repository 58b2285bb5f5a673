import {
  dialects,
  type Endpoint,
  type Finish,
  type RenderFacts,
  type TokenLogprob,
} from "@darkbloom/protocol/dialects";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { itemsOf, type ToldItem } from "../../test/told.ts";
import type { ReplyForm } from "./reply.ts";
import { taggedCalls } from "./tool-syntax.ts";
import { Words } from "./words.ts";

const facts: RenderFacts = { jobId: "job_1", createdSec: 0, nowSec: () => 0 };
const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, reasoningTokens: 0 };
const thought = { open: "<think>", close: "</think>", asTokens: false, expected: false };

const format = {
  type: "json_schema",
  schema: { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false },
};
const parameters = { type: "object", properties: {} };
const say = [{ role: "user", content: "hi" }];
/** What hides the thoughts that `asks` asks for. */
const hidden = { include_reasoning: false, reasoning: null, thinking: null };
/** For each dialect that answers: the least that asks for all that it can tell, and where tools and stop strings go. */
const asks: Readonly<Record<string, (tools: boolean, stop: readonly string[]) => object>> = {
  "/v1/chat/completions": (tools, stop) => ({
    messages: say,
    include_reasoning: true,
    stop,
    ...(tools && {
      tools: ["add", "now"].map((name) => ({ type: "function", function: { name, parameters } })),
    }),
  }),
  "/v1/responses": (tools, stop) => ({
    input: "hi",
    reasoning: { summary: "auto" },
    stop,
    ...(tools && { tools: ["add", "now"].map((name) => ({ type: "function", name, parameters })) }),
  }),
  "/v1/messages": (tools, stop) => ({
    messages: say,
    thinking: { type: "adaptive" },
    stop_sequences: stop,
    ...(tools && { tools: ["add", "now"].map((name) => ({ name, input_schema: parameters })) }),
  }),
  "/v1/completions": (_, stop) => ({ prompt: "hi", stop }),
};

interface Asked {
  readonly endpoint?: string;
  readonly stream?: boolean;
  readonly tools?: boolean;
  readonly stop?: readonly string[];
  readonly opensThinking?: boolean;
  readonly ended?: Finish["reason"];
  readonly more?: object;
}

interface Told {
  readonly items: readonly ToldItem[];
  readonly finish: Finish;
  readonly over: boolean;
  readonly words: Words;
  readonly body: string;
}

/** Feeds the pieces as the story does: until there is no more, or nothing more is wanted. */
function tell(pieces: readonly string[], asked: Asked = {}): Told {
  const { endpoint = "/v1/chat/completions", stream = true, tools = false, stop = [], opensThinking = false } = asked;
  const body = { model: "m", stream, ...asks[endpoint]?.(tools, stop), ...asked.more };
  const { job, renderer: rendererOf } = dialects[endpoint as Endpoint].decode(body);
  const renderer = rendererOf(facts);
  const form: ReplyForm = { opensThinking, thought, ...(job.tools.length > 0 && { toolSyntax: taggedCalls }) };
  let id = 0;
  const words = new Words(job, form, renderer, 0, () => `call_${id++}`);
  let text = renderer.begin(usage);
  for (const [at, piece] of pieces.entries()) {
    const logprob = job.topLogprobs === undefined ? {} : { logprob: tokenOf(piece) };
    text += words.push({ text: piece, completionTokens: at + 1, cachedTokens: 0, ...logprob });
    if (words.over) break;
  }
  text += words.end();
  const finish = words.finish(asked.ended ?? "stop");
  text += renderer.finish(finish, 0) + renderer.end(usage);
  return { items: itemsOf(endpoint, stream, text), finish, over: words.over, words, body: text };
}

const tokenOf = (text: string): TokenLogprob => ({ text, bytes: [], logprob: -1, top: [] });
const call = (name: string, text: string): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${text}}\n</tool_call>`;

/** Words that only a thought stood between. */
const joined = (items: readonly ToldItem[]): readonly ToldItem[] =>
  items.reduce<ToldItem[]>((before, item) => {
    const last = before.at(-1);
    return last?.kind === "said" && item.kind === "said"
      ? [...before.slice(0, -1), { kind: "said", text: last.text + item.text }]
      : [...before, item];
  }, []);

/** Goal: each rule of the text's way is seen once. Method: pieces as a model may say them, told by Responses, which keeps their order. */
describe("what a model says is told as", () => {
  const s = (text: string): ToldItem => ({ kind: "said", text });
  const t = (text: string): ToldItem => ({ kind: "thought", text });
  const c = (name: string, text: string, id = "call_0"): ToldItem => ({ kind: "call", id, name, arguments: text });
  const cases: [what: string, pieces: string[], asked: Asked, items: ToldItem[], finish: Finish][] = [
    ["words", ["a", " b"], {}, [s("a b")], { reason: "stop" }],
    ["words that were cut", ["a", " b"], { ended: "length" }, [s("a b")], { reason: "length" }],
    ["a thought and words", ["<think>a</th", "ink>\n\nb"], {}, [t("a"), s("b")], { reason: "stop" }],
    ["a thought that the prompt began", ["a</think>b"], { opensThinking: true }, [t("a"), s("b")], { reason: "stop" }],
    [
      "words before a stop string, and nothing of it",
      ["a#", "##", "b"],
      { stop: ["###"] },
      [s("a")],
      { reason: "stop", stopString: "###" },
    ],
    [
      "words before a stop string, and no thought that comes with it",
      ["a###<think>b"],
      { stop: ["###"] },
      [s("a")],
      { reason: "stop", stopString: "###" },
    ],
    ["half a stop string that ends the answer", ["a#", "#"], { stop: ["###"] }, [s("a##")], { reason: "stop" }],
    [
      "a stop string in a thought, which ends nothing",
      ["<think>a###b</think>c"],
      { stop: ["###"] },
      [t("a###b"), s("c")],
      { reason: "stop" },
    ],
    ["a call", [call("add", '{"a": 1}')], { tools: true }, [c("add", '{"a": 1}')], { reason: "tool_calls" }],
    [
      "words, and two calls",
      ["Let me see.\n", call("add", "{}"), "\n", call("now", "{}")],
      { tools: true },
      [s("Let me see."), c("add", "{}"), c("now", "{}", "call_1")],
      { reason: "tool_calls" },
    ],
    [
      "words that look like a stop string, before the call that follows them",
      ["Let me see.", call("add", "{}")],
      { tools: true, stop: [".#"] },
      [s("Let me see."), c("add", "{}")],
      { reason: "tool_calls" },
    ],
    [
      "a call, and none that comes after a stop string",
      [`a###${call("add", "{}")}`],
      { tools: true, stop: ["###"] },
      [s("a")],
      { reason: "stop", stopString: "###" },
    ],
    [
      "arguments with a think tag and a stop string in them, which are the caller's data",
      [call("add", '{"a": "<think>{###}</think>"}'), "b"],
      { tools: true, stop: ["###"] },
      [c("add", '{"a": "<think>{###}</think>"}'), s("b")],
      { reason: "tool_calls" },
    ],
    [
      "a text that mentions a think tag, which is text",
      ["Write `<th", "ink>` first, then `</think>`."],
      {},
      [s("Write `<think>` first, then `</think>`.")],
      { reason: "stop" },
    ],
    [
      "a constant that looks like a tag, in an answer that has a form",
      ['{"tag":"', "<think>", '"}'],
      { more: { text: { format: { type: "json_object" } } } },
      [s('{"tag":"<think>"}')],
      { reason: "stop" },
    ],
    [
      "a thought, and an answer that has a form with a tag in it",
      ["a</think>\n", '{"tag":"a</th', 'ink>b"}'],
      { opensThinking: true, more: { text: { format: { type: "json_object" } } } },
      [t("a"), s('{"tag":"a</think>b"}')],
      { reason: "stop" },
    ],
    [
      "a call or the form: the form with a call's tag in it",
      ['{"a":"<tool_call>', '{"}'],
      { tools: true, endpoint: "/v1/messages", more: { output_config: { format } } },
      [s('{"a":"<tool_call>{"}')],
      { reason: "stop" },
    ],
    [
      "a call or the form: a call",
      [call("add", "{}")],
      { tools: true, endpoint: "/v1/messages", more: { output_config: { format } } },
      [c("add", "{}")],
      { reason: "tool_calls" },
    ],
    [
      "one call, where the model makes it again and again",
      [call("add", '{"a": 1}'), call("add", '{"a": 1}'), call("add", '{"a": 1}')],
      { tools: true },
      [c("add", '{"a": 1}')],
      { reason: "tool_calls" },
    ],
    [
      "two calls of one tool with other arguments",
      [call("add", '{"a": 1}'), call("add", '{"a": 12}')],
      { tools: true },
      [c("add", '{"a": 1}'), c("add", '{"a": 12}', "call_1")],
      { reason: "tool_calls" },
    ],
    [
      "a forced call that was cut before its arguments",
      ['<tool_call>\n{"name": "ad'],
      { tools: true, ended: "length", more: { tool_choice: "required" } },
      [c("add", "")],
      { reason: "length" },
    ],
    [
      "a forced call that was cut before its name",
      ["<tool_c"],
      { tools: true, ended: "length", more: { tool_choice: { type: "function", name: "now" } } },
      [c("now", "")],
      { reason: "length" },
    ],
    [
      "arguments that the output bound cut",
      ['<tool_call>\n{"name": "add", "arguments": {"a', '": "<th'],
      { tools: true, ended: "length" },
      [c("add", '{"a": "<th')],
      { reason: "length" },
    ],
    [
      "the text of a call of a tool that was not offered",
      [call("rm", "{}")],
      { tools: true },
      [s(call("rm", "{}"))],
      { reason: "stop" },
    ],
    [
      "one call where only one may be, and nothing that follows it",
      [`${call("add", "{}")} and ${call("now", "{}")}`],
      { tools: true, more: { parallel_tool_calls: false } },
      [c("add", "{}")],
      { reason: "tool_calls" },
    ],
    [
      "one call where it was named",
      [call("add", "{}") + call("add", "{}")],
      { tools: true, more: { tool_choice: { type: "function", name: "add" } }, ended: "length" },
      [c("add", "{}")],
      { reason: "tool_calls" },
    ],
    [
      "words where no tool may be called",
      [call("add", "{}")],
      { tools: true, more: { tool_choice: "none" } },
      [s(call("add", "{}"))],
      { reason: "stop" },
    ],
    ["what came before a cancel", ["a"], { ended: "cancelled" }, [s("a")], { reason: "cancelled" }],
  ];
  for (const [what, pieces, asked, items, finish] of cases)
    for (const [cut, cutPieces] of [
      ["", pieces],
      [", in one piece", [pieces.join("")]],
      [", letter by letter", Array.from(pieces.join(""))],
    ] as const)
      it(what + cut, () => {
        const told = tell(cutPieces, { endpoint: "/v1/responses", ...asked });
        expect(told.items).toEqual(items);
        expect(told.finish).toEqual(finish);
      });

  it("over when a stop string or the one call has come, so that the model can stop", () => {
    expect(tell(["a"]).over).toBe(false);
    expect(tell(["a", "#"], { stop: ["#"] }).over).toBe(true);
    expect(tell([call("add", "{}")], { tools: true }).over).toBe(false);
    expect(tell([call("add", "{}")], { tools: true, more: { parallel_tool_calls: false } }).over).toBe(true);
  });
});

/** Goal: tools and a form go together wherever both can be asked for. Method: each dialect's own field of the form, and what a model may write. */
describe("with tools and a form, a call or the form", () => {
  const schema = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };
  const forms: readonly [endpoint: string, more: object][] = [
    [
      "/v1/chat/completions",
      { response_format: { type: "json_schema", json_schema: { name: "n", strict: true, schema } } },
    ],
    ["/v1/chat/completions", { response_format: { type: "json_object" } }],
    ["/v1/responses", { text: { format: { type: "json_schema", name: "n", strict: true, schema } } }],
    ["/v1/responses", { text: { format: { type: "json_object" } } }],
    ["/v1/messages", { output_config: { format: { type: "json_schema", schema } } }],
  ];
  const answers: readonly [string, string, ToldItem, Finish["reason"]][] = [
    ["a call", call("add", "{}"), { kind: "call", id: "call_0", name: "add", arguments: "{}" }, "tool_calls"],
    ["the form", '{"a":"<tool_call>"}', { kind: "said", text: '{"a":"<tool_call>"}' }, "stop"],
  ];
  for (const [endpoint, more] of forms)
    for (const stream of [true, false])
      for (const [what, text, item, reason] of answers)
        it(`${what} by ${endpoint}, ${stream ? "streamed" : "plain"}: ${Object.keys(more).join()}`, () => {
          const told = tell(Array.from(text), { endpoint, stream, tools: true, more });
          expect(told.items).toEqual([item]);
          expect(told.finish).toEqual({ reason });
        });
});

it("counts the tokens of thoughts, their tags included", () => {
  const pieces = ["<thi", "nk>", "a", "b", "</th", "ink>", "c", "d"];
  expect(tell(pieces).words.thoughtTokens).toBe(5);
  expect(tell(["a", "</think>", "b"], { opensThinking: true }).words.thoughtTokens).toBe(2);
});

/** Goal: log probabilities are those of the visible text alone. Method: tokens around everything that is held back or hidden. */
describe("log probabilities", () => {
  const tokens = (pieces: readonly string[], asked: Asked = {}): string[] => {
    const { body } = tell(pieces, { ...asked, stream: false, more: { logprobs: true } });
    const answer: { choices: { logprobs: { content: { token: string }[] } }[] } = JSON.parse(body);
    return answer.choices[0]?.logprobs.content.map(({ token }) => token) ?? [];
  };

  it.each<[string, string[], Asked, string[]]>([
    ["of plain words", ["a", " b"], {}, ["a", " b"]],
    ["without the space that is trimmed", ["\n", "a"], {}, ["a"]],
    ["of half a stop string, once it is text", ["a", "#", "b"], { stop: ["##"] }, ["a", "#", "b"]],
    ["of half a stop string at the end", ["a", "#"], { stop: ["##"] }, ["a", "#"]],
    ["without the stop string", ["a", "#", "#", "b"], { stop: ["##"] }, ["a"]],
    ["of a token that ends in a stop string", ["a", "b##"], { stop: ["##"] }, ["a", "b##"]],
    ["of half a tag, once it is text", ["a", "<th", "e"], {}, ["a", "<th", "e"]],
    ["without thoughts", ["<think>", "x", "</think>", "a"], {}, ["a"]],
    ["without thoughts whose tags are cut", ["<", "think>", "x", ".<", "/think", ">", "a"], {}, ["a"]],
    ["without a thought's end that brings words", ["<think>", "x.</", "think>a", "b"], {}, ["b"]],
    [
      "of a tag amid what is held back, which is text there",
      ["a", "#", "<think>", "x", "</think>", "b"],
      { stop: ["##"] },
      ["a", "#", "<think>", "x", "</think>", "b"],
    ],
    [
      "of half a tag amid what is held back",
      ["#", "<", "think>", "x", "</think>", "b"],
      { stop: ["##"] },
      ["#", "<", "think>", "x", "</think>", "b"],
    ],
    [
      "without a call",
      ["a", ".", "<tool_call>", '{"name": "add", ', '"arguments": {', "}", "}", "</tool_call>", "b"],
      { tools: true, stop: [".#"] },
      ["a", ".", "b"],
    ],
    ["of what looked like a call", ["a", "<tool_call>", "b"], { tools: true }, ["a", "<tool_call>", "b"]],
  ])("%s", (_, pieces, asked, expected) => expect(tokens(pieces, asked)).toEqual(expected));
});

/**
 * Goal: what an answer says does not depend on how it came: for every dialect, streamed or not, and any
 * borders between pieces, the told text is the same, and no stop string is in it.
 * Method: text made of everything that is looked for, in whole and in halves, cut at random.
 */
describe("any text, cut anywhere", () => {
  const fragments = [
    ...'<think> </think> <THINK> <thi nk> </ < > # ## ### END EN a b { } " \\'.split(" "),
    " ",
    "\n",
    "é",
    "\u{1f642}",
    "\u2028",
    "<tool_call>",
    "</tool_call>",
    '{"name": "add", "arguments": {',
    call("add", '{"a": "<think>###</think>"}'),
    call("now", "{}"),
    call("rm", "{}"),
  ];
  const text = fc.array(fc.constantFrom(...fragments), { maxLength: 14 }).map((parts) => parts.join(""));
  const cutText = text.chain((whole) =>
    fc.array(fc.nat(whole.length), { maxLength: 20 }).map((at) => {
      const cuts = [...new Set([0, ...at, whole.length])].toSorted((a, b) => a - b);
      return { whole, pieces: cuts.slice(1).map((cut, index) => whole.slice(cuts[index], cut)) };
    }),
  );
  const stops = fc.constantFrom<readonly string[]>([], ["###"], ["END", "##"], ["#<"], ["\n"]);

  for (const endpoint of Object.keys(asks))
    it(`is told the same by ${endpoint}`, () => {
      fc.assert(
        fc.property(cutText, stops, fc.boolean(), fc.boolean(), ({ whole, pieces }, stop, tools, opensThinking) => {
          const asked = { endpoint, stop, tools, opensThinking };
          const first = tell([whole], { ...asked, stream: false });
          for (const stream of [true, false])
            for (const cut of [pieces, Array.from(whole)]) {
              const told = tell(cut, { ...asked, stream });
              expect(told.items).toEqual(first.items);
              expect(told.finish).toEqual(first.finish);
            }
          for (const item of first.items)
            // In chat's one text, what was said before a call and after it stand side by side, and may look like anything.
            if (item.kind === "said" && (endpoint !== "/v1/chat/completions" || !tools))
              for (const one of stop) expect(item.text).not.toContain(one);
          const unthought = tell(pieces, { ...asked, more: hidden }).items;
          expect(joined(unthought)).toEqual(joined(first.items.filter(({ kind }) => kind !== "thought")));
          const { stopString } = first.finish;
          expect(stopString === undefined || stop.includes(stopString)).toBe(true);
        }),
        { numRuns: 300 },
      );
    });
});
