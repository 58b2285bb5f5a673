import { expect, it } from "vitest";
import { withoutToml, writeToml } from "./toml-blocks.ts";

const settings = { top: { model: "ours" }, table: "ours", entries: [] };

/** Goal: no name stands twice in a file, and it is back when ours goes. Method: each spelling of a name that stood there, and names that only look like it. */
it.each([
  ["model = 'theirs'", true],
  ['"model" = "theirs"', true],
  ["'model' = 'theirs'", true],
  ["  model='theirs'", true],
  ["\"model' = 1", false],
  ["models = 1", false],
  ["# model = 1", false],
  ["[table]\nmodel = 1", false],
])("%j is set aside: %s", (text, isAside) => {
  const written = writeToml(`${text}\n`, settings);
  expect(written.includes(`: ${text}\n`)).toBe(isAside);
  expect(withoutToml(written)).toBe(`${text}\n`);
});
