import type { Token } from "node-llama-cpp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PREFIX_KEPT_MS, PrefixSlots } from "./llama-prefix.ts";

/** Holds what it was given, as a sequence of llama.cpp does. */
class Sequence {
  contextTokens: Token[] = [];
  fails = false;
  get nextTokenIndex() {
    return this.contextTokens.length;
  }
  read(tokens: readonly Token[]) {
    this.contextTokens.push(...tokens);
  }
  async clearHistory() {
    if (this.fails) throw new Error("no memory");
    this.contextTokens = [];
  }
  async adaptStateToTokens(tokens: Token[]) {
    const at = this.contextTokens.findIndex((token, index) => token !== tokens[index]);
    if (at !== -1) this.contextTokens.splice(at);
  }
}

const signal = new AbortController().signal;
const tokens = (text: string) => Array.from(text, (character) => character.codePointAt(0) as Token);

describe("slots that remember a prompt", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** @returns the tokens that were in memory already */
  async function use(slots: PrefixSlots<Sequence>, text: string, scope?: string, keep = true): Promise<number> {
    const { sequence, cachedTokens, give } = await slots.take(tokens(text), scope, signal);
    sequence.read(tokens(text).slice(cachedTokens));
    await give(keep);
    return cachedTokens;
  }
  const opened = (count: number) => {
    const sequences = Array.from({ length: count }, () => new Sequence());
    return { sequences, slots: new PrefixSlots(sequences) };
  };

  it.each<[string, readonly (readonly [text: string, scope?: string, keep?: boolean])[], number]>([
    [
      "the common beginning",
      [
        ["abc", "a"],
        ["abd", "a"],
      ],
      2,
    ],
    [
      "all but the last token",
      [
        ["abc", "a"],
        ["abc", "a"],
      ],
      2,
    ],
    [
      "all of a shorter one",
      [
        ["abc", "a"],
        ["abcde", "a"],
      ],
      3,
    ],
    [
      "nothing of another scope",
      [
        ["abc", "a"],
        ["abc", "b"],
      ],
      0,
    ],
    ["nothing where none is named", [["abc", "a"], ["abc"]], 0],
    ["nothing that none was named for", [["abc"], ["abc", "a"]], 0],
    [
      "nothing after another scope",
      [
        ["abc", "a"],
        ["xyz", "b"],
        ["abc", "a"],
      ],
      0,
    ],
    [
      "nothing of what broke",
      [
        ["abc", "a", false],
        ["abc", "a"],
      ],
      0,
    ],
  ])("reuses %s", async (_, uses, expected) => {
    const { slots } = opened(1);
    let cached = -1;
    for (const [text, scope, keep] of uses) cached = await use(slots, text, scope, keep);
    expect(cached).toBe(expected);
  });

  it.each<[string, readonly string[], string, number]>([
    ["the longest beginning", ["a:abcx", "a:abyy"], "a:abcz", 3],
    ["an empty one before a stranger's", ["b:qqq"], "a:qqq", 0],
  ])("takes %s", async (_, before, last, expected) => {
    const { slots, sequences } = opened(2);
    const runs = await Promise.all(before.map((one) => slots.take(tokens(one.slice(2)), one.slice(0, 1), signal)));
    for (const [at, run] of runs.entries()) {
      run.sequence.read(tokens(before[at]?.slice(2) ?? ""));
      await run.give(true);
    }
    expect(await use(slots, last.slice(2), last.slice(0, 1))).toBe(expected);
    const held = sequences.map(({ contextTokens }) => String.fromCodePoint(...contextTokens)).toSorted();
    expect(held).toContain(before.at(-1)?.slice(2));
  });

  it("forgets after its time", async () => {
    const { slots, sequences } = opened(1);
    await use(slots, "abc", "a");
    await vi.advanceTimersByTimeAsync(PREFIX_KEPT_MS - 1);
    expect(sequences[0]?.contextTokens).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(sequences[0]?.contextTokens).toEqual([]);
    expect(await use(slots, "abc", "a")).toBe(0);
  });

  it("does not forget what is in use, and counts anew from the last use", async () => {
    const { slots, sequences } = opened(1);
    await use(slots, "abc", "a");
    const { give } = await slots.take(tokens("abc"), "a", signal);
    await vi.advanceTimersByTimeAsync(2 * PREFIX_KEPT_MS);
    expect(sequences[0]?.contextTokens).toHaveLength(2);
    await give(true);
    await vi.advanceTimersByTimeAsync(PREFIX_KEPT_MS - 1);
    expect(sequences[0]?.contextTokens).toHaveLength(2);
  });

  it("leaves no timer behind", async () => {
    const { slots } = opened(2);
    await use(slots, "abc", "a");
    slots.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("loses no slot to a sequence that cannot be cleared, and shows its tokens to nobody", async () => {
    const { slots, sequences } = opened(1);
    const [sequence] = sequences;
    if (!sequence) throw new Error("no sequence");
    await use(slots, "abc", "a");
    sequence.fails = true;
    await expect(slots.take(tokens("abc"), "b", signal)).rejects.toThrow("no memory");
    await expect(slots.take(tokens("abc"), "a", signal)).rejects.toThrow("no memory");
    sequence.fails = false;
    expect(await use(slots, "abc", "a")).toBe(0);
  });
});
