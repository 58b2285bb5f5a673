import * as fc from "fast-check";
import { expect, it } from "vitest";
import { checks } from "./evidence/index.ts";
import { checkSchema } from "./evidence/check.ts";
import { isPrintable, printable } from "./printable.ts";

/** Goal: no text of somebody else moves a terminal. Method: what terminals act on, and any text. */
it.each([
  ["plain ü 漢 🙂", "plain ü 漢 🙂"],
  ["\u001b[2J", "\\u001b[2J"],
  ["a\rb\u0007\u007f", "a\\u000db\\u0007\\u007f"],
  ["\u009b31m", "\\u009b31m"],
  ["abc\u202edef\u2066", "abc\\u202edef\\u2066"],
  ["\u2028\u2029\ufeff", "\\u2028\\u2029\\ufeff"],
])("%j is shown as %s", (text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(isPrintable(text)).toBe(text === shown);
});

it("keeps lines and tabs where our own layout has them, and JSON the same JSON", () => {
  expect(printable("a\n\tb\r", { layout: true })).toBe("a\n\tb\\u000d");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(isPrintable(printable(text))).toBe(true);
      expect(JSON.parse(printable(JSON.stringify(text)))).toBe(text.toWellFormed());
    }),
  );
});

it("is how every check of ours is made, and what is asked of a coordinator's", () => {
  const check = checks.fail("blob.shape", "\u001b[31m", "do\u0007");
  expect(checkSchema.safeParse(check).success).toBe(true);
  expect(check).toMatchObject({ seen: "\\u001b[31m", remedy: "do\\u0007" });
  expect(checkSchema.safeParse(checks.fail("blob.shape", "🙂".repeat(2000), `x${"🙂".repeat(2000)}`)).success).toBe(
    true,
  );
  for (const field of ["id", "seen", "remedy"])
    for (const text of ["\u001b[31m", "\n", "\u202e", "x".repeat(1025)])
      expect(checkSchema.safeParse({ ...check, [field]: text }).success).toBe(false);
});
