import { infiniteQueryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";

type Listed = paths["/v1/keys"]["get"]["responses"]["200"]["content"]["application/json"];
export type Key = Listed["data"][number];
/** What of a key is made or changed. */
export type Terms = paths["/v1/keys"]["post"]["requestBody"]["content"]["application/json"];

const KEYS = ["keys"] as const;

/** One's keys, a page at a time, the oldest first. */
export const keysQuery = infiniteQueryOptions({
  queryKey: KEYS,
  queryFn: ({ pageParam }) =>
    answered(api.GET("/v1/keys", { params: { query: pageParam === "" ? {} : { after: pageParam } } })),
  initialPageParam: "",
  getNextPageParam: ({ data, has_more }) => (has_more ? data.at(-1)?.id : undefined),
  meta: { changesWith: ["keys"] },
});

export const isLiveKey = ({ revoked_at }: Key): boolean => revoked_at === null;
export const isExpired = ({ expires_at }: Key): boolean => expires_at !== null && Date.parse(expires_at) <= Date.now();

export const makeKey = (terms: Terms) => answered(api.POST("/v1/keys", { body: terms }));
export const editKey = (id: string, terms: Terms) =>
  answered(api.PATCH("/v1/keys/{id}", { params: { path: { id } }, body: terms }));
export const rotateKey = (id: string, overlapMs: number) =>
  answered(api.POST("/v1/keys/{id}/rotate", { params: { path: { id } }, body: { overlap_ms: overlapMs } }));
export const revokeKey = (id: string) => answered(api.DELETE("/v1/keys/{id}", { params: { path: { id } } }));

/** A change of a key; the list is asked for again behind it. */
export const useChange = <Given, Done>(change: (given: Given) => Promise<Done>) => useChangeOf(KEYS, change);
