import * as fc from "fast-check";
import { expect, it } from "vitest";
import { jsonLine, jsonText } from "./json-text.ts";

/** Every character that some reader takes for the end of a line (Unicode, UAX #14; Python's `splitlines`). */
const lineEnds = ["\n", "\v", "\f", "\r", "\u001c", "\u001d", "\u001e", "\u0085", "\u2028", "\u2029"];
const isCut = (line: string): boolean => lineEnds.some((end) => line.includes(end));

/**
 * Goal: a line of a stream is one line to every reader, and says what was put in. Method: arbitrary text
 * (lone surrogates too) and values, line ends among them, through `JSON.parse`.
 */
it("writes JSON that no reader of lines can cut", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom("a", '"', "\\", "\r\n", "\u0085", "\u2028", "\u2029", "\u001c", "\ud800"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (given) => {
      for (const json of [jsonText(given), jsonLine(given)]) {
        expect(isCut(json)).toBe(false);
        expect(JSON.parse(json)).toBe(given);
      }
      const value = { [given]: [given, { given }] };
      expect(isCut(jsonLine(value))).toBe(false);
      expect(JSON.parse(jsonLine(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

it.each([
  ["a\u2028b", '"a\\u2028b"'],
  ["\u2029", '"\\u2029"'],
  ["\u0085\u0085", '"\\u0085\\u0085"'],
  ['é "\n', '"é \\"\\n"'],
])("%j", (given, json) => expect(jsonText(given)).toBe(json));
