import { expect, it } from "vitest";
import { functionsWithBranch } from "../scripts/walk/branches.ts";

const cases: readonly (readonly [why: string, text: string, ends: readonly string[]])[] = [
  ["a function that decides", "function f(a) { if (a) return 1; }", ["f"]],
  ["one that only passes on", "const f = (a) => g(a.b?.c);", []],
  ["a loop", "const f = (all) => { for (const one of all) g(one); };", ["f"]],
  ["a choice of values", "const f = (a) => a ?? 1;", ["f"]],
  ["what is caught", "async function f() { try { await g(); } catch { h(); } }", ["f"]],
  ["a decision of the function within", "function f() { return (b) => (b ? 1 : 2); }", ["(b)"]],
  ["a decision of the module", "const a = b ? 1 : 2; const f = () => a;", []],
  ["a method, with types", "class A { f(a: string): a is 'b' { return a === 'b' && this.c; } }", ["(a: string)"]],
];

it.each(cases)("tells functions with a branch of their own: %s", (_why, text, starts) => {
  const found = [...functionsWithBranch("x.ts", text)].map((end) => text.slice(0, end));
  expect(found).toHaveLength(starts.length);
  for (const [at, start] of starts.entries()) expect(found[at]).toContain(start);
});
