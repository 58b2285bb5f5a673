import type { Delta } from "@darkbloom/protocol/dialects";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallReader, type ReadingRules } from "./call-reader.ts";
import { bareCalls as bare, taggedCalls as tagged, type ToolSyntax } from "./tool-syntax.ts";

interface Read {
  readonly said: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly whole: number;
}

const noted = {
  name: "note",
  parameters: { properties: { text: { type: "string" }, times: { type: "integer" } } },
};
const offered = [...["weather", "time"].map((name) => ({ name, parameters: {} })), noted];

function read(syntax: ToolSyntax, pieces: readonly string[], rules: Partial<ReadingRules> = {}): Read {
  let id = 0;
  const reader = new CallReader({ syntax, tools: offered, ...rules }, () => `call_${id++}`);
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

const listed: ToolSyntax = { ...bare, begin: "[TOOL_CALLS][", between: ", ", end: "]" };
const bareListed: ToolSyntax = { ...bare, begin: "[", between: ", ", end: "]" };
const inParts: ToolSyntax = { ...bare, open: "[TOOL_CALLS]", body: { kind: "parts", infix: "[ARGS]" }, between: "" };
const inPython: ToolSyntax = { ...bare, begin: "[", body: { kind: "python" }, between: ", ", end: "]" };
const aloneInPython: ToolSyntax = { ...bare, body: { kind: "python" } };
const keyed: ToolSyntax = {
  ...bare,
  open: "<call>",
  body: { kind: "keyed", infix: "\n", argument: { open: "<arg>", infix: "</arg>\n", close: "\n</val>\n" } },
  close: "</call>",
};

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
  [
    "half a tag after a tag that was none",
    tagged,
    "a <tool_call> b <tool",
    { said: "a <tool_call> b <tool", calls: [] },
  ],
  ["a list without a tag", bareListed, `[${weather}, ${time}]`, { said: "", calls: [weatherCall, timeCall] }],
  ["white space at the end of words", tagged, "Hello.\n", { said: "Hello.\n", calls: [] }],
  ["no white space after a call", tagged, `<tool_call>${time}</tool_call>\n ok \n`, { said: "ok", calls: [timeCall] }],
  ["a list, where calls stand alone", bare, `[${time}]`, { said: `[${time}]`, calls: [] }],
  [
    "a call in its head, where there is more than one tool",
    tagged,
    '<tool_call>{"name": "wea',
    {
      said: '<tool_call>{"name": "wea',
      calls: [],
    },
  ],
  [
    "the name of a call that is cut behind it",
    tagged,
    '<tool_call>{"name": "weather"',
    {
      said: "",
      calls: [{ name: "weather", arguments: "" }],
    },
  ],
  [
    "a call of which the name may go on",
    tagged,
    '<tool_call>{"name": "weather',
    {
      said: '<tool_call>{"name": "weather',
      calls: [],
    },
  ],
  ["calls in a list", listed, `[TOOL_CALLS][${weather}, ${time}]`, { said: "", calls: [weatherCall, timeCall] }],
  ["words behind a list", listed, `[TOOL_CALLS] [${time} ]\nok`, { said: "ok", calls: [timeCall] }],
  ["a list that is not closed, before words", listed, `[TOOL_CALLS][${time} ok`, { said: "ok", calls: [timeCall] }],
  ["a list whose second is none", listed, `[TOOL_CALLS][${time}, 7]`, { said: ", 7]", calls: [timeCall] }],
  [
    "a name beside its arguments",
    inParts,
    `Now: [TOOL_CALLS]weather[ARGS]${weatherCall.arguments}`,
    {
      said: "Now:",
      calls: [weatherCall],
    },
  ],
  [
    "a name beside what are no arguments",
    inParts,
    "[TOOL_CALLS]weather[ARGS] none",
    {
      said: "[TOOL_CALLS]weather[ARGS] none",
      calls: [],
    },
  ],
  [
    "two names beside their arguments",
    inParts,
    "[TOOL_CALLS]time[ARGS]{}[TOOL_CALLS]weather[ARGS]{}",
    {
      said: "",
      calls: [timeCall, { name: "weather", arguments: "{}" }],
    },
  ],
  [
    "a call in Python's words",
    inPython,
    `[weather(city="a)b", days=[1, 2]), time()]`,
    {
      said: "",
      calls: [{ name: "weather", arguments: '{"city": "a)b", "days": [1, 2]}' }, timeCall],
    },
  ],
  ["a call in Python's words that is none", inPython, "[weather(7)]", { said: "[weather(7)]", calls: [] }],
  ["a call in Python's words that stands alone", aloneInPython, "time()", { said: "", calls: [timeCall] }],
  [
    "arguments that are named one by one",
    keyed,
    `<call>note\n<arg>text</arg>\n7\n</val>\n<arg>times</arg>\n7\n</val>\n</call> ok`,
    {
      said: "ok",
      calls: [{ name: "note", arguments: '{"text": "7", "times": 7}' }],
    },
  ],
  ["no arguments, where they are named one by one", keyed, "<call>time\n</call>", { said: "", calls: [timeCall] }],
  [
    "an argument that is not whole",
    keyed,
    "<call>note\n<arg>text</arg>\nsev",
    {
      said: "",
      calls: [{ name: "note", arguments: "" }],
    },
  ],
  [
    "an argument of two lines, without the line ends around it",
    keyed,
    "<call>note\n<arg>text</arg>\n\na\n\n</val>\n</call>",
    {
      said: "",
      calls: [{ name: "note", arguments: '{"text": "\\na\\n"}' }],
    },
  ],
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

  /** Goal: where a call must come, what is cut is one if it is sure which, and nothing is said. Method: cut in every place, with one tool and with more. */
  it.each<[string, string, string[], Omit<Read, "whole">]>([
    ["in nothing", "", ["time"], { said: "", calls: [] }],
    ["in the tag, of the only tool", "<tool", ["time"], { said: "", calls: [{ name: "time", arguments: "" }] }],
    ["in the tag, of either", "<tool", ["time", "weather"], { said: "", calls: [] }],
    [
      "in the head, of the only tool",
      '<tool_call>{"na',
      ["time"],
      { said: "", calls: [{ name: "time", arguments: "" }] },
    ],
    ["in the head, of either", '<tool_call>{"na', ["time", "weather"], { said: "", calls: [] }],
    ["before the name", '<tool_call>{"name": "', ["time", "weather"], { said: "", calls: [] }],
    [
      "in a name that is sure",
      '<tool_call>{"name": "ti',
      ["time", "weather"],
      { said: "", calls: [{ name: "time", arguments: "" }] },
    ],
    ["in a name that is not", '<tool_call>{"name": "ti', ["time", "tide"], { said: "", calls: [] }],
    [
      "behind a name that another goes on from",
      '<tool_call>{"name": "time"',
      ["time", "time_of"],
      { said: "", calls: [{ name: "time", arguments: "" }] },
    ],
    ["in a name that is none", '<tool_call>{"name": "x', ["time", "weather"], { said: "", calls: [] }],
    ["in the next tag", `<tool_call>${time}</tool_call>\n<tool`, ["time"], { said: "", calls: [timeCall] }],
  ])("knows a forced call that was cut %s", (_, text, names, expected) => {
    const rules = { forced: true, tools: names.map((name) => ({ name, parameters: {} })) };
    expect(read(tagged, [text], rules)).toMatchObject(expected);
    expect(read(tagged, Array.from(text), rules)).toMatchObject(expected);
  });

  it("takes a call that was cut in its head for words where it is free, though there be one tool", () => {
    const text = '<tool_call>{"na';
    expect(read(tagged, [text], { tools: [noted] })).toEqual({ said: text, calls: [], whole: 0 });
  });

  it.each([
    ["at the start", `\n<tool_call>${time}</tool_call>`, { said: "", calls: [timeCall] }],
    [
      "after words",
      `Well: <tool_call>${time}</tool_call>`,
      { said: `Well: <tool_call>${time}</tool_call>`, calls: [] },
    ],
    ["of half a tag", " <tool", { said: " <tool", calls: [] }],
  ])("takes calls at the start alone, where it is told to: %s", (_, text, expected) => {
    expect(read(tagged, [text], { atStart: true })).toMatchObject(expected);
    expect(read(tagged, Array.from(text), { atStart: true })).toMatchObject(expected);
  });

  it.each<[string, ToolSyntax, readonly [string, boolean, number][]]>([
    [
      "in JSON",
      tagged,
      [
        ["Hi <too", false, 5],
        ["l_call>", false, 12],
        ['{"name": "time", "arguments": ', false, 42],
        ["{", true, 0],
        ["}", false, 0],
      ],
    ],
    [
      "named one by one",
      keyed,
      [
        ["<call>time", false, 10],
        ["\n<", true, 1],
        ["/call>", false, 0],
      ],
    ],
  ])("knows what it holds back, and when it is in arguments %s", (_, syntax, steps) => {
    const reader = new CallReader({ syntax, tools: offered }, () => "call_0");
    for (const [text, isIn, heldUnits] of steps) {
      reader.push(text);
      expect([text, reader.inArguments, reader.heldUnits]).toEqual([text, isIn, heldUnits]);
    }
  });

  it("counts a call as whole when its object is", () => {
    expect(read(tagged, [`<tool_call>${time}`]).whole).toBe(1);
    expect(read(tagged, Array.from(`<tool_call>${time}</tool_call>`)).whole).toBe(1);
    expect(read(bare, Array.from(time)).whole).toBe(1);
    expect(read(bare, [time.slice(0, -1)]).whole).toBe(0);
  });
});
