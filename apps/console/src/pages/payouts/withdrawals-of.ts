import { infiniteQueryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";
import { summaryQuery } from "../../api/money.ts";

export type Withdrawal =
  paths["/v1/payments/withdrawals"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];

/** Below what they change: what there is to withdraw is asked again with them. */
const WITHDRAWALS = [...summaryQuery.queryKey, "withdrawals"] as const;

/** One's own, a page at a time, the newest first; and whether anything is paid out here. */
export const withdrawalsQuery = infiniteQueryOptions({
  queryKey: WITHDRAWALS,
  queryFn: ({ pageParam }) =>
    answered(api.GET("/v1/payments/withdrawals", { params: { query: pageParam === "" ? {} : { after: pageParam } } })),
  initialPageParam: "",
  getNextPageParam: ({ data, has_more }) => (has_more ? data.at(-1)?.id : undefined),
  meta: { changesWith: ["money"] },
});

export const useAsk = () =>
  useChangeOf(summaryQuery.queryKey, (asked: { readonly amount_usd: string; readonly pay_to: string }) =>
    answered(api.POST("/v1/payments/withdrawals", { body: asked })),
  );
export const useCallOff = (id: string) =>
  useChangeOf(summaryQuery.queryKey, () =>
    answered(api.DELETE("/v1/payments/withdrawals/{id}", { params: { path: { id } } })),
  );

/** As it is asked for: whole cents, never more than there is. */
export const inCents = (micro: bigint): string => {
  const cents = micro / 10_000n;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
};
