import { expect, it } from "vitest";
import { plainTextBy } from "./plain-text.ts";

/** Goal: no spelling of a control token stands in a stretch where control tokens are meant, and no character is lost. Method: a table. */
it.each<[string, string[]]>([
  ["Once upon", ["Once upon"]],
  ["", []],
  ["<|a|>", ["!<|a|>"]],
  ["x<|a|>y<|ab|>", ["x", "!<|a|>", "y", "!<|ab|>"]],
  ["<|a|><|a|>", ["!<|a|>", "!<|a|>"]],
  ["<|a|<|a|>|>", ["<|a|", "!<|a|>", "|>"]],
  ["a.c abc", ["!a.c", " abc"]],
  ["x\uE0F00\uE0F0", ["x\uE0F00\uE0F0"]],
])("cuts %j", (text, told) => {
  const stretches = plainTextBy(["<|a|>", "<|ab|>", "a.c"])(text);
  expect(stretches.map((one) => (one.trusted ? one.text : `!${one.text}`))).toEqual(told);
  expect(stretches.map((one) => one.text).join("")).toBe(text);
});

it("cuts nothing where there are no control tokens", () => {
  expect(plainTextBy([])("<s>")).toEqual([{ text: "<s>", trusted: true }]);
});
