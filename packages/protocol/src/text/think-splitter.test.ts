import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TextDelta } from "../dialects/dialect.ts";
import { ThinkSplitter } from "./think-splitter.ts";

const anyTag = /<\/?think>/i;
const halfTagAtEnd = /<(?:th|thi|thin|think|\/t|\/th|\/thi|\/thin|\/think)$/i;

function split(
  chunks: readonly string[],
  startsThinking = false,
): { said: string; thought: string; deltas: TextDelta[] } {
  const splitter = new ThinkSplitter({ startsThinking });
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
    ["<think>\nhm\n</think>\n\nHello", "Hello", "\nhm\n"],
    ["  \n<think>hm</think> Hello ", "Hello ", "hm"],
    ["\n Hello", "Hello", ""],
    ["<THINK>hm</tHiNk>Hello", "Hello", "hm"],
    ["a<think>1</think>\nb<think>2</think>c", "abc", "12"],
    ["Hello <think>and on", "Hello ", "and on"],
    ["a</think>  b", "ab", ""],
    ["<think>a<think>b</think>c", "c", "ab"],
    ["2 < 3 and <b>bold</b> <thinking>", "2 < 3 and <b>bold</b> <thinking>", ""],
    ["a <", "a <", ""],
    ["a </", "a </", ""],
    ["a<t", "a<t", ""],
    ["cat <<<", "cat <<<", ""],
    ["a<thi", "a", ""],
    ["a</think", "a", ""],
    ["<think>b</thi", "", "b"],
    ["<thi<think>x</think>nk>y", "nk>y", "x"],
    ["<<<think>x</think>think>y", "think>y", "x"],
    ["<thi<thi<think>x</think>nk>nk>", "nk>nk>", "x"],
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
    const splitter = new ThinkSplitter();
    expect(splitter.push("a <")).toEqual([{ kind: "said", text: "a " }]);
    expect(splitter.push(" b")).toEqual([{ kind: "said", text: "< b" }]);
    expect(splitter.push("c</thin")).toEqual([{ kind: "said", text: "c" }]);
    expect(splitter.push("g")).toEqual([{ kind: "said", text: "</thing" }]);
    expect(splitter.push("<think>x")).toEqual([{ kind: "thought", text: "x" }]);
  });
});

/**
 * Goal: a model that repeats one half tag for ever costs no more than any other. Method: more of them
 * than an answer holds, one by one, and then a tag or plain text.
 */
it("does not read a long run of half tags again and again", () => {
  const run = Array.from({ length: 200_000 }, (_, i) => (i % 2 ? "<" : "<thi"));
  const started = performance.now();
  expect(split([...run, "<think>x"])).toMatchObject({ said: "", thought: "x" });
  expect(split([...run, "y"]).said).toBe(`${run.join("")}y`);
  expect(performance.now() - started).toBeLessThan(5_000);
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

  /** Goal: no tag and no half tag is ever let out. Method: the same texts; look at all prefixes of the output. */
  it("never lets out a tag", () => {
    fc.assert(
      fc.property(taggedText, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (text, places, startsThinking) => {
        const { said, thought, deltas } = split(cut(text, places), startsThinking);
        expect(said).not.toMatch(anyTag);
        expect(thought).not.toMatch(anyTag);
        expect(said).not.toMatch(halfTagAtEnd);
        expect(said).not.toMatch(/^\s/);
        // What is let out is never taken back: a delta may end in half a tag only if plain text follows it.
        for (const delta of deltas.slice(0, -1)) expect(delta.text).not.toMatch(halfTagAtEnd);
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
