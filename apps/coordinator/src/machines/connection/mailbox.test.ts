import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../../../../../packages/testkit/src/simulated-clock.ts";
import { Deadlines } from "@darkbloom/protocol/time";
import { Mailbox } from "./mailbox.ts";

const clock = new SimulatedClock();
const deadlines = new Deadlines(clock);
const item = (n: number) => ({ n });

/** Goal: nothing is lost, doubled or out of order, and who waits is woken once. Method: every order of putting and taking. */
describe("a mailbox", () => {
  it("gives what was put in, in order, at once", async () => {
    const box = new Mailbox<{ n: number }>(deadlines);
    for (const n of [1, 2]) box.put(item(n));
    expect([await box.take(1_000), await box.take(1_000)]).toEqual([item(1), item(2)]);
  });

  it("wakes the one who waits, and lets him go after his time", async () => {
    const box = new Mailbox<{ n: number }>(deadlines);
    const waiting = box.take(1_000);
    await clock.advance(999);
    box.put(item(1));
    expect(await waiting).toEqual(item(1));
    expect(await clock.until(box.take(10), 11)).toBeUndefined();
    box.put(item(2));
    expect(await box.take(0)).toEqual(item(2));
  });

  it("refuses the one who waits when it is interrupted, once, and nobody where nobody waits", async () => {
    const box = new Mailbox<{ n: number }>(deadlines);
    box.interrupt(new Error("nobody"));
    const waiting = box.take(1_000);
    expect(box.isAwaited).toBe(true);
    const refused = expect(waiting).rejects.toThrow("over");
    box.interrupt(new Error("over"));
    await refused;
    expect(box.isAwaited).toBe(false);
    box.put(item(1));
    box.put(item(2));
    expect(box.newest).toEqual(item(2));
    expect(await box.take(1)).toEqual(item(1));
    expect(box.rest()).toEqual([item(2)]);
    expect(box.rest()).toEqual([]);
  });

  it("leaves no deadline behind for whoever waits no more", async () => {
    class Counted extends Deadlines {
      open = 0;
      override set(...given: Parameters<Deadlines["set"]>): void {
        this.open++;
        super.set(...given);
      }
      override lift(...given: Parameters<Deadlines["lift"]>): void {
        this.open--;
        super.lift(...given);
      }
    }
    const counted = new Counted(clock);
    const box = new Mailbox<{ n: number }>(counted);
    const waiting = box.take(1_000);
    expect(counted.open).toBe(1);
    box.put(item(1));
    await waiting;
    expect(counted.open).toBe(0);
  });

  it("counts each wait anew", async () => {
    const box = new Mailbox<{ n: number }>(deadlines);
    for (const n of [1, 2, 3]) {
      const waiting = box.take(1_000);
      await clock.advance(999);
      box.put(item(n));
      expect(await waiting).toEqual(item(n));
    }
    expect(await clock.until(box.take(1_000), 1_000)).toBeUndefined();
  });
});
