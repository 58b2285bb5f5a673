import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
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
