import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import type { Events } from "./events.ts";
import { countingEvents, Recent, RecentCounts } from "./recent.ts";

/** Goal: each figure has what happened in its minutes, and nothing is kept beyond the longest. Method: one thing at the start, another later, and time. */
it("counts what happened in the last 1, 5 and 15 minutes", async () => {
  const clock = new SimulatedClock();
  const recent = new RecentCounts<"one" | "other">(clock);
  recent.add("one");
  recent.add("one");
  const rows = async (afterMs: number) => {
    await clock.advance(afterMs);
    return recent.list().map(({ what, counts }) => [what, ...counts]);
  };
  expect(await rows(0)).toEqual([["one", 2, 2, 2]]);
  expect(await rows(50_000)).toEqual([["one", 2, 2, 2]]);
  recent.add("other");
  expect(await rows(10_000)).toEqual([
    ["one", 0, 2, 2],
    ["other", 1, 1, 1],
  ]);
  expect(await rows(240_000)).toEqual([
    ["one", 0, 0, 2],
    ["other", 0, 1, 1],
  ]);
  expect(await rows(590_000)).toEqual([
    ["one", 0, 0, 2],
    ["other", 0, 0, 1],
  ]);
  expect(await rows(10_000)).toEqual([["other", 0, 0, 1]]);
  expect(await rows(60_000)).toEqual([]);
});

/** Goal: each kind of event is counted once, and told on. Method: one of each. */
it("counts what ends, what fails and what a machine fails", () => {
  const recent = new Recent(new SimulatedClock());
  const told: string[] = [];
  const events = countingEvents(
    {
      requestSettled: () => void told.push("settled"),
      requestFailed: () => void told.push("failed"),
      attemptFailed: () => void told.push("attempt"),
    } as Partial<Events> as Events,
    recent,
  );
  events.requestSettled({ outcome: "finished" } as Parameters<Events["requestSettled"]>[0]);
  events.requestFailed({ failure: { code: "key_missing" } } as Parameters<Events["requestFailed"]>[0]);
  events.attemptFailed({ code: "too_slow" } as Parameters<Events["attemptFailed"]>[0]);
  const listed = [recent.settled.list(), recent.failures.list(), recent.attemptFailures.list()];
  expect(listed.map(([row]) => [row?.what, row?.counts.at(-1)])).toEqual([
    ["finished", 1],
    ["key_missing", 1],
    ["too_slow", 1],
  ]);
  expect(told).toEqual(["settled", "failed", "attempt"]);
});
