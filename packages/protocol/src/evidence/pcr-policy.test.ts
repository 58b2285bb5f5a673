import * as fc from "fast-check";
import { expect, it } from "vitest";
import { changedJson, changedText } from "../../test/changed.ts";
import { readPcrPolicy } from "./pcr-policy.ts";

const value = "aB".repeat(32);

/** Goal: only what prescribes something is a policy. Method: one row per form. */
it.each<[string, unknown]>([
  [`{"7": ["${value}"]}`, { 7: [value.toLowerCase()] }],
  [
    `{"0": ["${value}", "${value}"], "23": ["${value}"]}`,
    { 0: Array(2).fill(value.toLowerCase()), 23: [value.toLowerCase()] },
  ],
  ["{}", undefined],
  [`{"24": ["${value}"]}`, undefined],
  [`{"-1": ["${value}"]}`, undefined],
  [`{"07": ["${value}"]}`, undefined],
  ['{"7": []}', undefined],
  ['{"7": ["00"]}', undefined],
  [`{"7": "${value}"}`, undefined],
  ["[]", undefined],
  ["", undefined],
])("%s", (text, expected) => expect(readPcrPolicy(text)).toEqual(expected));

/** Goal: no text throws, and a policy prescribes all that was written, of PCRs that there are. Method: a good one with something changed; any text and JSON. */
it("reads a text as the policy that it is, or as none", () => {
  const good = { 0: [value], 7: [value, "0".repeat(64)] };
  const texts = fc.oneof(
    changedJson(good).map((policy) => JSON.stringify(policy) ?? ""),
    changedText(JSON.stringify(good)),
    fc.json(),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const policy = readPcrPolicy(text);
      if (!policy) return;
      const written = JSON.parse(text) as Record<string, string[]>;
      const lower = Object.entries(written).map(([index, values]) => [index, values.map((each) => each.toLowerCase())]);
      expect(policy).toEqual(Object.fromEntries(lower));
      for (const [index, values] of Object.entries(policy)) {
        expect(Number(index)).toBeLessThan(24);
        expect(values.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 500 },
  );
});
