import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { ACCOUNT_HEADER } from "../../api/acting.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";
import { TEAMS, type Team } from "../../api/teams.ts";

export type Role = Team["role"];
export type Member =
  paths["/v1/teams/{id}/members"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];
export type Invite =
  paths["/v1/teams/{id}/invites"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];
type Key = paths["/v1/keys"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];
type TeamChange = paths["/v1/teams/{id}"]["patch"]["requestBody"]["content"]["application/json"];

/** Keys of a team that are looked through; of one that has more, it is said. */
export const KEYS_LOOKED_AT_MAX = 1_000;

const at = (id: string) => ({ params: { path: { id } } });
/** On the team's account, whichever this browser acts on. */
const on = (id: string) => ({ headers: { [ACCOUNT_HEADER]: id } });

/** Below the teams, so that what changes one asks for all of it again. */
const keyOf = (id: string, what: string) => [...TEAMS, id, what] as const;

export const membersQuery = (id: string) =>
  queryOptions({
    queryKey: keyOf(id, "members"),
    queryFn: async () => (await answered(api.GET("/v1/teams/{id}/members", at(id)))).data,
    meta: { changesWith: ["teams"] },
  });

export const invitesQuery = (id: string) =>
  queryOptions({
    queryKey: keyOf(id, "invites"),
    queryFn: async () => (await answered(api.GET("/v1/teams/{id}/invites", at(id)))).data,
    meta: { changesWith: ["teams"] },
  });

export const balanceQuery = (id: string) =>
  queryOptions({
    queryKey: keyOf(id, "balance"),
    queryFn: () => answered(api.GET("/v1/payments/balance", on(id))),
    meta: { changesWith: ["money"] },
  });

/** The keys of a team that one may see, those that used most first. */
export const keysQuery = (id: string) =>
  queryOptions({
    queryKey: keyOf(id, "keys"),
    queryFn: async (): Promise<readonly Key[]> => {
      let keys: readonly Key[] = [];
      for (let hasMore = true; hasMore && keys.length < KEYS_LOOKED_AT_MAX;) {
        const after = keys.at(-1)?.id;
        const query = after === undefined ? {} : { after };
        const page = await answered(api.GET("/v1/keys", { params: { query }, ...on(id) }));
        keys = [...keys, ...page.data];
        hasMore = page.has_more && page.data.length > 0;
      }
      return keys.toSorted((a, b) => Number(b.usage_usd) - Number(a.usage_usd));
    },
    meta: { changesWith: ["keys", "money"] },
  });

export const useMake = () => useChangeOf(TEAMS, (name: string) => answered(api.POST("/v1/teams", { body: { name } })));
export const useEdit = (id: string) =>
  useChangeOf(TEAMS, (body: TeamChange) => answered(api.PATCH("/v1/teams/{id}", { ...at(id), body })));
export const useDelete = (id: string) => useChangeOf(TEAMS, () => answered(api.DELETE("/v1/teams/{id}", at(id))));
export const useChangeRole = (id: string, person: string) =>
  useChangeOf(TEAMS, (role: Role) =>
    answered(api.PATCH("/v1/teams/{id}/members/{person}", { params: { path: { id, person } }, body: { role } })),
  );
export const useTakeOut = (id: string, person: string) =>
  useChangeOf(TEAMS, () =>
    answered(api.DELETE("/v1/teams/{id}/members/{person}", { params: { path: { id, person } } })),
  );
export const useInvite = (id: string) =>
  useChangeOf(TEAMS, (role: Role) => answered(api.POST("/v1/teams/{id}/invites", { ...at(id), body: { role } })));
export const useWithdraw = (id: string, invite: string) =>
  useChangeOf(TEAMS, () =>
    answered(api.DELETE("/v1/teams/{id}/invites/{invite}", { params: { path: { id, invite } } })),
  );

export const roles: readonly Role[] = ["owner", "admin", "member"];
/** Whether a role may invite, take members out and change what bounds the team; the coordinator asks again. */
export const mayManage = (role: Role): boolean => role !== "member";
