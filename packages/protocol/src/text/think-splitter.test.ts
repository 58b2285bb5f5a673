import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TextDelta } from "../dialects/dialect.ts";
import { ThinkSplitter } from "./think-splitter.ts";

const tags = { open: "<think>", close: "</think>", asTokens: false };

function split(
  chunks: readonly string[],
  startsThinking = false,
): { said: string; thought: string; deltas: TextDelta[] } {
  const splitter = new ThinkSplitter({ ...tags, startsThinking });
  const deltas = [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
  const joined = (kind: TextDelta["kind"]) =>
    deltas
      .filter((delta) => delta.kind === kind)
      .map((delta) => delta.text)
      .join("");
  return { said: joined("said"), thought: joined("thought"), deltas };
}

/** Texts full of tags, pieces of tags and what looks like them. */
const taggedText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "<think>",
        "</think>",
        "<THINK>",
        "</Think>",
        "<",
        "</",
        "<t",
        "<thi",
        "nk>",
        "think>",
        "</thin",
        "k>",
      ),
      fc.constantFrom(" ", "\n\n", "\t", "a < b", "<b>", "word", "é😀", "<thinking>", "thin\u212A>"),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(""));

/** Cuts a text at arbitrary places, also inside of tags; empty pieces are among them. */
function cut(text: string, places: readonly number[]): string[] {
  const cuts = places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b);
  return [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length));
}

describe("what is thought and what is said", () => {
  const cases: [text: string, said: string, thought: string][] = [
    ["Hello", "Hello", ""],
    ["<think>hm</think>Hello", "Hello", "hm"],
    ["<think>\nhm\n\n and\n</think>\n\nHello", "Hello", "hm\n\n and"],
    ["<think>1</think>\n<think>2</think>c", "c", "12"],
    ["  \n<think>hm</think> Hello ", "Hello ", "hm"],
    ["\n Hello", "Hello", ""],
    ["<THINK>hm</tHiNk>Hello", "Hello", "hm"],
    ["a<think>1</think>\nb", "a<think>1</think>\nb", ""],
    ["Hello `<think>` and on", "Hello `<think>` and on", ""],
    ["a</think>  b", "a</think>  b", ""],
    ["<think>a<think>b</think>c", "c", "a<think>b"],
    ["2 < 3 and <b>bold</b> <thinking>", "2 < 3 and <b>bold</b> <thinking>", ""],
    ["a <", "a <", ""],
    ["a </", "a </", ""],
    ["a<t", "a<t", ""],
    ["cat <<<", "cat <<<", ""],
    ["a<thi", "a<thi", ""],
    ["<thi", "", ""],
    ["<t", "<t", ""],
    ["a</think", "a</think", ""],
    ["<think>b</thi", "", "b"],
    ["<thi<think>x</think>nk>y", "<thi<think>x</think>nk>y", ""],
    ["thin\u212A> <thin\u212A>", "thin\u212A> <thin\u212A>", ""],
    ["", "", ""],
  ];
  for (const [text, said, thought] of cases)
    it(JSON.stringify(text), () => {
      expect(split([text])).toMatchObject({ said, thought });
      expect(split(text.split(""))).toMatchObject({ said, thought });
    });

  it("starts with thought where the template opened the block", () => {
    expect(split(["hm</think>\nHello"], true)).toMatchObject({ said: "Hello", thought: "hm" });
    expect(split(["<think>hm</think>Hello"], true)).toMatchObject({ said: "Hello", thought: "hm" });
    expect(split(["never closed"], true)).toMatchObject({ said: "", thought: "never closed" });
  });

  it("holds back only what can be the beginning of a tag", () => {
    const splitter = new ThinkSplitter({ ...tags, startsThinking: true });
    expect(splitter.push("a <")).toEqual([{ kind: "thought", text: "a" }]);
    expect(splitter.push(" b")).toEqual([{ kind: "thought", text: " < b" }]);
    expect(splitter.push("c</thin")).toEqual([{ kind: "thought", text: "c" }]);
    expect(splitter.push("g")).toEqual([{ kind: "thought", text: "</thing" }]);
    expect(splitter.push("</think>x <")).toEqual([{ kind: "said", text: "x <" }]);
  });
});

describe("where the tags are tokens of their own", () => {
  const told = (startsThinking: boolean, ...pieces: readonly (readonly [string, boolean])[]) => {
    const splitter = new ThinkSplitter({ ...tags, asTokens: true, startsThinking });
    return [...pieces.flatMap(([text, special]) => splitter.push(text, special)), ...splitter.end()];
  };
  const said = (text: string) => ({ kind: "said", text });
  const thought = (text: string) => ({ kind: "thought", text });
  it.each<[string, readonly (readonly [string, boolean])[], readonly object[]]>([
    [
      "the tokens count",
      [
        ["<think>", true],
        ["\nhm", false],
        ["</think>", true],
        ["\n\na", false],
      ],
      [thought("hm"), said("a")],
    ],
    [
      "the same characters are text",
      [
        ["<think>", false],
        ["a</think>", false],
      ],
      [said("<think>"), said("a</think>")],
    ],
    [
      "also in the middle",
      [
        ["a", false],
        ["<think>", true],
        ["b", false],
        ["</think>", true],
        ["c", false],
      ],
      [said("a"), thought("b"), said("c")],
    ],
    [
      "a token that closes nothing is no text",
      [
        ["a", false],
        ["</think>", true],
        ["b", false],
      ],
      [said("a"), said("b")],
    ],
    [
      "what a token brings along is not lost",
      [
        ["<think>", true],
        ["x", false],
        ["é</think>", true],
        ["b", false],
      ],
      [thought("x"), thought("é"), said("b")],
    ],
  ])("%s", (_, pieces, deltas) => expect(told(false, ...pieces)).toEqual(deltas));

  it("begins inside what the template opened", () => {
    expect(told(true, ["a </think> b", false], ["</think>", true], [" c", false])).toEqual([
      thought("a </think> b"),
      said("c"),
    ]);
  });
});

/**
 * Goal: a model that repeats one half tag for ever costs no more than any other. Method: more of them
 * than an answer holds, one by one, and then a tag or plain text.
 */
it("does not read a long run of half tags again and again", () => {
  const run = Array.from({ length: 200_000 }, (_, i) => (i % 2 ? "<" : "<thi"));
  const started = process.threadCpuUsage();
  expect(split([...run, "y"], true).thought).toBe(`${run.join("")}y`);
  expect(split([...run, "y"]).said).toBe(`${run.join("")}y`);
  expect(process.threadCpuUsage(started).user).toBeLessThan(5_000_000);
});

describe("any text in any pieces", () => {
  /**
   * Goal: chunk borders change nothing. Method: texts of tag debris, cut at arbitrary places, against
   * the same text in one push; runs of one kind come as one delta within a push.
   */
  it("splits the same way", () => {
    fc.assert(
      fc.property(taggedText, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (text, places, startsThinking) => {
        const whole = split([text], startsThinking);
        const pieces = split(cut(text, places), startsThinking);
        expect(pieces.said).toBe(whole.said);
        expect(pieces.thought).toBe(whole.thought);
        expect(pieces.deltas.every((delta) => delta.text !== "")).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  /** Goal: text without any `<` passes whole, but for its first white space. Method: arbitrary strings. */
  it("loses nothing of plain text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        (text, places) => {
          const plain = text.replaceAll("<", "(");
          expect(split(cut(plain, places)).said).toBe(plain.trimStart());
        },
      ),
    );
  });
});
