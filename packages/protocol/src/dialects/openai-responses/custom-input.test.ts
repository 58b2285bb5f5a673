import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CustomInput } from "./custom-input.ts";

/** Every way of writing a character of a JSON string: as it is, by its number, in two halves. */
const written = fc.oneof(
  fc.string({ unit: "binary", maxLength: 6 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.constantFrom(
    "\\u0041",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\ude00",
    "\\ud83dx",
    "\\ud83d\\n",
    "\\/",
    '\\"',
    "\\\\",
    "😀",
  ),
);

describe("the input of a custom tool", () => {
  /** Goal: the caller is told the text, however the model's words were cut. Method: any text, any cuts, JSON's own parser. */
  it("is told the same, whatever the pieces", () => {
    fc.assert(
      fc.property(fc.array(written), fc.array(fc.nat(200)), fc.constantFrom("", " ", "\n"), (parts, cuts, space) => {
        const whole = `${space}{${space}"input"${space}:${space}"${parts.join("")}"${space}}`;
        const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length];
        const input = new CustomInput();
        const told = at.slice(1).map((end, index) => input.push(whole.slice(at[index], end)));
        expect(told.join("")).toBe((JSON.parse(whole) as { input: string }).input);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["nothing yet", ['{"in'], ""],
    ["what there is of a text that was cut", ['{"input":"ab\\', ""], "ab"],
    ["no half of a character", ['{"input":"a\\ud83d\\u'], "a"],
    ["nothing of another object", ['{"other":"a"}'], ""],
    ["nothing behind its end", ['{"input":"a"}', "b", '"c"'], "a"],
  ])("tells %s", (_, pieces, told) => {
    const input = new CustomInput();
    expect(pieces.map((piece) => input.push(piece)).join("")).toBe(told);
  });
});
