import { expect, it } from "vitest";
import {
  dayOf,
  EARLIER_DAY,
  firstKeptDay,
  isWithin,
  limitResets,
  resetsAt,
  windowAt,
  type LimitReset,
} from "./windows.ts";

const MILLIS_OF_DAY = 86_400_000;
const dateOf = (day: number): string => new Date(day * MILLIS_OF_DAY).toISOString().slice(0, 10);

/** Goal: a moment falls into the window that a calendar says, at the edges of each kind. Method: first and last milliseconds of days, weeks, months, years and leap days, and nights in which clocks are put forward. */
it.each<[reset: LimitReset, at: string, from: string, until: string]>([
  ["daily", "2026-11-30T00:00:00.000Z", "2026-11-30", "2026-12-01"],
  ["daily", "2026-11-30T23:59:59.999Z", "2026-11-30", "2026-12-01"],
  ["daily", "2026-03-29T01:30:00.000Z", "2026-03-29", "2026-03-30"],
  ["daily", "2028-02-29T12:00:00.000Z", "2028-02-29", "2028-03-01"],
  ["weekly", "2026-11-30T00:00:00.000Z", "2026-11-30", "2026-12-07"],
  ["weekly", "2026-12-06T23:59:59.999Z", "2026-11-30", "2026-12-07"],
  ["weekly", "2026-12-07T00:00:00.000Z", "2026-12-07", "2026-12-14"],
  ["weekly", "2027-01-01T00:00:00.000Z", "2026-12-28", "2027-01-04"],
  ["weekly", "2028-03-01T00:00:00.000Z", "2028-02-28", "2028-03-06"],
  ["weekly", "1970-01-02T00:00:00.000Z", "1969-12-29", "1970-01-05"],
  ["monthly", "2026-11-01T00:00:00.000Z", "2026-11-01", "2026-12-01"],
  ["monthly", "2026-12-31T23:59:59.999Z", "2026-12-01", "2027-01-01"],
  ["monthly", "2028-02-29T23:59:59.999Z", "2028-02-01", "2028-03-01"],
  ["monthly", "2027-02-28T23:59:59.999Z", "2027-02-01", "2027-03-01"],
  ["monthly", "2100-02-28T12:00:00.000Z", "2100-02-01", "2100-03-01"],
])("a %s window at %s is from %s until %s", (reset, at, from, until) => {
  const window = windowAt(reset, Date.parse(at));
  expect([dateOf(window.fromDay), dateOf(window.untilDay)]).toEqual([from, until]);
  expect(resetsAt(reset, Date.parse(at))).toBe(Date.parse(until));
});

/** Goal: without a reset all that was ever used counts. Method: the days before any, and the last that a date has. */
it("never ends without a reset", () => {
  const window = windowAt("none", 0);
  for (const day of [EARLIER_DAY, 0, dayOf(8.64e15)]) expect(isWithin(window, day)).toBe(true);
  expect(resetsAt("none", 0)).toBeNull();
});

/** Goal: windows follow each other without a gap, and hold what is in them; no day is added up that one of them needs, nor is more kept than two months. Method: each day of five years. */
it("leaves no moment out, and no day of a window", () => {
  for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2031, 0, 1); at += MILLIS_OF_DAY) {
    for (const reset of limitResets.filter((one) => one !== "none")) {
      const window = windowAt(reset, at);
      expect(isWithin(window, dayOf(at))).toBe(true);
      expect(isWithin(window, window.untilDay)).toBe(false);
      expect(windowAt(reset, window.untilDay * MILLIS_OF_DAY).fromDay).toBe(window.untilDay);
      expect(firstKeptDay(at)).toBeLessThanOrEqual(window.fromDay);
    }
    expect(dayOf(at) - firstKeptDay(at)).toBeLessThanOrEqual(61);
  }
});
