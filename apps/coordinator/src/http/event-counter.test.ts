import { utf8 } from "@darkbloom/protocol/bytes";
import { describe, expect, it } from "vitest";
import { EventCounter } from "./event-counter.ts";

describe("counting the events of a stream", () => {
  it.each([
    ["nothing", "", 0],
    ["an event that has not ended", "data: 1\n", 0],
    ["one event", "data: 1\n\n", 1],
    ["an event of two lines", "event: a\ndata: 1\n\n", 1],
    ["a comment", ": alive\n\n", 0],
    ["a comment between events", "data: 1\n\n: alive\n\ndata: 2\n\n", 2],
    ["a colon inside of a line", "data: a: b\n\n", 1],
  ])("finds %s, wherever it is cut", (_what, text, count) => {
    const bytes = utf8(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const counter = new EventCounter();
      counter.push(bytes.subarray(0, cut));
      counter.push(bytes.subarray(cut));
      expect(counter.count).toBe(count);
    }
  });
});
