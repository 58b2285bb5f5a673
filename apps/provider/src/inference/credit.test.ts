import { ANSWER_WINDOW_BYTES } from "@darkbloom/protocol/limits";
import { describe, expect, it } from "vitest";
import { ManualClock, settle } from "../../test/manual-clock.ts";
import { BACKPRESSURE_WAIT_MS, Credit, CreditTimeout } from "./credit.ts";

/** Takes, and notes how it ended. */
function taking(credit: Credit, bytes: number, signal = new AbortController().signal) {
  const told = { ended: "waits" as unknown };
  void credit.take(bytes, signal).then(
    () => (told.ended = "taken"),
    (error: unknown) => (told.ended = error),
  );
  return told;
}

describe("credit", () => {
  it.each([
    [10, 10, "taken"],
    [10, 11, "waits"],
    [0, 0, "taken"],
  ])("of %i bytes, %i wanted: %s", async (has, wanted, ended) => {
    const credit = new Credit(new ManualClock(), has);
    expect(credit.allows(wanted)).toBe(ended === "taken");
    const told = taking(credit, wanted);
    await settle();
    expect(told.ended).toBe(ended);
    // What was taken is gone, and nothing is where nothing was.
    expect(credit.allows(ended === "taken" ? has - wanted : has)).toBe(true);
    expect(credit.allows(ended === "taken" ? has - wanted + 1 : has + 1)).toBe(false);
  });

  it("wakes whoever waits when there is enough, and not before", async () => {
    const credit = new Credit(new ManualClock(), 0);
    const told = taking(credit, 10);
    credit.give(9);
    await settle();
    expect(told.ended).toBe("waits");
    credit.give(1);
    await settle();
    expect(told.ended).toBe("taken");
    expect(credit.allows(1)).toBe(false);
  });

  it("gives up after its time, counted anew from each that was given", async () => {
    const clock = new ManualClock();
    const credit = new Credit(clock, 0);
    const told = taking(credit, 10);
    await clock.advance(BACKPRESSURE_WAIT_MS - 1);
    credit.give(1);
    await clock.advance(BACKPRESSURE_WAIT_MS - 1);
    expect(told.ended).toBe("waits");
    await clock.advance(1);
    expect(told.ended).toBeInstanceOf(CreditTimeout);
    expect(credit.allows(1)).toBe(true);
  });

  it("lets a wait end with its signal, for the reason that it has", async () => {
    const stop = new AbortController();
    const told = taking(new Credit(new ManualClock(), 0), 1, stop.signal);
    await settle();
    const reason = new Error("cancelled");
    stop.abort(reason);
    await settle();
    expect(told.ended).toBe(reason);
  });

  /**
   * Goal: a coordinator that gives without end cannot have an answer pile up here. Method: the largest figures that a frame
   * can hold, at once and later.
   */
  it.each<[first: number, more: readonly number[]]>([
    [Number.MAX_SAFE_INTEGER, []],
    [0, [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
    [ANSWER_WINDOW_BYTES, [1]],
  ])("holds a window at most: %i, then %j", async (first, more) => {
    const credit = new Credit(new ManualClock(), first);
    for (const bytes of more) credit.give(bytes);
    expect(credit.allows(ANSWER_WINDOW_BYTES)).toBe(true);
    expect(credit.allows(ANSWER_WINDOW_BYTES + 1)).toBe(false);
    const told = taking(credit, 1);
    await settle();
    expect(told.ended).toBe("taken");
  });
});
