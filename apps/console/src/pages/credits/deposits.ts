import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { answered, api, ApiError } from "../../api/client.ts";

export type Deposit =
  paths["/v1/payments/deposits"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];

/** How soon it is asked again whether a payment is booked. */
const ASKED_EVERY_MS = 2_000;
/** What payments go by that this browser began: until it is closed. */
const BEGUN = "darkbloom-payment";

/** What was paid into one's account, a page at a time, the newest first. */
export const depositsQuery = infiniteQueryOptions({
  queryKey: ["deposits"],
  queryFn: ({ pageParam }) =>
    answered(api.GET("/v1/payments/deposits", { params: { query: pageParam === "" ? {} : { after: pageParam } } })),
  initialPageParam: "",
  getNextPageParam: ({ data, has_more }) => (has_more ? data.at(-1)?.id : undefined),
  meta: { changesWith: ["money"] },
});

const checkout = (id: string) => answered(api.GET("/v1/billing/stripe/session", { params: { query: { id } } }));

/** Whether this coordinator takes payments at all: it says so whatever it is asked about. */
export const takesPaymentsQuery = queryOptions({
  queryKey: ["takes payments"],
  queryFn: async (): Promise<boolean> => {
    try {
      await checkout("none");
    } catch (error) {
      if (error instanceof ApiError && error.code === "payments_off") return false;
      if (error instanceof ApiError && error.code === "deposit_not_found") return true;
      throw error;
    }
    return true;
  },
});

/** A payment, asked about until it is booked or cannot be any more: that asking is what books it soonest. */
export const paymentQuery = (id: string) =>
  queryOptions({
    queryKey: ["payment", id],
    queryFn: () => checkout(id),
    refetchInterval: ({ state: { data } }) =>
      data?.state === "paid" || data?.state === "expired" ? false : ASKED_EVERY_MS,
  });

/** Begins a payment, and goes to where it is paid. */
export async function pay(amountUsd: string): Promise<void> {
  const { session_id, url } = await answered(
    api.POST("/v1/billing/stripe/create-session", { body: { amount_usd: amountUsd } }),
  );
  sessionStorage.setItem(BEGUN, session_id);
  if (url !== null) globalThis.location.assign(url);
}

/** What this browser began to pay last. */
export const begunPayment = (): string | undefined => sessionStorage.getItem(BEGUN) ?? undefined;
