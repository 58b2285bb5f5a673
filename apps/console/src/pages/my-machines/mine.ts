import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";

export type Mine = paths["/v1/me/providers"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];

const MINE = ["my machines"] as const;

export const mineQuery = queryOptions({
  queryKey: MINE,
  queryFn: async () => (await answered(api.GET("/v1/me/providers"))).data,
  meta: { changesWith: ["machines", "load"] },
});

export const useEdit = (id: string) =>
  useChangeOf(MINE, (change: { readonly name?: string; readonly private_only?: boolean }) =>
    answered(api.PATCH("/v1/me/providers/{id}", { params: { path: { id } }, body: change })),
  );
export const useUnlink = (id: string) =>
  useChangeOf(MINE, () => answered(api.DELETE("/v1/me/providers/{id}", { params: { path: { id } } })));

export const earnedBy = ({ earned_micro_usd }: Mine): number => Number(earned_micro_usd);

/** Whether requests that are paid for may reach it. */
export const isEarning = ({ keeps_from_earning, private_only }: Mine): boolean =>
  keeps_from_earning === null && !private_only;
