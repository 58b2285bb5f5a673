import { queryOptions } from "@tanstack/react-query";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";

export type Person =
  paths["/v1/admin/people"]["get"]["responses"]["200"]["content"]["application/json"]["people"][number];
export type Invite =
  paths["/v1/admin/invites"]["get"]["responses"]["200"]["content"]["application/json"]["invites"][number];

const PEOPLE = ["people"] as const;
const INVITES = ["invites"] as const;

export const peopleQuery = queryOptions({
  queryKey: PEOPLE,
  queryFn: async () => (await answered(api.GET("/v1/admin/people"))).people,
  meta: { changesWith: ["people"] },
});

export const invitesQuery = queryOptions({
  queryKey: INVITES,
  queryFn: async () => (await answered(api.GET("/v1/admin/invites"))).invites,
  meta: { changesWith: ["people"] },
});

export const useDisable = (person_id: string) =>
  useChangeOf(PEOPLE, () => answered(api.POST("/v1/admin/people/disable", { body: { person_id } })));
export const useEnable = (person_id: string) =>
  useChangeOf(PEOPLE, () => answered(api.POST("/v1/admin/people/enable", { body: { person_id } })));
export const useSignInLink = (account: string) =>
  useChangeOf(["audit"], () => answered(api.POST("/v1/admin/sign-in-links", { body: { account } })));
export const useInvite = () =>
  useChangeOf(INVITES, (wanted: { readonly mail: string; readonly role: Person["role"] }) => {
    const { mail, role } = wanted;
    return answered(api.POST("/v1/admin/invites", { body: { role, ...(mail !== "" && { mail }) } }));
  });
export const useRevokeInvite = (invite_id: string) =>
  useChangeOf(INVITES, () => answered(api.POST("/v1/admin/invites/revoke", { body: { invite_id } })));

/** By the address that this page has, which the coordinator itself may not know. */
export const addressAt = (path: string): string => new URL(path, globalThis.location.origin).href;

export const isOpenInvite = ({ used_at, revoked_at, expires_at }: Invite): boolean =>
  used_at === null && revoked_at === null && Date.now() < expires_at;
