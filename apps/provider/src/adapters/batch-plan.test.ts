import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCH_TOKENS_MAX, PROMPT_STEP_TOKENS_MIN, PromptBudget, sharesOf } from "./batch-plan.ts";

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

describe("what a step reads of prompts", () => {
  it.each<[string, readonly number[], number, readonly number[]]>([
    ["all of one that fits", [20], 100, [20]],
    ["a part of a long one", [900], 100, [100]],
    ["a short one whole, beside a long one that gets the rest", [900, 20], 100, [80, 20]],
    ["equal parts of two long ones", [900, 900], 100, [50, 50]],
    ["nothing where nobody reads", [], 100, []],
    ["what there is, of more than there are tokens", [9, 9, 9], 2, [1, 1, 0]],
  ])("%s", (_, left, budget, shares) => {
    expect(sharesOf(left, budget)).toEqual(shares);
  });

  it("is never more than the step has or a prompt needs, and leaves nothing that somebody needs", () => {
    const lefts = fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 16 });
    fc.assert(
      fc.property(lefts, fc.integer({ min: 1, max: 512 }), (left, budget) => {
        const shares = sharesOf(left, budget);
        expect(sum(shares)).toBe(Math.min(budget, sum(left)));
        for (const [at, share] of shares.entries()) expect(share).toBeLessThanOrEqual(left[at] ?? 0);
      }),
    );
  });
});

/** A machine's cost of a token that is read and of one that is written, and what it has learnt of it. */
function learnt(msPerToken: number, msPerWriter: number, writers: number, tokensMax = 512): PromptBudget {
  const budget = new PromptBudget();
  for (let step = 0; step < 60; step++) {
    if (writers > 0) budget.took(writers * msPerWriter, 0, writers);
    const tokens = sum(budget.shares([100_000], writers, tokensMax));
    budget.took(tokens * msPerToken + writers * msPerWriter, tokens, writers);
  }
  return budget;
}

describe("how long a step is", () => {
  const long = 100_000;
  /**
   * Goal: a stream waits about a tenth of a second for a long prompt, what is written counted, and no longer than a
   * quarter for one that is nearly read. Method: tell what steps took.
   */
  it.each<[string, msPerToken: number, msPerWriter: number, writers: number, left: number[], shares: number[]]>([
    ["a fast machine reads as much as a step may have", 0.1, 1, 3, [long], [BATCH_TOKENS_MAX - 3]],
    ["without streams it reads what a step may have", 0.1, 1, 0, [long], [BATCH_TOKENS_MAX]],
    ["a slow one less", 2, 5, 0, [long], [125]],
    ["less still while somebody streams", 2, 0, 1, [long], [60]],
    ["and by so much less as writing takes", 2, 10, 3, [long], [45]],
    ["a prompt that one longer step finishes is finished", 2, 10, 3, [110], [110]],
    ["one that takes two gets two longer ones", 2, 10, 3, [215], [110]],
    ["one that takes more does not", 2, 10, 3, [225], [45]],
    ["the shortest of two is finished, and the long one gets its part", 2, 10, 3, [long, 80], [22, 80]],
    ["what one does not need goes to the next that is nearly read", 2, 10, 3, [60, 30, long], [60, 30, 15]],
    ["where writing takes long, reading takes half as long", 2, 100, 3, [long], [75]],
    ["the slowest still reads some", 100, 100, 1, [long], [PROMPT_STEP_TOKENS_MIN]],
  ])("%s", (_, msPerToken, msPerWriter, writers, left, shares) => {
    const got = learnt(msPerToken, msPerWriter, writers).shares(left, writers, 512);
    expect(got).toHaveLength(shares.length);
    for (const [at, share] of shares.entries()) expect(Math.abs((got[at] ?? 0) - share), `of ${at}`).toBeLessThan(2);
  });

  it("holds no more than the context takes at once", () => {
    expect(sum(learnt(0.01, 1, 2, 64).shares([1000, 1000], 2, 64))).toBe(62);
    expect(learnt(0.01, 1, 2, 64).shares([1000], 64, 64)).toEqual([1]);
  });

  it("begins with what was measured", () => {
    expect(new PromptBudget(5).shares([long], 1, 512)).toEqual([24]);
    expect(new PromptBudget(0).shares([long], 1, 512)).toEqual([511]);
  });

  it("learns nothing from a step that read next to nothing", () => {
    const budget = new PromptBudget(5);
    budget.took(10_000, PROMPT_STEP_TOKENS_MIN - 1, 0);
    budget.took(10_000, 0, 0);
    expect(budget.shares([long], 1, 512)).toEqual([24]);
    budget.took(10_000, PROMPT_STEP_TOKENS_MIN, 0);
    expect(budget.shares([long], 1, 512)).toEqual([PROMPT_STEP_TOKENS_MIN]);
  });

  it("gets over a step that was faster than what is written takes", () => {
    const budget = learnt(2, 10, 3);
    budget.took(1, 45, 3);
    expect(sum(budget.shares([long], 3, 512))).toBeLessThan(90);
  });

  it("gives no prompt more than it has, and every one something", () => {
    const lefts = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 4 });
    const paces = fc.record({
      token: fc.double({ min: 0.01, max: 50, noNaN: true }),
      writer: fc.integer({ max: 300, min: 0 }),
    });
    fc.assert(
      fc.property(lefts, paces, fc.integer({ min: 0, max: 4 }), (left, { token, writer }, writers) => {
        const shares = learnt(token, writer, writers).shares(left, writers, 512);
        expect(sum(shares)).toBeLessThanOrEqual(512 - writers);
        for (const [at, share] of shares.entries()) {
          expect(share).toBeGreaterThan(0);
          expect(share).toBeLessThanOrEqual(left[at] ?? 0);
        }
      }),
      { numRuns: 50 },
    );
  });
});
