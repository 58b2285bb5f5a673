import { expect, it } from "vitest";
import { HANG_LOOKS, HangWatch } from "./hang-watch.ts";

const still = (looks: number, at?: string): (string | undefined)[] => Array.from({ length: looks }, () => at);

/** Goal: a provider that stands still is noticed, and no other. Method: what is read at each look, and how often it was called hung. */
it.each<[string, (string | undefined)[], number]>([
  ["still for one look too few", still(HANG_LOOKS, "1"), 0],
  ["still for long enough", still(HANG_LOOKS + 1, "1"), 1],
  ["told once, and again after as long", still(2 * HANG_LOOKS + 1, "1"), 2],
  ["alive in between", [...still(HANG_LOOKS, "1"), ...still(HANG_LOOKS, "2")], 0],
  ["gone in between", [...still(HANG_LOOKS, "1"), undefined, ...still(HANG_LOOKS, "1")], 0],
  ["never there", still(3 * HANG_LOOKS), 0],
])("%s", (_, looks, times) => {
  const watch = new HangWatch();
  const told = looks.map((at) => watch.look(at)).filter((seconds) => seconds !== undefined);
  expect(told).toEqual(Array.from({ length: times }, () => 40));
});
