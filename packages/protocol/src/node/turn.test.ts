import { setImmediate as turn } from "node:timers/promises";
import { expect, it, onTestFinished, vi } from "vitest";
import { endOfTurn } from "./turn.ts";

/** Goal: all of a turn is done once, in order, at its end. Method: acts that put off others, and promises, which are no turn's end. */
it("does everything at the end of a turn, what is put off meanwhile last", async () => {
  const defer = endOfTurn();
  const done: string[] = [];
  defer(() => {
    done.push("a");
    defer(() => done.push("c"));
  });
  defer(() => done.push("b"));
  await Promise.resolve();
  expect(done).toEqual([]);
  await turn();
  expect(done).toEqual(["a", "b", "c"]);
  defer(() => done.push("d"));
  await turn();
  expect(done).toEqual(["a", "b", "c", "d"]);
});

/** Goal: what fails takes nobody else's turn. Method: one that throws between two others; turns by hand. */
it("does the others where one of them throws", () => {
  const ends: (() => void)[] = [];
  vi.stubGlobal("setImmediate", (end: () => void) => void ends.push(end));
  onTestFinished(() => void vi.unstubAllGlobals());
  const defer = endOfTurn();
  const done: string[] = [];
  defer(() => done.push("a"));
  defer(() => {
    throw new RangeError("its own");
  });
  defer(() => done.push("b"));
  expect(() => ends.shift()?.()).toThrow("its own");
  expect([done, ends.length]).toEqual([["a"], 1]);
  ends.shift()?.();
  defer(() => done.push("c"));
  ends.shift()?.();
  expect([done, ends.length]).toEqual([["a", "b", "c"], 0]);
});
