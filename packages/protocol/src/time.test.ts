import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../../testkit/src/simulated-clock.ts";
import { Deadlines, LATE, within } from "./time.ts";

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

/** Goal: each passes at its time and no other does, whatever is put off or lifted meanwhile. Method: what passed, and when, for each order of doing so. */
describe("deadlines", () => {
  function setUp() {
    const clock = new SimulatedClock();
    let sleeps = 0;
    const counted = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms: number, signal?: AbortSignal) => {
        sleeps++;
        return clock.sleep(ms, signal);
      },
    };
    const deadlines = new Deadlines(counted);
    const told: string[] = [];
    const of = (name: string, then = (): void => undefined) => {
      const passed = () => {
        told.push(`${name} ${clock.monotonicMs()}`);
        then();
      };
      return { in: (ms: number) => deadlines.set(passed, ms), lift: () => deadlines.lift(passed) };
    };
    return { clock, told, of, sleeps: () => sleeps };
  }

  it("pass in their order, each once", async () => {
    const { clock, told, of } = setUp();
    of("late").in(30);
    of("soon").in(10);
    of("now").in(0);
    of("also soon").in(10);
    await clock.advance(9);
    expect(told).toEqual(["now 0"]);
    await clock.advance(100);
    expect(told).toEqual(["now 0", "soon 10", "also soon 10", "late 30"]);
  });

  it("count from where they were last set, sooner or later, and not at all once lifted", async () => {
    const { clock, told, of } = setUp();
    const [later, sooner, lifted] = [of("later"), of("sooner"), of("lifted")];
    for (const one of [later, sooner, lifted]) one.in(20);
    await clock.advance(10);
    later.in(20);
    sooner.in(5);
    lifted.lift();
    await clock.advance(100);
    expect(told).toEqual(["sooner 15", "later 30"]);
  });

  it("may set, put off and lift others as they pass, of the same time too", async () => {
    const { clock, told, of } = setUp();
    const [lifted, putOff] = [of("lifted"), of("put off")];
    const first = of("first", () => {
      lifted.lift();
      putOff.in(5);
      if (told.length === 1) first.in(1);
    });
    for (const one of [first, lifted, putOff]) one.in(10);
    await clock.advance(100);
    expect(told).toEqual(["first 10", "first 11", "put off 16"]);
  });

  it("cost one sleep, however many there are and however often they are put off", async () => {
    const { clock, told, of, sleeps } = setUp();
    const many = Array.from({ length: 100 }, (_, n) => of(`${n}`));
    for (let n = 0; n < 50; n++) {
      for (const one of many) one.in(1_000);
      await clock.advance(1);
    }
    expect(sleeps()).toBe(1);
    await clock.advance(998);
    expect([told.length, sleeps()]).toEqual([0, 2]);
    await clock.advance(1);
    expect(told).toHaveLength(100);
  });
});
