import { SimulatedClock } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { Pace, recentFaults, unmeasured } from "./pace.ts";

const answer = { firstContentMs: 100, decodeMs: 1000, completionTokens: 101 };

/** Goal: figures follow the machine, and one odd answer does not turn them over. Method: known answers, known averages. */
describe("how fast a machine is", () => {
  it("is unknown until it has answered", () => {
    expect(new Pace(new SimulatedClock()).figures).toEqual(unmeasured);
  });

  it("is at first what the first answer showed", () => {
    const pace = new Pace(new SimulatedClock());
    pace.answered(answer);
    expect(pace.figures).toMatchObject({ firstContentMs: 100, decodeTokensPerSec: 100 });
  });

  it("moves a fifth of the way with each later one", () => {
    const pace = new Pace(new SimulatedClock());
    pace.answered(answer);
    pace.answered({ firstContentMs: 200, decodeMs: 1000, completionTokens: 201 });
    expect(pace.figures).toMatchObject({ firstContentMs: 120, decodeTokensPerSec: 120 });
  });

  it.each([
    ["one token", { decodeMs: 1000, completionTokens: 1 }],
    ["no time", { decodeMs: 0, completionTokens: 50 }],
  ])("says nothing of its decoding by %s", (_, part) => {
    const pace = new Pace(new SimulatedClock());
    pace.answered({ firstContentMs: 100, ...part });
    expect(pace.figures).toMatchObject({ firstContentMs: 100, decodeTokensPerSec: undefined });
  });
});

describe("faults", () => {
  it("are held against it for a minute", async () => {
    const clock = new SimulatedClock();
    const pace = new Pace(clock);
    pace.faulted();
    await clock.advance(59_999);
    pace.faulted();
    expect(recentFaults(pace.figures, clock.monotonicMs())).toBe(2);
    await clock.advance(1);
    expect(recentFaults(pace.figures, clock.monotonicMs())).toBe(1);
  });

  it("are remembered in bounded number", () => {
    const pace = new Pace(new SimulatedClock());
    for (let n = 0; n < 100; n++) pace.faulted();
    expect(pace.figures.faultsAtMs).toHaveLength(16);
  });
});
