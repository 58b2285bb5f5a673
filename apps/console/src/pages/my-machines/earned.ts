import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { answered, api } from "../../api/client.ts";
import type { ChartDay } from "../../parts/day-chart.tsx";

export type Summary = paths["/v1/me/summary"]["get"]["responses"]["200"]["content"]["application/json"];
export type Earned = paths["/v1/me/earnings"]["get"]["responses"]["200"]["content"]["application/json"];
export type Row = Earned["data"][number];
export type Grouping = Earned["by"];

const MILLIS_OF_DAY = 86_400_000;
const dateOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** Of so many UTC days, today among them. */
const queryOf = (by: Grouping, days: number) => ({ by, from: dateOf(Date.now() - (days - 1) * MILLIS_OF_DAY) });

/** What one's machines have earned. */
export const earnedQuery = (by: Grouping, days: number) =>
  queryOptions({
    queryKey: ["earned", by, days],
    queryFn: async (): Promise<Earned> => {
      const told = await answered(api.GET("/v1/me/earnings", { params: { query: queryOf(by, days) } }));
      if (typeof told === "string") throw new RangeError("The coordinator answered with a file, not with figures.");
      return told;
    },
    placeholderData: keepPreviousData,
    meta: { changesWith: ["money"] },
  });

export const earnedAsCsv = (by: Grouping, days: number): Promise<string> =>
  answered(api.GET("/v1/me/earnings", { params: { query: { ...queryOf(by, days), format: "csv" } }, parseAs: "text" }));

/** What one has, and what of it may be withdrawn. */
export const summaryQuery = queryOptions({
  queryKey: ["summary"],
  queryFn: async (): Promise<Summary> => answered(api.GET("/v1/me/summary")),
  meta: { changesWith: ["money", "machines"] },
});

export const hasEarned = (summary: Summary | undefined): boolean =>
  summary !== undefined && (summary.earned_micro_usd !== "0" || summary.earned_30_days_micro_usd !== "0");

/** Each day that was asked for, also those on which nothing was earned; money that somebody had paid in is the first series. */
export function earnedByDay({ from, to, data }: Pick<Earned, "from" | "to" | "data">): ChartDay[] {
  const byDate = new Map(data.map((row) => [row.of, row]));
  const first = Date.parse(from);
  const count = Math.round((Date.parse(to) - first) / MILLIS_OF_DAY) + 1;
  return Array.from({ length: count }, (_, place) => {
    const date = new Date(first + place * MILLIS_OF_DAY);
    const row = byDate.get(dateOf(date.getTime()));
    const micro = Number(row?.earned_micro_usd ?? 0);
    const payable = Number(row?.payable_micro_usd ?? 0);
    return { date, micro, count: row?.answers ?? 0, parts: [payable, micro - payable] };
  });
}

export const sumOf = (rows: readonly Row[]): number =>
  rows.reduce((sum, { earned_micro_usd }) => sum + Number(earned_micro_usd), 0);
