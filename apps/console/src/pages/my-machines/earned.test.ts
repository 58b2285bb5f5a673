import { expect, it } from "vitest";
import { earnedByDay, sumOf, type Row } from "./earned.ts";

const row = (of: string, earned: number, payable: number, answers: number): Row => ({
  of,
  name: null,
  answers,
  prompt_tokens: 0,
  completion_tokens: 0,
  earned_micro_usd: String(earned),
  earned_usd: "",
  payable_micro_usd: String(payable),
});

/** Goal: what was earned stands on its UTC day, once, and no day is left out. Method: three days over the end of a month, one of them empty. */
it("has every day, by the money that paid", () => {
  const data = [row("2026-03-01", 9, 4, 2), row("2026-02-27", 5, 0, 1)];
  const days = earnedByDay({ from: "2026-02-27", to: "2026-03-01", data });
  expect(days.map(({ date, ...day }) => [date.toISOString().slice(0, 10), day])).toEqual([
    ["2026-02-27", { micro: 5, count: 1, parts: [0, 5] }],
    ["2026-02-28", { micro: 0, count: 0, parts: [0, 0] }],
    ["2026-03-01", { micro: 9, count: 2, parts: [4, 5] }],
  ]);
  expect(sumOf(data)).toBe(14);
});
