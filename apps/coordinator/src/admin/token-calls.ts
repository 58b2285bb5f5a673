import type { PersonId, TokenId } from "@darkbloom/protocol/ids";
import { isPrintable } from "@darkbloom/protocol/printable";
import * as z from "zod";
import { scopes, TOKEN_DAYS_MAX, TOKEN_NAME_CHARS_MAX, type OperatorToken } from "../accounts/operator-tokens.ts";
import { at, call, id, nothing, type CallOf } from "./call.ts";
import type { TokenAdmin } from "./tokens.ts";

const token = z.object({
  token_id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  created_by: z.string().nullable().describe("Whom it ends with"),
  created_at: at,
  expires_at: at,
  revoked_at: at.nullable(),
});

const tellToken = (one: OperatorToken): z.infer<typeof token> => ({
  token_id: one.tokenId,
  name: one.name,
  scopes: [...one.scopes],
  created_by: one.createdBy,
  created_at: one.createdAt,
  expires_at: one.expiresAt,
  revoked_at: one.revokedAt,
});
const readToken = (one: z.infer<typeof token>): OperatorToken => ({
  tokenId: one.token_id as TokenId,
  name: one.name,
  scopes: one.scopes,
  createdBy: one.created_by as PersonId | null,
  createdAt: one.created_at,
  expiresAt: one.expires_at,
  revokedAt: one.revoked_at,
});

/** The operator's operations on tokens: none is done by a token. */
export const tokenCalls: { readonly [Name in keyof TokenAdmin]: CallOf<Name> } = {
  createToken: call("createToken", {
    method: "POST",
    path: "/v1/admin/tokens",
    summary: "Make a token for a program, with scopes and an end",
    body: z.strictObject({
      name: z.string().max(TOKEN_NAME_CHARS_MAX).refine(isPrintable).describe("Your own words, e.g. prometheus"),
      scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
      days: z.int().min(1).max(TOKEN_DAYS_MAX).describe("How long it is good"),
    }),
    answer: token.extend({ token: z.string().describe("Shown this once") }),
    send: ({ name, scopes: may, days }) => ({ name, scopes: [...may], days }),
    act: (admin, body) => admin.createToken(body),
    tell: ({ secret, ...made }) => ({ ...tellToken(made), token: secret }),
    read: ({ token: secret, ...made }) => ({ ...readToken(made), secret }),
  }),
  listTokens: call("listTokens", {
    method: "GET",
    path: "/v1/admin/tokens",
    summary: "The tokens for programs, oldest first, also those that are over or revoked",
    body: nothing,
    answer: z.object({ tokens: z.array(token) }),
    send: () => undefined,
    act: (admin) => admin.listTokens(),
    tell: (tokens) => ({ tokens: tokens.map(tellToken) }),
    read: ({ tokens }) => tokens.map(readToken),
  }),
  revokeToken: call("revokeToken", {
    method: "POST",
    path: "/v1/admin/tokens/revoke",
    summary: "Revoke a token, for good and at once",
    body: z.strictObject({ token_id: id }),
    answer: token,
    send: (tokenId) => ({ token_id: tokenId }),
    act: (admin, body) => admin.revokeToken(body.token_id),
    tell: tellToken,
    read: readToken,
  }),
};
