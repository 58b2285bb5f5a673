import { systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { timeOrderedId } from "./time-ordered-id.ts";

const at = (nowMs: number, byte = 0xab): string =>
  timeOrderedId({
    clock: { ...systemClock, now: () => nowMs },
    random: { ...systemRandom, bytes: (length) => new Uint8Array(length).fill(byte) },
  });

/** Goal: ids that sort by their time and that nobody guesses. Method: by hand, and as they are made. */
describe("time-ordered ids", () => {
  it.each([
    [0, "000000000000"],
    [1_796_000_000_000, "01a229f12800"],
    [281_474_976_710_655, "ffffffffffff"],
  ])("begin with their time, at %d ms", (nowMs, hex) => {
    expect(at(nowMs)).toBe(`${hex}${"ab".repeat(10)}`);
  });

  it("sort by their time, whatever is random", () => {
    expect(at(16_777_216, 0) > at(16_777_215, 0xff)).toBe(true);
  });

  it("differ within a millisecond", () => {
    const clock = { ...systemClock, now: () => 1 };
    const ids = Array.from({ length: 1_000 }, () => timeOrderedId({ clock, random: systemRandom }));
    expect(new Set(ids).size).toBe(1_000);
  });
});
