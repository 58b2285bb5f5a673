import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopWatcher } from "./stop-watcher.ts";

function watch(stops: readonly string[], chunks: readonly string[]): { text: string; stopped: string | undefined } {
  const watcher = new StopWatcher(stops);
  let text = "";
  let stopped: string | undefined;
  for (const chunk of chunks) {
    const step = watcher.push(chunk);
    text += step.text;
    stopped = step.stopped;
  }
  return { text: text + watcher.end(), stopped };
}

/** The rule again, slowly: read character by character until some stop string is complete. */
function watchSlowly(stops: readonly string[], text: string): { text: string; stopped: string | undefined } {
  for (let end = 0; end <= text.length; end++) {
    const seen = text.slice(0, end);
    const [stopped] = stops.filter((stop) => seen.endsWith(stop)).toSorted((a, b) => b.length - a.length);
    if (stopped !== undefined) return { text: seen.slice(0, seen.length - stopped.length), stopped };
  }
  return { text, stopped: undefined };
}

describe("the end of an answer at a stop string", () => {
  const cases: [stops: string[], chunks: string[], text: string, stopped: string | undefined][] = [
    [[], ["a", "b"], "ab", undefined],
    [["END"], ["a E", "ND b"], "a ", "END"],
    [["END"], ["a E", "N"], "a EN", undefined],
    [["END"], ["a EN", "EN", "D"], "a EN", "END"],
    [["aab"], ["aaab"], "a", "aab"],
    [["\n\n"], ["x\n", "y\n", "\nz"], "x\ny", "\n\n"],
    [["b", "c"], ["abc"], "a", "b"],
    [["bcd", "cd"], ["abcd"], "a", "bcd"],
    [["abcd", "bc"], ["abcd"], "a", "bc"],
    [["END"], ["END"], "", "END"],
  ];
  for (const [stops, chunks, text, stopped] of cases)
    it(JSON.stringify([stops, chunks]), () => expect(watch(stops, chunks)).toEqual({ text, stopped }));

  it("lets nothing out after the match", () => {
    const watcher = new StopWatcher(["X"]);
    expect(watcher.push("aXb")).toEqual({ text: "a", stopped: "X" });
    expect(watcher.push("c")).toEqual({ text: "", stopped: "X" });
    expect(watcher.end()).toBe("");
  });

  it("holds back only what can be the beginning of a stop string", () => {
    const watcher = new StopWatcher(["stop"]);
    expect(watcher.push("a st")).toEqual({ text: "a " });
    expect(watcher.push("ar")).toEqual({ text: "star" });
  });

  it("refuses an empty stop string", () => {
    expect(() => new StopWatcher(["a", ""])).toThrow(RangeError);
  });
});

/**
 * Goal: in any pieces, no part of a matched stop string is let out and nothing after it. Method:
 * texts and stops over a tiny alphabet, cut anywhere, against the slow reading.
 */
it("ends where the slow reading ends", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 4 }),
      fc.array(fc.oneof(word, fc.constant("")), { maxLength: 12 }),
      (stops, chunks) => {
        expect(watch(stops, chunks)).toEqual(watchSlowly(stops, chunks.join("")));
      },
    ),
    { numRuns: 3000 },
  );
});
