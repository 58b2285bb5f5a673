import type { Used } from "../../api/money.ts";

export type Outcome = Used["outcome"];

interface Sum {
  readonly requests: number;
  readonly micro: number;
}

/** A day in the reader's zone. */
export interface Day extends Sum {
  readonly date: Date;
  /** Micro-USD of each of the series. */
  readonly parts: readonly number[];
}

export interface ModelSpend extends Sum {
  readonly model: string;
  /** Which series it is part of. */
  readonly series: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface Spend extends Sum {
  readonly days: readonly Day[];
  /** Dearest first. */
  readonly models: readonly ModelSpend[];
  /** Most frequent first. */
  readonly outcomes: readonly (readonly [outcome: Outcome, requests: number])[];
}

/** Those of a colour of their own; all others share the last. */
export const SERIES = 6;

/** What was used on the last days, today among them. */
export function spendOf(used: readonly Used[], dayCount: number, now: Date): Spend {
  const starts = Array.from({ length: dayCount }, (_, index) => dayStart(now, index + 1 - dayCount));
  const first = starts[0]?.getTime() ?? 0;
  const inside = used.filter(({ timestamp }) => Date.parse(timestamp) >= first);
  const models = [...Map.groupBy(inside, ({ model }) => model)]
    .map(([model, rows]) => ({
      model,
      ...sumOf(rows),
      promptTokens: sum(rows.map(({ prompt_tokens }) => prompt_tokens)),
      completionTokens: sum(rows.map(({ completion_tokens }) => completion_tokens)),
    }))
    .toSorted((one, other) => other.micro - one.micro || other.requests - one.requests)
    .map((one, place) => ({ ...one, series: Math.min(place, SERIES - 1) }));
  const seriesOf = new Map(models.map(({ model, series }) => [model, series]));
  const byDay = Map.groupBy(inside, ({ timestamp }) => dayStart(new Date(timestamp), 0).getTime());
  return {
    ...sumOf(inside),
    models,
    outcomes: [...Map.groupBy(inside, ({ outcome }) => outcome)]
      .map(([outcome, rows]) => [outcome, rows.length] as const)
      .toSorted(([, one], [, other]) => other - one),
    days: starts.map((date) => {
      const rows = byDay.get(date.getTime()) ?? [];
      const parts = Array.from({ length: SERIES }, (_, series) =>
        sum(rows.filter(({ model }) => seriesOf.get(model) === series).map(({ cost_micro_usd }) => cost_micro_usd)),
      );
      return { date, ...sumOf(rows), parts };
    }),
  };
}

/** Days are as long as the zone has them. */
const dayStart = (of: Date, days: number): Date => new Date(of.getFullYear(), of.getMonth(), of.getDate() + days);

const sumOf = (rows: readonly Used[]): Sum => ({
  requests: rows.length,
  micro: sum(rows.map(({ cost_micro_usd }) => cost_micro_usd)),
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
