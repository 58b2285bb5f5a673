import type { Tool } from "@darkbloom/protocol/dialects";
import { parseAsWritten } from "@darkbloom/protocol/written-order";
import { expect, it } from "vitest";
import { valueOf } from "./values.ts";

/** Goal: a template is told members in the order in which the caller wrote them. Method: names that JavaScript moves to the front. */
it("tells a tool's parameters as they were written", () => {
  const parameters = parseAsWritten('{"properties":{"name":{},"10":{},"2":{}}}') as Tool["parameters"];
  const told = valueOf(parameters) as ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  expect([...(told.get("properties")?.keys() ?? [])]).toEqual(["name", "10", "2"]);
});

it.each<[given: unknown, value: unknown]>([
  [null, null],
  [true, true],
  ["text", "text"],
  [3, 3n],
  [9n, 9n],
  [0.5, 0.5],
  [2 ** 53, 2 ** 53],
  [undefined, undefined],
  [Symbol("x"), undefined],
  [
    [1, [2]],
    [1n, [2n]],
  ],
  [{ a: { b: null } }, new Map([["a", new Map([["b", null]])]])],
  [new Map([["a", 1]]), new Map([["a", 1n]])],
])("%s becomes %s", (given, value) => expect(valueOf(given)).toEqual(value));
