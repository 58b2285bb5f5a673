import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { answered, api } from "../../api/client.ts";

export type Machine =
  paths["/v1/network"]["get"]["responses"]["200"]["content"]["application/json"]["machines"][number];

/** The machines that are connected, in short. */
export const networkQuery = queryOptions({
  queryKey: ["network"],
  queryFn: () => answered(api.GET("/v1/network")),
  meta: { changesWith: ["machines", "load"] },
});
