import { CLOCK_SKEW_MS } from "@darkbloom/protocol/limits";
import { expect, it } from "vitest";
import { MachineClock } from "./machine-clock.ts";

function setUp() {
  const time = { wallMs: 1_000_000, monoMs: 0 };
  const clock = new MachineClock({ now: () => time.wallMs, monotonicMs: () => time.monoMs });
  const pass = (ms: number) => {
    time.wallMs += ms;
    time.monoMs += ms;
  };
  return { time, clock, pass };
}

/** Goal: a clock that is set between two challenges changes nothing, and how far two clocks are apart is measured. Method: two clocks by hand. */
it("counts on from what it told, whatever the wall clock is set to", () => {
  const { time, clock, pass } = setUp();
  expect(clock.tell()).toBe(1_000_000);
  pass(1_000);
  time.wallMs += 600_000;
  expect(clock.now()).toBe(1_001_000);
  time.wallMs -= 1_200_000;
  expect(clock.now()).toBe(1_001_000);
  expect(clock.tell()).toBe(401_000);
  expect(clock.now()).toBe(401_000);
});

it.each<[says: number, offsetMs: number]>([
  [0, 0],
  [20_000, 0],
  [30_000, 0],
  [31_000, 1_000],
  [-5_000, -5_000],
])("an answer of %s ms after the challenge, 30 s later, is %s ms ahead", (says, offsetMs) => {
  const { clock, pass } = setUp();
  const told = clock.tell();
  pass(30_000);
  expect(clock.offsetOf(told + says)).toBe(offsetMs);
});

it.each([
  [CLOCK_SKEW_MS, false],
  [CLOCK_SKEW_MS + 1, true],
  [-CLOCK_SKEW_MS, false],
  [-CLOCK_SKEW_MS - 1, true],
])("%s ms apart is off: %s", (offsetMs, off) => {
  const { clock } = setUp();
  clock.measured(offsetMs);
  expect(clock.isOff).toBe(off);
});
