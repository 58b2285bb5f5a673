import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCH_TOKENS_MAX, PROMPT_STEP_TOKENS_MIN, PromptBudget, sharesOf } from "./batch-plan.ts";

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
        const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
        expect(sum(shares)).toBe(Math.min(budget, sum(left)));
        for (const [at, share] of shares.entries()) expect(share).toBeLessThanOrEqual(left[at] ?? 0);
      }),
    );
  });

  /** Goal: a stream waits about a tenth of a second for a prompt, on a fast machine and on a slow one. Method: tell what steps took. */
  it.each([
    ["a fast machine reads much", 0.1, BATCH_TOKENS_MAX, BATCH_TOKENS_MAX],
    ["a slow one less, and less still while somebody streams", 2, 60, 125],
    ["the slowest still some", 100, PROMPT_STEP_TOKENS_MIN, PROMPT_STEP_TOKENS_MIN],
  ])("%s", (_, msPerToken, shared, alone) => {
    const budget = new PromptBudget();
    for (let step = 0; step < 40; step++) {
      const tokens = budget.tokens(true);
      budget.took(tokens * msPerToken, tokens);
    }
    expect(Math.abs(budget.tokens(true) - shared)).toBeLessThanOrEqual(1);
    expect(Math.abs(budget.tokens(false) - alone)).toBeLessThanOrEqual(1);
  });

  it("learns nothing from a step that read next to nothing", () => {
    const budget = new PromptBudget();
    const before = budget.tokens(true);
    budget.took(10_000, 1);
    expect(budget.tokens(true)).toBe(before);
  });
});
