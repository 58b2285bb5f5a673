import type { Delta } from "@darkbloom/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallReader } from "./call-reader.ts";
import { bareCalls as bare, taggedCalls as tagged, type ToolSyntax } from "./tool-syntax.ts";

interface Read {
  readonly said: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly whole: number;
}

function read(syntax: ToolSyntax, pieces: readonly string[]): Read {
  let id = 0;
  const reader = new CallReader(
    { syntax, tools: ["weather", "time"].map((name) => ({ name, parameters: {} })) },
    () => `call_${id++}`,
  );
  const deltas: Delta[] = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
  let said = "";
  const calls: { name: string; arguments: string }[] = [];
  for (const delta of deltas) {
    if (delta.kind === "said") said += delta.text;
    if (delta.kind === "call") calls.push({ name: delta.name, arguments: "" });
    const last = calls.at(-1);
    if (delta.kind === "arguments" && last) last.arguments += delta.text;
  }
  expect(reader.begun).toBe(calls.length);
  return { said, calls, whole: reader.whole };
}

const weather = '{"name": "weather", "arguments": {"city": "a}b\\"{"}}';
const weatherCall = { name: "weather", arguments: '{"city": "a}b\\"{"}' };
const time = '{"name":"time","arguments":{}}';
const timeCall = { name: "time", arguments: "{}" };

/** What a model writes → what is said and called. */
const cases: readonly (readonly [string, ToolSyntax, string, Omit<Read, "whole">])[] = [
  ["plain words", tagged, "Hello < there.", { said: "Hello < there.", calls: [] }],
  ["a call", tagged, `<tool_call>\n${weather}\n</tool_call>`, { said: "", calls: [weatherCall] }],
  [
    "words, then a call",
    tagged,
    `Let me see.\n\n<tool_call>\n${weather}\n</tool_call>`,
    { said: "Let me see.", calls: [weatherCall] },
  ],
  [
    "two calls",
    tagged,
    `<tool_call>\n${weather}\n</tool_call>\n<tool_call>\n${time}\n</tool_call>`,
    { said: "", calls: [weatherCall, timeCall] },
  ],
  ["a call that is not closed", tagged, `<tool_call>\n${weather}`, { said: "", calls: [weatherCall] }],
  [
    "arguments first",
    tagged,
    '<tool_call>{"arguments": {"a":1}, "name": "time"}</tool_call>',
    { said: "", calls: [{ name: "time", arguments: '{"a":1}' }] },
  ],
  [
    "arguments as a string",
    tagged,
    '<tool_call>{"name":"time","arguments":"{\\"a\\":1}"}</tool_call>',
    { said: "", calls: [{ name: "time", arguments: '{"a":1}' }] },
  ],
  [
    "a tool that was not offered",
    tagged,
    '<tool_call>{"name":"rm","arguments":{}}</tool_call>',
    { said: '<tool_call>{"name":"rm","arguments":{}}</tool_call>', calls: [] },
  ],
  [
    "a call after a tag that was none",
    tagged,
    `See: <tool_call> or <tool_call>\n${time}\n</tool_call>`,
    { said: "See: <tool_call> or", calls: [timeCall] },
  ],
  [
    "a call after one of a tool that was not offered",
    tagged,
    `<tool_call>{"name":"rm"}</tool_call><tool_call>${time}</tool_call>`,
    { said: '<tool_call>{"name":"rm"}</tool_call>', calls: [timeCall] },
  ],
  [
    "words after a call, without the space between",
    tagged,
    `<tool_call>\n${time}\n</tool_call>\n\nDone, it seems.\n`,
    { said: "Done, it seems.", calls: [timeCall] },
  ],
  [
    "a call with more members than it should have",
    tagged,
    `<tool_call>{"name":"time","arguments":{} , "why": {"a": "}"}}</tool_call>ok`,
    { said: "ok", calls: [timeCall] },
  ],
  [
    "a call whose tag is not closed, before words",
    tagged,
    `<tool_call>${time}</tool words`,
    { said: "</tool words", calls: [timeCall] },
  ],
  [
    "arguments that were cut",
    tagged,
    `<tool_call>\n${time.slice(0, -2)}`,
    { said: "", calls: [{ name: "time", arguments: "{" }] },
  ],
  ["half a tag", tagged, "1 <tool", { said: "1 <tool", calls: [] }],
  ["a bare call", bare, weather, { said: "", calls: [weatherCall] }],
  ["two bare calls", bare, `${weather}\n${time}`, { said: "", calls: [weatherCall, timeCall] }],
  ["an object that is no call", bare, '{"answer": 42} it is', { said: '{"answer": 42} it is', calls: [] }],
  ["an object inside of words", bare, `See: ${time}`, { said: `See: ${time}`, calls: [] }],
  ["half an object", bare, '{"name": "weat', { said: '{"name": "weat', calls: [] }],
];

