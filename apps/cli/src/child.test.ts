import { expect, it } from "vitest";
import { pauseAfter } from "./child.ts";

/** Goal: what crashes again and again is started less and less often, and what crashes anew soon. Method: lives in turn, in ms, and the pause after each. */
it.each<[what: string, livedMs: readonly number[], pausesMs: readonly number[]]>([
  ["at once each time", [0, 0, 0, 0, 0, 0, 0], [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
  ["after a minute", [0, 0, 60_000], [1_000, 2_000, 4_000]],
  ["after more than a minute", [0, 0, 60_001, 0], [1_000, 2_000, 1_000, 2_000]],
])("a process that crashes %s", (_, livedMs, pausesMs) => {
  let lastMs: number | undefined;
  expect(livedMs.map((ms) => (lastMs = pauseAfter(ms, lastMs)))).toEqual(pausesMs);
});
