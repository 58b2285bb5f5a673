import { describe, expect, it } from "vitest";
import { closedJson } from "./closed-json.ts";

/** Goal: a call that was cut can be told again. Method: an object cut at every place; what is kept is JSON and belongs to it. */
describe("the beginning of an object", () => {
  it.each([
    ["", "{}"],
    ["{", "{}"],
    ['{"a', "{}"],
    ['{"a":', "{}"],
    ['{"a": "b', '{"a": "b"}'],
    ['{"a": "b\\\\', '{"a": "b\\\\"}'],
    ['{"a": "b\\u00', '{"a": "b"}'],
    ['{"a": 1, "b', '{"a": 1}'],
    ['{"a": [1, {"b": 2', '{"a": [1, {"b": 2}]}'],
    ['{"a": {"b": 1}', '{"a": {"b": 1}}'],
    ["nothing", "{}"],
  ])("%s becomes %s", (text, whole) => expect(closedJson(text)).toBe(whole));

  it("is JSON wherever it was cut", () => {
    const whole = String.raw`{"a": "x\"\u00e9}", "b": [1, -2.5e3, true, null, {"c": []}], "d": {}}`;
    for (let end = 0; end <= whole.length; end++) {
      const value: unknown = JSON.parse(closedJson(whole.slice(0, end)));
      expect(typeof value).toBe("object");
    }
  });
});
