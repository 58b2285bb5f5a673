import { describe, expect, it } from "vitest";
import { expectedFirstContentMs, Pace, unmeasured } from "./pace.ts";

const stream = (tokens: number, decodeMs: number) => ({ decodeMs, relayedBytes: tokens * 200, isStream: true });

/** Goal: figures follow the machine, and one odd answer does not turn them over. Method: known answers, known averages. */
describe("how fast a machine is", () => {
  it("is unknown until it has answered", () => expect(new Pace().figures).toBe(unmeasured));

  it("is the average of the first answers, and then moves a fifth of the way", () => {
    const pace = new Pace();
    const seen = [100, 200, 300, 300, 300, 300].map((firstContentMs, n) => {
      pace.began({ firstContentMs, promptBytes: 2_000 }, n);
      return Math.round(pace.figures.firstContentMs ?? 0);
    });
    expect(seen).toEqual([100, 150, 200, 225, 240, 252]);
    expect(pace.figures.measuredAtMs).toBe(5);
  });

  it("is measured on bytes that were passed on, of streams and of plain answers", () => {
    const [streamed, plain] = [new Pace(), new Pace()];
    streamed.answered(stream(100, 1_000));
    plain.answered({ decodeMs: 1_000, relayedBytes: 400 + 400, isStream: false });
    expect([streamed, plain].map(({ figures }) => figures.decodeTokensPerSec)).toEqual([100, 100]);
  });

  it.each([
    ["a few bytes", { decodeMs: 1, relayedBytes: 1_599, isStream: true }, undefined],
    ["enough bytes", { decodeMs: 80, relayedBytes: 1_600, isStream: true }, 100],
    ["a plain answer of its envelope", { decodeMs: 1, relayedBytes: 431, isStream: false }, undefined],
    ["the whole bound at once", stream(2_048, 0), 1_000],
  ])("by %s", (_, answer, tokensPerSec) => {
    const pace = new Pace();
    pace.answered(answer);
    expect(pace.figures.decodeTokensPerSec).toBe(tokensPerSec);
  });

  it("is not moved for short prompts by a long one", () => {
    const pace = new Pace();
    pace.began({ firstContentMs: 100, promptBytes: 500 }, 0);
    expect(expectedFirstContentMs(pace.figures, 2_001)).toBeUndefined();
    pace.began({ firstContentMs: 60_100, promptBytes: 30_000 }, 1);
    expect(expectedFirstContentMs(pace.figures, 2_000)).toBe(100);
    expect(expectedFirstContentMs(pace.figures, 15_000)).toBe(30_100);
  });

  it("reads a long prompt in no time at the least", () => {
    const pace = new Pace();
    pace.began({ firstContentMs: 100, promptBytes: 1 }, 0);
    pace.began({ firstContentMs: 50, promptBytes: 30_000 }, 1);
    expect(pace.figures.promptMsPerByte).toBe(0);
  });
});
