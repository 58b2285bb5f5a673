import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../generated/openapi.ts";
import { answered, api } from "./client.ts";

type Answer = paths["/v1/models"]["get"]["responses"]["200"]["content"]["application/json"];
type Listed = Extract<Answer, { readonly object: "list" }>;
export type Model = Listed["data"][number];

/** The models that one may ask for; those that can answer now are first. */
export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: async (): Promise<readonly Model[]> => {
    const listed = await answered(api.GET("/v1/models"));
    return "object" in listed ? listed.data : [];
  },
  meta: { changesWith: ["machines", "load"] },
});

/** In which modes this coordinator takes requests. */
export const modesQuery = queryOptions({
  queryKey: ["modes"],
  queryFn: async () => (await answered(api.GET("/.well-known/darkbloom"))).modes,
});
