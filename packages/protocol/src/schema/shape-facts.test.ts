import { expect, it } from "vitest";
import { areDisjoint, Comparisons } from "./shape-facts.ts";
import type { Shape } from "./shape.ts";

const constants = (first: number, count: number): Shape => ({
  kind: "literal",
  texts: Array.from({ length: count }, (_, at) => String(first + at)),
});
const areTold = (shapes: readonly Shape[], comparisons = new Comparisons()) =>
  areDisjoint(shapes, new Map(), new Set(), comparisons);

/** Goal: a schema costs so many comparisons and none more. Method: constants that meet the bound, and one above it. */
it.each<[second: number, told: boolean]>([
  [50_000, true],
  [50_001, false],
])("branches of 50,000 and %s constants are told apart: %s", (second, told) =>
  expect(areTold([constants(0, 50_000), constants(1_000_000, second)])).toBe(told),
);

it("counts the comparisons of all branches and of all their choices together", () => {
  const comparisons = new Comparisons();
  // 4,950 pairs of ten constants each: 99,000.
  const hundred = Array.from({ length: 100 }, (_, at) => constants(at * 10, 10));
  expect(areTold(hundred, comparisons)).toBe(true);
  expect(areTold([constants(0, 500), constants(1_000, 500)], comparisons)).toBe(true);
  expect(areTold([constants(0, 1), constants(1, 1)], comparisons)).toBe(false);
});

it("counts the members of objects, and the constants that each requires", () => {
  const tagged = (first: number, count: number): Shape => ({
    kind: "object",
    members: [{ name: "kind", shape: constants(first, count), required: true }],
    rest: undefined,
  });
  expect(areTold([tagged(0, 49_999), tagged(1_000_000, 49_999)])).toBe(true);
  expect(areTold([tagged(0, 50_000), tagged(1_000_000, 49_999)])).toBe(false);
});
