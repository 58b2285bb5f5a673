import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";

export type Decided =
  paths["/v1/admin/machines"]["get"]["responses"]["200"]["content"]["application/json"]["machines"][number];

const DECIDED = ["decided machines"] as const;

export const decidedQuery = queryOptions({
  queryKey: DECIDED,
  queryFn: async () => (await answered(api.GET("/v1/admin/machines"))).machines,
  meta: { changesWith: ["machines"] },
});

/** Stands for all that are connected and not decided on. */
const ALL = "all";

export const useDecide = (machine: string) =>
  useChangeOf(DECIDED, (state: "approved" | "refused") =>
    answered(api.POST("/v1/admin/machines/decisions", { body: { machine, state } })),
  );
export const useApproveAll = () => useDecide(ALL);
export const useForgive = (machine: string) =>
  useChangeOf(DECIDED, () => answered(api.POST("/v1/admin/machines/forgive", { body: { machine } })));

export const nameOf = ({ serial, machine_id }: Decided): string => serial ?? machine_id;
