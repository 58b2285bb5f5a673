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
    const tokens = sum(budget.plan([100_000], writers, tokensMax).shares);
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
    ["a prompt that one longer step finishes is finished", 2, 5, 3, [117], [117]],
    ["one that takes two gets two longer ones", 2, 5, 3, [230], [117]],
    ["one that takes more does not", 2, 5, 3, [240], [52]],
    ["the shortest of two is finished, and the long one gets its part", 2, 5, 3, [long, 80], [26, 80]],
    ["what one does not need goes to the next that is nearly read", 2, 5, 3, [60, 30, long], [60, 30, 17]],
    ["where writing takes long, reading takes half as long", 2, 100, 3, [long], [75]],
    ["the slowest still reads some", 100, 100, 1, [long], [PROMPT_STEP_TOKENS_MIN]],
  ])("%s", (_, msPerToken, msPerWriter, writers, left, shares) => {
    const plan = learnt(msPerToken, msPerWriter, writers).plan(left, writers, 512);
    expect(plan.writersWait).toBe(false);
    expectShares(plan.shares, shares);
  });

  /** Goal: a short prompt begins without waiting for others' tokens where those take long; no stream goes without two in a row. Method: the same, for machines that write slowly. */
  it.each<
    [
      string,
      msPerWriter: number,
      writers: number,
      left: number[],
      haveWaited: boolean,
      waits: boolean,
      shares: number[],
    ]
  >([
    ["a short prompt is read before anybody writes", 10, 3, [30], false, true, [30]],
    ["so are several that fit, and nothing of a long one", 10, 3, [long, 60, 30], false, true, [0, 60, 30]],
    ["one that does not fit beside a shorter one takes its turn later", 10, 3, [100, 80], false, true, [0, 80]],
    ["the longest that is read so", 10, 3, [149], false, true, [149]],
    ["a longer one is read beside what is written", 10, 3, [151], false, false, [110]],
    ["never twice in a row, and then no longer than beside any stream", 10, 3, [100], true, false, [45]],
    ["not where writing takes next to nothing", 5, 3, [30], false, false, [30]],
    ["nor where nobody writes", 10, 0, [30], false, false, [30]],
    ["nor for nobody", 10, 3, [], false, false, []],
  ])("%s", (_, msPerWriter, writers, left, haveWaited, waits, shares) => {
    const plan = learnt(2, msPerWriter, Math.max(3, writers)).plan(left, writers, 512, haveWaited);
    expect(plan.writersWait).toBe(waits);
    expectShares(plan.shares, shares);
  });

  function expectShares(got: readonly number[], shares: readonly number[]): void {
    expect(got).toHaveLength(shares.length);
    for (const [at, share] of shares.entries()) expect(Math.abs((got[at] ?? 0) - share), `of ${at}`).toBeLessThan(2);
  }

  /** Goal: a machine that has become busy keeps a stream waiting for one step and not for several. Method: tokens take five times as long from now on. */
  it("shrinks at once where steps take longer, and grows again more slowly", () => {
    const budget = learnt(1, 1, 3);
    const step = (msPerToken: number): number => {
      const tokens = sum(budget.plan([long], 3, 512).shares);
      budget.took(tokens * msPerToken + 3, tokens, 3);
      return tokens * msPerToken;
    };
    expect(step(1)).toBeCloseTo(117, -1);
    expect(step(5)).toBeGreaterThan(500);
    expect(step(5)).toBeLessThan(180);
    expect(step(5)).toBeLessThan(140);
    expect(step(1)).toBeLessThan(30);
    expect(step(1)).toBeLessThan(40);
  });

  it("holds no more than the context takes at once", () => {
    expect(sum(learnt(0.01, 1, 2, 64).plan([1000, 1000], 2, 64).shares)).toBe(62);
    expect(learnt(0.01, 1, 2, 64).plan([1000], 64, 64).shares).toEqual([1]);
  });

  it("begins with what was measured", () => {
    expect(new PromptBudget(5).plan([long], 1, 512).shares).toEqual([23]);
    expect(new PromptBudget(0).plan([long], 1, 512).shares).toEqual([511]);
  });

  it("learns nothing from a step that read next to nothing", () => {
    const budget = new PromptBudget(5);
    budget.took(10_000, PROMPT_STEP_TOKENS_MIN - 1, 0);
    budget.took(10_000, 0, 0);
    expect(budget.plan([long], 1, 512).shares).toEqual([23]);
    budget.took(10_000, PROMPT_STEP_TOKENS_MIN, 0);
    expect(budget.plan([long], 1, 512).shares).toEqual([7]);
  });

  it("gets over a step that was faster than what is written takes", () => {
    const budget = learnt(2, 10, 3);
    budget.took(1, 45, 3);
    expect(sum(budget.plan([long], 3, 512).shares)).toBeLessThan(90);
  });

  /** Goal: a machine that slept through a step is soon as it was. Method: an hour in a step that wrote, and in one that read; then a few as before. */
  it.each([0, 45])("gets over a step of an hour that read %i tokens", (promptTokens) => {
    const budget = learnt(2, 10, 3);
    const before = sum(budget.plan([long], 3, 512).shares);
    budget.took(3_600_000, promptTokens, 3);
    for (let step = 0; step < 12; step++) {
      const tokens = sum(budget.plan([long], 3, 512).shares);
      budget.took(tokens * 2 + 30, tokens, 3);
      budget.took(30, 0, 3);
    }
    expect(Math.abs(sum(budget.plan([long], 3, 512).shares) - before)).toBeLessThan(12);
  });

  it("gives no prompt more than it has, and every one something", () => {
    const lefts = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 4 });
    const paces = fc.record({
      token: fc.double({ min: 0.01, max: 50, noNaN: true }),
      writer: fc.integer({ max: 300, min: 0 }),
    });
    fc.assert(
      fc.property(lefts, paces, fc.integer({ min: 0, max: 4 }), (left, { token, writer }, writers) => {
        const { shares, writersWait } = learnt(token, writer, writers).plan(left, writers, 512);
        expect(sum(shares)).toBeLessThanOrEqual(512 - writers);
        for (const [at, share] of shares.entries()) {
          expect(share).toBeGreaterThanOrEqual(writersWait ? 0 : 1);
          expect(share).toBeLessThanOrEqual(left[at] ?? 0);
        }
      }),
      { numRuns: 50 },
    );
  });
});
