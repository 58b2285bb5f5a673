import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../../../../../packages/testkit/src/simulated-clock.ts";
import { Mailbox } from "./mailbox.ts";

const clock = new SimulatedClock();
const item = (n: number) => ({ n });

/** Goal: nothing is lost, doubled or out of order, and who waits is woken once. Method: every order of putting and taking. */
describe("a mailbox", () => {
  it("gives what was put in, in order, at once", async () => {
    const box = new Mailbox<{ n: number }>(clock);
    for (const n of [1, 2]) box.put(item(n));
    expect([await box.take(1_000), await box.take(1_000)]).toEqual([item(1), item(2)]);
  });

  it("wakes the one who waits, and lets him go after his time", async () => {
    const box = new Mailbox<{ n: number }>(clock);
    const waiting = box.take(1_000);
    await clock.advance(999);
    box.put(item(1));
    expect(await waiting).toEqual(item(1));
    expect(await clock.until(box.take(10), 11)).toBeUndefined();
    box.put(item(2));
    expect(await box.take(0)).toEqual(item(2));
  });

  it("stops waiting when the signal aborts, takes nothing then, and takes nothing for one that has aborted", async () => {
    const box = new Mailbox<{ n: number }>(clock);
    const stop = new AbortController();
    const waiting = box.take(1_000, stop.signal);
    const refused = expect(waiting).rejects.toThrow("over");
    stop.abort(new Error("over"));
    await refused;
    box.put(item(1));
    await expect(box.take(1, stop.signal)).rejects.toThrow("over");
    expect(box.rest()).toEqual([item(1)]);
    expect(box.rest()).toEqual([]);
  });
});
