import { describe, expect, it } from "vitest";
import { ATTENTIONS_KEPT_MAX, attentionsIn, isFlashBetter, keepAttention, type AttentionFacts } from "./attention.ts";

const pace = (promptTokensPerSec: number, decodeTokensPerSec: number) => ({ promptTokensPerSec, decodeTokensPerSec });

describe("flash attention", () => {
  /** Rows that were measured on one thread, after some 1,500 tokens; and the border. */
  it.each([
    ["is left off for the bundled model, whose answers it slows down", pace(9400, 107), pace(5500, 354), false],
    ["is taken for SmolLM2, whose prompts it reads sooner", pace(230, 78), pace(192, 82), true],
    ["is taken where both are alike, for it takes less memory", pace(100, 10), pace(100, 10), true],
    ["is taken where it is slower by less than two in a hundred", pace(100, 10), pace(101.9, 10.19), true],
    ["is left off where it is slower by more", pace(100, 10), pace(102.1, 10.21), false],
    ["is left off where nothing came of it", pace(0, 0), pace(1, 1), false],
  ])("%s", (_, on, off, flash) => {
    expect(isFlashBetter({ on, off })).toBe(flash);
  });

  const folder = (text?: string) => {
    let kept = text;
    return {
      read: () => (kept === undefined ? undefined : Buffer.from(kept)),
      write: (_: string, content: string | Uint8Array) => void (kept = String(content)),
    };
  };
  const facts = (key: string): AttentionFacts => ({ key, flash: true, paces: { on: pace(1, 1), off: pace(1, 1) } });

  it("is measured once for a key", () => {
    const one = folder();
    expect(attentionsIn(one)).toEqual([]);
    keepAttention(one, facts("a"));
    keepAttention(one, { ...facts("a"), flash: false });
    keepAttention(one, facts("b"));
    expect(attentionsIn(one)).toEqual([facts("a"), facts("b")]);
  });

  it("is forgotten for the model that was measured first, where there are too many", () => {
    const one = folder();
    for (let at = 0; at <= ATTENTIONS_KEPT_MAX; at++) keepAttention(one, facts(String(at)));
    expect(attentionsIn(one).map(({ key }) => key)).toEqual(
      Array.from({ length: ATTENTIONS_KEPT_MAX }, (_, at) => String(at + 1)),
    );
  });

  it.each(["", "{", "[{}]", '[{"flash":1}]', JSON.stringify(Array.from({ length: 17 }, () => facts("a")))])(
    "is measured again where its file reads %j",
    (text) => {
      expect(attentionsIn(folder(text))).toEqual([]);
    },
  );
});
