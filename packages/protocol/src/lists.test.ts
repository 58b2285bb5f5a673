import { expect, it } from "vitest";
import { concatBytes, joinBytes } from "./bytes.ts";
import { leastOf, mostOf, pushAll } from "./lists.ts";

/** Goal: lists of any length. Method: one that would overflow the stack as the arguments of a call. */
it("takes lists that are longer than a call's arguments can be", () => {
  const long = Array.from({ length: 500_000 }, (_, at) => at);
  expect(() => Math.max(...long)).toThrow(RangeError);
  const list: number[] = [];
  pushAll(list, long);
  expect([list.length, mostOf(long), leastOf(long)]).toEqual([500_000, 499_999, 0]);
  expect(joinBytes(long.map((at) => Uint8Array.of(at)))).toHaveLength(500_000);
});

it("says what there is where there is nothing, and keeps to the bound that it was given", () => {
  expect([mostOf([]), leastOf([]), mostOf([], 1), leastOf([], 1)]).toEqual([-Infinity, Infinity, 1, 1]);
  expect([mostOf([2, 3], 5), mostOf([7], 5), leastOf([7], 5), leastOf([2], 5)]).toEqual([5, 7, 5, 2]);
  expect(joinBytes([])).toEqual(concatBytes());
});
