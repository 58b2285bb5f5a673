import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../generated/openapi.ts";
import { answered, api } from "./client.ts";

export type Team = paths["/v1/teams"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];

export const TEAMS = ["teams"] as const;

/** The teams that one is in, the oldest first. */
export const teamsQuery = queryOptions({
  queryKey: TEAMS,
  queryFn: async () => (await answered(api.GET("/v1/teams"))).data,
  meta: { changesWith: ["teams"] },
});
