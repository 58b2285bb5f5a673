import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical.ts";

describe("canonical JSON", () => {
  /** Goal: it is RFC 8785. Method: the example of its §3.2.2 to §3.2.4. */
  it("spells the RFC's example as the RFC does", () => {
    const input = String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
      "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`;
    expect(canonicalJson(JSON.parse(input))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  /** Goal: one spelling for equal values. Method: any JSON, read again from its canonical form; members in any order. */
  it("is the same after reading it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
    expect(canonicalJson({ b: 1, a: undefined, "\u20ac": 2, "\r": 3, "1": 4 })).toBe(
      String.raw`{"\r":3,"1":4,"b":1,"€":2}`,
    );
  });

  /** Goal: what has no JSON is not signed. Method: each kind. */
  it.each([[undefined], [Number.NaN], [Infinity], ["\ud800"], [{ "\ud800": 1 }], [() => 1]])(
    "throws for %s",
    (value) => {
      expect(() => canonicalJson(value)).toThrow();
    },
  );
});
