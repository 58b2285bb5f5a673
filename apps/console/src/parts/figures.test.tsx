import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { Balance, fromNow, Money, shortUsd } from "./figures.tsx";

/** Goal: an amount is short, never looks like nothing, and is exact on hover. Method: one for each number of decimals. */
it.each([
  [0, "$0.00"],
  [5_000_000, "$5.00"],
  [1_234_567_890, "$1,234.57"],
  [996_000, "$1.00"],
  [12_345, "$0.012"],
  [120, "$0.0001"],
  [7, "$0.000007"],
  [-5_000_000, "−$5.00"],
])("shows %i micro-USD as %s", (micro, short) => {
  expect(shortUsd(micro)).toBe(short);
  expect(renderToStaticMarkup(<Money micro={micro} />)).toContain(`title="${(micro / 1e6).toFixed(6)} USD"`);
});

/** Goal: nobody is shown a cent that is not there. Method: amounts just below what they would be rounded to. */
it.each([
  [4_999_991, "$4.99"],
  [5_000_000, "$5.00"],
  [999_999, "$0.99"],
  [19_999, "$0.019"],
  [9_999, "$0.0099"],
  [0, "$0.00"],
  [-4_991_000, "−$5.00"],
])("shows a balance of %i micro-USD as %s", (micro, short) => {
  expect(renderToStaticMarkup(<Balance micro={micro} />)).toContain(`>${short}<`);
});

it.each([
  [0, "just now"],
  [-59_000, "just now"],
  [-120_000, "2 min. ago"],
  [-3 * 3_600_000, "3 hr. ago"],
  [-86_400_000, "yesterday"],
  [30_000, "in a moment"],
  [2 * 86_400_000, "in 2 days"],
])("tells a time that is %i ms away", (away, words) => {
  expect(fromNow(1_000_000_000_000 + away, 1_000_000_000_000)).toBe(words);
});
