import { expect, it } from "vitest";
import { Budget } from "./budget.ts";

/** Goal: the sum never exceeds its bound and nothing is lost. Method: two takers, one leaves. */
it("shares its bytes, refuses what is too much, and takes back what was given", () => {
  const budget = new Budget(10);
  using first = budget.share();
  {
    using second = budget.share();
    expect(first.grow(6)).toBe(true);
    expect(second.grow(5)).toBe(false);
    expect(second.grow(4)).toBe(true);
    expect(first.grow(1)).toBe(false);
  }
  expect(first.grow(4)).toBe(true);
  expect(first.grow(1)).toBe(false);
  first.shrink(3);
  expect(first.grow(4)).toBe(false);
  expect(first.grow(3)).toBe(true);
  first.shrink(99);
  using third = budget.share();
  expect(third.grow(11)).toBe(false);
  expect(third.grow(10)).toBe(true);
});
