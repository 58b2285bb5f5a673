import { describe, expect, it } from "vitest";
import { LearntSlots, UNFINISHED_SLOTS_MAX, UNKNOWN_SLOTS_MAX } from "./learnt-slots.ts";

const prompt = (runningNow: number) => ({
  firstContentMs: 100,
  expectedMs: 100,
  besideAtStart: runningNow - 1,
  runningNow,
});
const late = (besideAtStart: number, firstContentMs = 801) => ({
  firstContentMs,
  expectedMs: 100,
  besideAtStart,
  runningNow: besideAtStart + 1,
});

/** Goal: a machine gets at once what it has shown to serve at once, and no claim counts for more. Method: answers by hand. */
describe("the slots that a machine gets", () => {
  it("are few at first, and never more than it claims", () => {
    const slots = new LearntSlots();
    expect([slots.of(64), slots.of(2)]).toEqual([UNKNOWN_SLOTS_MAX, 2]);
  });

  it("grow with what runs side by side in time, to what is claimed", () => {
    const slots = new LearntSlots();
    slots.began(prompt(1), 0);
    slots.began(prompt(2), 0);
    expect(slots.of(1_024)).toBe(4);
    for (let n = 0; n < 512; n++) slots.finished();
    for (const running of [4, 8, 16, 32, 64, 128, 256]) slots.began(prompt(running), 0);
    expect([slots.of(1_024), slots.of(300)]).toEqual([512, 300]);
  });

  it("are no hundreds for first contents alone: as many as answers it has finished", () => {
    const slots = new LearntSlots();
    for (const running of [4, 8, 16, 32, 64, 64, 64]) slots.began(prompt(running), 0);
    expect(slots.of(1_024)).toBe(UNFINISHED_SLOTS_MAX);
    for (let n = 0; n < 100; n++) slots.finished();
    slots.began(prompt(64), 0);
    expect(slots.of(1_024)).toBe(100);
  });

  it("are few again for one that was shut out, and no more for one that had fewer", () => {
    const slots = new LearntSlots();
    for (let n = 0; n < 500; n++) slots.finished();
    slots.began(prompt(200), 0);
    slots.unlearn();
    expect(slots.of(1_024)).toBe(UNKNOWN_SLOTS_MAX);
    slots.began(prompt(200), 0);
    expect(slots.of(1_024)).toBe(UNFINISHED_SLOTS_MAX);
    slots.wasBusyBeside(2, 0);
    slots.unlearn();
    expect(slots.of(1_024)).toBe(2);
  });

  it("take no word for what was not measured", () => {
    expect(new LearntSlots().began({ ...late(3), expectedMs: undefined }, 0)).toBe(true);
  });

  it.each([
    [800, 4],
    [801, 1],
  ])("shrink to those that ran beside when first content takes %d ms", (ms, limit) => {
    const slots = new LearntSlots();
    expect(slots.began(late(1, ms), 0)).toBe(limit === 4);
    expect(slots.of(64)).toBe(limit);
  });

  it("do not shrink for what is slow alone", () => {
    const slots = new LearntSlots();
    expect(slots.began(late(0), 0)).toBe(false);
    expect(slots.of(64)).toBe(UNKNOWN_SLOTS_MAX);
  });

  it("grow again after a while, by one, and after twice as long the next time", () => {
    const slots = new LearntSlots();
    slots.began(late(1), 0);
    slots.began(prompt(1), 29_999);
    expect(slots.of(64)).toBe(1);
    slots.began(prompt(1), 30_000);
    expect(slots.of(64)).toBe(2);
    slots.began(late(1), 40_000);
    slots.began(prompt(1), 99_999);
    expect(slots.of(64)).toBe(1);
    slots.began(prompt(1), 100_000);
    expect(slots.of(64)).toBe(2);
  });

  it("grow twofold until it was slow once, then by one", () => {
    const slots = new LearntSlots();
    slots.began(prompt(4), 0);
    expect(slots.of(64)).toBe(8);
    slots.began(late(3), 0);
    slots.began(prompt(3), 30_000);
    expect(slots.of(64)).toBe(4);
  });

  it("wait no longer than ten minutes for another try", () => {
    const slots = new LearntSlots();
    for (let n = 1; n <= 20; n++) {
      slots.began(late(1), n * 1_000_000);
      slots.began(prompt(1), n * 1_000_000 + 600_000);
      expect(slots.of(64)).toBe(2);
    }
  });

  it("hold once for several that were slow together", () => {
    const slots = new LearntSlots();
    for (const beside of [1, 1, 2, 3]) slots.began(late(beside), 0);
    slots.began(prompt(1), 30_000);
    expect(slots.of(64)).toBe(2);
  });

  it("are what ran beside where it says that it is busy, and one at the least", () => {
    const slots = new LearntSlots();
    slots.wasBusyBeside(2, 0);
    expect(slots.of(64)).toBe(2);
    slots.wasBusyBeside(0, 0);
    expect(slots.of(64)).toBe(1);
  });
});
