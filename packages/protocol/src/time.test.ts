import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { SimulatedClock } from "../../testkit/src/simulated-clock.ts";
import { LATE, within } from "./time.ts";

const never = () => new Promise<never>(() => {});
const after = async (clock: SimulatedClock, ms: number, then: () => string) => {
  await clock.sleep(ms);
  return then();
};
const fail = (word: string) => (): string => {
  throw new Error(word);
};

/** Goal: whichever comes first counts, and no other. Method: all that can happen, before and after the time is over. */
it.each<
  [what: string, waitMs: number, wanted: (clock: SimulatedClock) => Promise<string>, abortMs: number, is: unknown]
>([
  ["what comes in time", 10, (clock) => after(clock, 9, () => "here"), Infinity, "here"],
  ["what is there already", 0, () => Promise.resolve("here"), Infinity, "here"],
  ["what comes too late", 10, (clock) => after(clock, 11, () => "here"), Infinity, LATE],
  ["what never comes", 10, never, Infinity, LATE],
  ["what fails in time", 10, (clock) => after(clock, 9, fail("broken")), Infinity, "Error: broken"],
  ["what fails too late", 10, (clock) => after(clock, 11, fail("broken")), Infinity, LATE],
  ["a signal before", 10, never, 9, "Error: stop"],
  ["a signal that has aborted", 10, never, -1, "Error: stop"],
  ["a signal afterwards", 10, (clock) => after(clock, 5, () => "here"), 9, "here"],
])("%s", async (_, waitMs, wanted, abortMs, is) => {
  const clock = new SimulatedClock();
  const stop = new AbortController();
  if (abortMs < 0) stop.abort(new Error("stop"));
  const ended = within(clock, waitMs, wanted(clock), stop.signal).catch(String);
  const aborted = clock.sleep(Math.min(Math.max(abortMs, 0), 1_000)).then(() => stop.abort(new Error("stop")));
  expect(await clock.until(ended, 100)).toBe(is);
  await clock.until(aborted, 1_000);
});

/** Goal: a short wait leaves no timer and no listener behind. Method: one that is over at once. */
it("leaves nothing behind", async () => {
  const clock = new SimulatedClock();
  let open = 0;
  const counted = {
    now: () => 0,
    monotonicMs: () => 0,
    sleep: async (ms: number, signal?: AbortSignal) => {
      open++;
      await clock.sleep(ms, signal).finally(() => open--);
    },
  };
  const { signal } = new AbortController();
  expect(await within(counted, 1_000, Promise.resolve(1), signal)).toBe(1);
  await clock.advance(0);
  expect(open).toBe(0);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
