import { stripTypeScriptTypes } from "node:module";
import { describe, expect, it } from "vitest";
import { mutate } from "../scripts/mutate/mutants.ts";

const found = (source: string, bounds: readonly string[] = []) =>
  mutate("a.ts", source, new Set(bounds), 1).mutants.map(({ text, change }) => `${text} → ${change}`);

/** What the source exports as `value`, with one mutant on. */
async function valueWith(on: number, source: string, bounds: readonly string[] = []): Promise<unknown> {
  const { code } = mutate("a.ts", source, new Set(bounds), 1);
  const plain = stripTypeScriptTypes(
    code.replace(/^/, "globalThis.__mutant = (id) => id === on;\n").replace("on;", `${on};`),
  );
  const module = (await import(`data:text/javascript,${encodeURIComponent(plain)}`)) as { value: unknown };
  return module.value;
}

/** Goal: each kind of decision is found, and nothing that only looks like one. Method: a source and what is found in it. */
describe("finding what decides", () => {
  it.each<[string, string, readonly string[]]>([
    ["an if", "if (a) b();", ["a → true", "a → false"]],
    ["a choice", "x = a ? 1 : 2;", ["a → true", "a → false"]],
    ["both", "x = a && b;", ["a && b → left side", "a && b → right side"]],
    ["either", "x = a || b;", ["a || b → left side", "a || b → right side"]],
    ["no default", "x = a ?? b;", []],
    ["equality", "x = a === b;", ["a === b → not"]],
    ["a border", "x = a < b;", ["a < b → not", "a < b → <="]],
    ["a border that is tested", "if (a >= b) c();", ["a >= b → true", "a >= b → false", "a >= b → >"]],
    ["a loop, which may only stop", "while (a > b) c();", ["a > b → false", "a > b → >="]],
    ["membership", "x = k in o;", ["k in o → not"]],
    [
      "one within another",
      "if (a && b < c) d();",
      [
        "a && b < c → true",
        "a && b < c → false",
        "a && b < c → left side",
        "a && b < c → right side",
        "b < c → not",
        "b < c → <=",
      ],
    ],
    ["no type", "type T<A> = A extends string ? 1 : 2; let x: typeof A_MAX;", []],
    ["a use of a bound", "f(A_MAX);", ["A_MAX → × 1000"]],
    ["no name of one", "export const A_MAX = 1; o.A_MAX = { A_MAX: 1 }; export { A_MAX };", []],
    ["a bound by its short form", "f({ A_MAX });", ["A_MAX → × 1000"]],
    ["a bound in a pattern", "new RegExp(`a{0,${A_MAX}}`);", ["A_MAX → × 1000"]],
    ["none in a sentence", "say(`at most ${A_MAX}`);", []],
  ])("%s", (_, source, mutants) => {
    expect(found(source, ["A_MAX"])).toEqual(mutants);
  });

  it("says the line, and the source on one line", () => {
    const [first] = mutate("a.ts", "\n\nif (\n  a &&\n  b\n) c();", new Set(), 7).mutants;
    expect(first).toMatchObject({ id: 7, line: 4, text: "a && b" });
  });
});

/** Goal: what is switched on is what is said, and only that. Method: run the text with each mutant on. */
it("changes what it says, one at a time", async () => {
  const source = `
    const A_MAX: number = 3;
    const o = { A_MAX };
    const big = (n: number, m: number): string => (n > 1 && m <= A_MAX ? "in" : "out");
    export const value = [big(2, 3), big(1, 3), big(2, 4), o.A_MAX].join(" ");`;
  const values = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((on) => valueWith(on, source, ["A_MAX"])));
  expect(values).toEqual([
    "in out out 3",
    "in out out 3000",
    "in in in 3",
    "out out out 3",
    "in out in 3",
    "in in out 3",
    "out in out 3",
    "in in out 3",
    "out out in 3",
    "out out out 3",
    "in out in 3",
  ]);
});
