import { expect, it } from "vitest";
import { roundUp } from "./axis.ts";

it.each([
  [0, 1],
  [1, 1],
  [3, 5],
  [20, 20],
  [21, 50],
  [51_000, 100_000],
])("rounds %i up to %i", (micro, rounded) => expect(roundUp(micro)).toBe(rounded));
