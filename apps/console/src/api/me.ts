import { queryOptions, useQuery } from "@tanstack/react-query";
import type { paths } from "../../generated/openapi.ts";
import { actingOn, actOn, forgetActing } from "./acting.ts";
import { answered, api, ApiError } from "./client.ts";

export type Me = paths["/v1/me"]["get"]["responses"]["200"]["content"]["application/json"];

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async (): Promise<Me | null> => {
    try {
      return await answered(api.GET("/v1/me"));
    } catch (error) {
      // Nobody is signed in: no failure, but what there is to know.
      if (error instanceof ApiError && error.status === 401) return null;
      // Of a team that one is in no longer: what is one's own is there.
      if (error instanceof ApiError && error.code === "account_not_found" && actingOn !== undefined) actOn(undefined);
      throw error;
    }
  },
  meta: { changesWith: ["sessions"] },
});

/** Who is signed in; null: nobody; undefined: not known yet. */
export const useMe = (): Me | null | undefined => useQuery(meQuery).data;

/** Ends this browser's session. What was shown to it goes too. */
export async function signOut(): Promise<void> {
  forgetActing();
  await fetch("/sign-out", { method: "POST", redirect: "manual" });
  globalThis.location.assign("/");
}
