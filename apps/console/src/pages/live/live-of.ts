import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { answered, api } from "../../api/client.ts";

export type Live = paths["/v1/admin/live"]["get"]["responses"]["200"]["content"]["application/json"];
export type Queue = Live["queues"][number];
export type Gate = Live["gates"][number];
export type Trouble = Live["troubles"][number];
export type Failed = Live["failures"][number];
export type Settled = Live["settled"][number];

/** What waits, and what was a minute ago, changes with time alone, of which nobody tells. */
const ASKED_EVERY_MS = 5_000;

export const liveQuery = queryOptions({
  queryKey: ["live"],
  queryFn: () => answered(api.GET("/v1/admin/live")),
  refetchInterval: ASKED_EVERY_MS,
  meta: { changesWith: ["load", "machines", "requests"] },
});

/** In the longest of the spans that are told. */
export const sumOf = (rows: readonly { readonly counts: readonly number[] }[]): number =>
  rows.reduce((sum, { counts }) => sum + (counts.at(-1) ?? 0), 0);
