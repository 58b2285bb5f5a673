import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../generated/openapi.ts";
import { answered, api } from "./client.ts";

/** Of what an account used, as much as the coordinator tells at once. */
export const USED_ROWS = 500;

/** One request that was settled. */
export type Used =
  paths["/v1/payments/usage"]["get"]["responses"]["200"]["content"]["application/json"]["usage"][number];

export const balanceQuery = queryOptions({
  queryKey: ["balance"],
  queryFn: () => answered(api.GET("/v1/payments/balance")),
  meta: { changesWith: ["money"] },
});

/** What the account used, the newest first. */
export const usedQuery = queryOptions({
  queryKey: ["used"],
  queryFn: async () =>
    (await answered(api.GET("/v1/payments/usage", { params: { query: { limit: USED_ROWS } } }))).usage,
  meta: { changesWith: ["requests"] },
});

/** What one has oneself and what one's machines earn, whichever account is acted on. */
export const summaryQuery = queryOptions({
  queryKey: ["summary"],
  queryFn: () => answered(api.GET("/v1/me/summary")),
  meta: { changesWith: ["money", "machines"] },
});
