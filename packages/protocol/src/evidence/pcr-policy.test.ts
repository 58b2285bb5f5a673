import { expect, it } from "vitest";
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
