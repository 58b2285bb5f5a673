import { expect, it } from "vitest";
import type { Used } from "../../api/money.ts";
import { SERIES, spendOf } from "./spend.ts";

const now = new Date(2026, 2, 30, 15);
const used = (daysAgo: number, model: string, cost_micro_usd: number, outcome: Used["outcome"] = "finished"): Used => ({
  job_id: "job",
  request_id: "req",
  model,
  prompt_tokens: 10,
  cached_tokens: 0,
  completion_tokens: 3,
  cost_micro_usd,
  outcome,
  timestamp: new Date(2026, 2, 30 - daysAgo, 1).toISOString(),
});

/** Goal: what was used stands on its day, once. Method: rows of today, of the first day shown and of the day before that. */
it("adds up days, models and outcomes", () => {
  const rows = [used(0, "small", 5), used(0, "large", 50, "too_slow"), used(2, "small", 7), used(3, "small", 1_000)];
  const spend = spendOf(rows, 3, now);
  expect(spend.days.map(({ date, micro, requests }) => [date.getDate(), micro, requests])).toEqual([
    [28, 7, 1],
    [29, 0, 0],
    [30, 55, 2],
  ]);
  expect(spend.days[2]?.parts.slice(0, 2)).toEqual([50, 5]);
  expect(spend.models).toEqual([
    { model: "large", requests: 1, micro: 50, promptTokens: 10, completionTokens: 3, series: 0 },
    { model: "small", requests: 2, micro: 12, promptTokens: 20, completionTokens: 6, series: 1 },
  ]);
  expect(spend.outcomes).toEqual([
    ["finished", 2],
    ["too_slow", 1],
  ]);
  expect([spend.micro, spend.requests]).toEqual([62, 3]);
});

it("has the models without a colour of their own in the last series", () => {
  const rows = Array.from({ length: SERIES + 2 }, (_, index) => used(0, `model ${index}`, 100 - index));
  const spend = spendOf(rows, 1, now);
  expect(spend.models.map(({ series }) => series)).toEqual([0, 1, 2, 3, 4, 5, 5, 5]);
  expect(spend.days[0]?.parts).toEqual([100, 99, 98, 97, 96, 95 + 94 + 93]);
});