describe("reading calls out of what a model says", () => {
  it.each(cases)("finds %s", (_what, syntax, text, expected) => {
    expect(read(syntax, [text])).toMatchObject(expected);
  });

  /** Goal: chunk borders change nothing. Method: every text above, cut at random places, and one character at a time. */
  it("tells the same however the text is cut", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.array(fc.nat(200), { maxLength: 12 }),
        ([, syntax, text, expected], at) => {
          const cuts = [...new Set([0, ...at.filter((cut) => cut < text.length), text.length])].toSorted(
            (a, b) => a - b,
          );
          const pieces = cuts.slice(1).map((cut, index) => text.slice(cuts[index], cut));
          expect(read(syntax, pieces)).toMatchObject(expected);
        },
      ),
    );
    for (const [, syntax, text, expected] of cases) expect(read(syntax, Array.from(text))).toMatchObject(expected);
  });

  /** Goal: the same of text that nobody thought of. Method: parts of calls in any order, whole against cut. */
  it("tells the same of anything, however it is cut", () => {
    const parts = ["<tool_call>", "</tool_call>", "<tool", "{", "}", '"', "\n", " ", "a", ",", weather, time];
    const more = ['{"name":"time","arguments":', '{"arguments":{}, "name":"time"}', '{"name":"rm"}', '"name": "time"'];
    fc.assert(
      fc.property(
        fc.constantFrom(tagged, bare),
        fc.array(fc.constantFrom(...parts, ...more), { maxLength: 10 }).map((chosen) => chosen.join("")),
        fc.array(fc.nat(100), { maxLength: 5 }),
        (syntax, text, at) => {
          const whole = read(syntax, [text]);
          const cuts = [...new Set([0, ...at.filter((cut) => cut < text.length), text.length])].toSorted(
            (a, b) => a - b,
          );
          const pieces = cuts.slice(1).map((cut, index) => text.slice(cuts[index], cut));
          expect(read(syntax, pieces)).toEqual(whole);
          expect(read(syntax, Array.from(text))).toEqual(whole);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("gives up on what is no call after a while, also where all of it comes at once", () => {
    const endless = `<tool_call>{"arguments": {"a": "${"x".repeat(5000)}"}, "name": "time"}</tool_call>`;
    for (const pieces of [[endless], endless.match(/.{1,100}/gs) ?? []])
      expect(read(tagged, pieces)).toEqual({ said: endless, calls: [], whole: 0 });
  });

  it("passes arguments on while they are written", () => {
    const reader = new CallReader({ syntax: tagged, tools: [{ name: "time", parameters: {} }] }, () => "call_0");
    reader.push('<tool_call>{"name": "time", "arguments": ');
    expect(reader.push('{"a": ')).toEqual([
      { kind: "call", id: "call_0", name: "time" },
      { kind: "arguments", text: '{"a": ' },
    ]);
    expect(reader.push("1}")).toEqual([{ kind: "arguments", text: "1}" }]);
  });

  it("counts a call as whole when its object is", () => {
    expect(read(tagged, [`<tool_call>${time}`]).whole).toBe(1);
    expect(read(tagged, Array.from(`<tool_call>${time}</tool_call>`)).whole).toBe(1);
    expect(read(bare, Array.from(time)).whole).toBe(1);
    expect(read(bare, [time.slice(0, -1)]).whole).toBe(0);
  });
});
