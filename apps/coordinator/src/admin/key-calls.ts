import type { AccountId, KeyId, PersonId } from "@darkbloom/protocol/ids";
import * as z from "zod";
import { KEY_OVERLAP_MS_MAX, KEY_ROWS_MAX } from "../accounts/key-admin.ts";
import {
  keyChangeSchema,
  keptTerms,
  keyTermsSchema,
  readKeyChange,
  tellChange,
  tellTerms,
} from "../accounts/key-terms.ts";
import { keyUsageShape, readUsage, tellUsage } from "../accounts/key-usage.ts";
import type { KeyRecord, KeyTerms } from "../accounts/port.ts";
import { amount, at, call, id, money, moneyOf } from "./call.ts";
import { ofKeys } from "./fault.ts";
import type { CreatedKey, ListedKey } from "./operations.ts";

const keyRecord = keyTermsSchema.extend({
  key_id: z.string(),
  account: z.string(),
  created_by: z.string().nullable().describe("Who made it with a session"),
  label: z.string().describe("The key's first and last characters"),
  created_at: at,
  last_used_at: at.nullable(),
  revoked_at: at.nullable(),
});
const listedKey = keyRecord.extend({ balance_micro_usd: money, ...keyUsageShape });
const createdKey = z.object({ api_key: z.string(), key_id: z.string(), account: z.string() });

const tellKey = (key: KeyRecord): z.infer<typeof keyRecord> => ({
  ...tellTerms(key),
  key_id: key.keyId,
  account: key.account,
  created_by: key.createdBy,
  label: key.label,
  created_at: key.createdAt,
  last_used_at: key.lastUsedAt,
  revoked_at: key.revokedAt,
});
const readKey = ({
  key_id: keyId,
  account,
  created_by: createdBy,
  label,
  created_at: createdAt,
  last_used_at: lastUsedAt,
  revoked_at: revokedAt,
  ...terms
}: z.infer<typeof keyRecord>): KeyRecord => ({
  ...keptTerms(terms),
  keyId: keyId as KeyId,
  account: account as AccountId,
  createdBy: createdBy as PersonId | null,
  label,
  createdAt,
  lastUsedAt,
  revokedAt,
});

/** @throws AdminError, in the words of whoever would refuse it at the other end */
function sayChange(change: Partial<KeyTerms>): z.infer<typeof keyChangeSchema> {
  const said = tellChange(change);
  try {
    readKeyChange(said);
  } catch (error) {
    throw ofKeys(error);
  }
  return said;
}

const tellListed = ({ balance, usage, ...key }: ListedKey): z.infer<typeof listedKey> => ({
  ...tellKey(key),
  ...tellUsage(usage),
  balance_micro_usd: String(balance),
});
const readListed = ({
  balance_micro_usd: balance,
  usage_usd,
  usage_tokens,
  remaining_usd,
  remaining_tokens,
  resets_at,
  ...key
}: z.infer<typeof listedKey>): ListedKey => ({
  ...readKey(key),
  balance: moneyOf(balance),
  usage: readUsage({ usage_usd, usage_tokens, remaining_usd, remaining_tokens, resets_at }),
});

const tellCreated = ({ apiKey, keyId, account }: CreatedKey): z.infer<typeof createdKey> => ({
  api_key: apiKey,
  key_id: keyId,
  account,
});
const readCreated = (created: z.infer<typeof createdKey>): CreatedKey => ({
  apiKey: created.api_key,
  keyId: created.key_id as KeyId,
  account: created.account as AccountId,
});

/** The operator's operations on keys. */
export const keyCalls = {
  createKey: call("createKey", {
    method: "POST",
    path: "/v1/admin/keys",
    summary: "Make an API key, with an account of its own or for an existing one",
    scope: "keys:write",
    besides: ({ credit_micro_usd: credit }) => (moneyOf(credit) > 0n ? "money:write" : undefined),
    body: keyChangeSchema.extend({ credit_micro_usd: amount, account: id.optional() }),
    answer: createdKey,
    send: ({ credit, account, terms = {} }) => ({ ...sayChange(terms), credit_micro_usd: String(credit), account }),
    act: (admin, { credit_micro_usd: credit, account, ...terms }) =>
      admin.createKey({ credit: moneyOf(credit), account, terms: readKeyChange(terms) }),
    tell: tellCreated,
    read: readCreated,
  }),
  listKeys: call("listKeys", {
    method: "GET",
    path: "/v1/admin/keys",
    summary: "Every key, oldest first, and what its account can spend, a page at a time",
    scope: "keys:write",
    body: z.strictObject({
      rows: z.coerce.number().int().min(1).max(KEY_ROWS_MAX).default(KEY_ROWS_MAX),
      after: id.optional().describe("The `key_id` of the last key of the page before"),
    }),
    answer: z.object({ keys: z.array(listedKey), has_more: z.boolean().describe("Whether a page follows") }),
    send: ({ rows = KEY_ROWS_MAX, after }) => ({ rows, after }),
    act: (admin, { rows, after }) => admin.listKeys({ rows, ...(after !== undefined && { after }) }),
    tell: ({ keys, hasMore }) => ({ keys: keys.map(tellListed), has_more: hasMore }),
    read: ({ keys, has_more: hasMore }) => ({ keys: keys.map(readListed), hasMore }),
  }),
  showKey: call("showKey", {
    method: "POST",
    path: "/v1/admin/keys/show",
    summary: "One key, and what its account can spend",
    scope: "keys:write",
    body: z.strictObject({ key_id: id }),
    answer: listedKey,
    send: (keyId) => ({ key_id: keyId }),
    act: (admin, body) => admin.showKey(body.key_id),
    tell: tellListed,
    read: readListed,
  }),
  editKey: call("editKey", {
    method: "POST",
    path: "/v1/admin/keys/edit",
    summary: "Change what bounds a key, from its next request on",
    scope: "keys:write",
    body: keyChangeSchema.extend({ key_id: id }),
    answer: keyRecord,
    send: (keyId, change) => ({ ...sayChange(change), key_id: keyId }),
    act: (admin, { key_id: keyId, ...change }) => admin.editKey(keyId, readKeyChange(change)),
    tell: tellKey,
    read: readKey,
  }),
  rotateKey: call("rotateKey", {
    method: "POST",
    path: "/v1/admin/keys/rotate",
    summary: "Give a key a new secret, under the same id and with what it has used",
    scope: "keys:write",
    body: z.strictObject({
      key_id: id,
      overlap_ms: z.int().min(0).max(KEY_OVERLAP_MS_MAX).describe("For how long the present secret goes on"),
    }),
    answer: createdKey,
    send: (keyId, overlapMs) => ({ key_id: keyId, overlap_ms: overlapMs }),
    act: (admin, body) => admin.rotateKey(body.key_id, body.overlap_ms),
    tell: tellCreated,
    read: readCreated,
  }),
  revokeKey: call("revokeKey", {
    method: "POST",
    path: "/v1/admin/keys/revoke",
    summary: "Revoke a key at once; its account and balance stay",
    scope: "keys:write",
    body: z.strictObject({ key_id: id }),
    answer: keyRecord,
    send: (keyId) => ({ key_id: keyId }),
    act: (admin, body) => admin.revokeKey(body.key_id),
    tell: tellKey,
    read: readKey,
  }),
};
