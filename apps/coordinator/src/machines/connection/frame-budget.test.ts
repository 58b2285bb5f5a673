import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { FRAME_UNIT_CHARS, FrameBudget, FRAMES_BURST, FRAMES_PER_ATTEMPT, FRAMES_PER_SEC } from "./frame-budget.ts";

/** How many frames of so many characters go through. */
const spent = (budget: FrameBudget, chars = 1): number => {
  let count = 0;
  while (budget.spend(chars)) count++;
  return count;
};

/** Goal: a machine may send exactly what it was granted. Method: all that goes through at once, and after a time and an attempt. */
it("grants a burst, so many a second, and so many for each attempt", async () => {
  const clock = new SimulatedClock();
  const budget = new FrameBudget(clock);
  expect(spent(budget)).toBe(FRAMES_BURST);
  // The frame that was one too many was counted too.
  await clock.advance(1_000);
  expect(spent(budget)).toBe(FRAMES_PER_SEC - 1);
  budget.grant();
  expect(spent(budget)).toBe(FRAMES_PER_ATTEMPT - 1);
  await clock.advance(1_000_000);
  expect(spent(budget)).toBe(FRAMES_BURST);
});

it.each([
  [FRAME_UNIT_CHARS - 1, FRAMES_BURST],
  [FRAME_UNIT_CHARS, FRAMES_BURST / 2],
])("counts a frame of %i characters so that %i go through", (chars, count) => {
  expect(spent(new FrameBudget(new SimulatedClock()), chars)).toBe(count);
});
