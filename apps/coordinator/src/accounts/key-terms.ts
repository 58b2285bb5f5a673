import { trustLevels } from "@darkbloom/protocol/evidence";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { ourWords, type OurWords, type ParamPath, type Serial } from "@darkbloom/protocol/ids";
import { PINNED_SERIALS_MAX } from "@darkbloom/protocol/limits";
import { formatUsd, parseUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import { limitResets } from "../ledger/windows.ts";
import { keyPrivacies, type KeyTerms } from "./port.ts";

/** Of a key's name. */
export const KEY_NAME_CHARS_MAX = 128;
/** Models that one key may name. */
export const KEY_MODELS_MAX = 64;
/** Of a key's list of models, and of its list of machines: every listing of keys reads and shows all of them. */
export const KEY_LIST_BYTES_MAX = 4_096;
/** A thousand million million tokens: as many as nobody uses, and a number that every language has. */
export const KEY_LIMIT_TOKENS_MAX = 1_000_000_000_000_000;
/** Requests, and tokens, that a key's rate may grant a minute. */
export const KEY_REQUESTS_PER_MINUTE_MAX = 1_000_000;
export const KEY_TOKENS_PER_MINUTE_MAX = 1_000_000_000;
const ID_CHARS_MAX = 128;

/** What bounds a key, as it goes over HTTP and is kept. */
const fields = {
  name: z.string().max(KEY_NAME_CHARS_MAX).describe("Your own words, e.g. laptop"),
  disabled: z.boolean(),
  limit_usd: z
    .string()
    .nullable()
    .describe("The most that it may spend in a window, in USD; what runs counts with the most that it can cost"),
  limit_tokens: z
    .int()
    .min(1)
    .max(KEY_LIMIT_TOKENS_MAX)
    .nullable()
    .describe("The same in tokens, of prompts and answers"),
  limit_reset: z.enum(limitResets).describe("When a window ends, in UTC; a week begins on Monday"),
  rpm_limit: z.int().min(1).max(KEY_REQUESTS_PER_MINUTE_MAX).nullable().describe("Requests a minute"),
  itpm_limit: z.int().min(1).max(KEY_TOKENS_PER_MINUTE_MAX).nullable().describe("Tokens of prompts a minute"),
  otpm_limit: z.int().min(1).max(KEY_TOKENS_PER_MINUTE_MAX).nullable().describe("Tokens of answers a minute"),
  allowed_models: z
    .array(z.string().min(1).max(ID_CHARS_MAX))
    .max(KEY_MODELS_MAX)
    .describe("The only models, or other names for them, that it may ask for; empty: any"),
  min_trust: z.enum(trustLevels).nullable().describe("No machine below this level serves the key's requests"),
  provider_serials: z
    .array(z.string().min(1).max(ID_CHARS_MAX))
    .max(PINNED_SERIALS_MAX)
    .describe("The only machines that serve the key's requests; empty: any"),
  self_route_only: z
    .boolean()
    .describe("Only your account's own machines serve the key's requests, which cost nothing"),
  privacy: z.enum(keyPrivacies).describe("sealed: a request that was not sealed by its sender is refused"),
  expires_at: z.iso.datetime({ offset: true }).nullable(),
} as const;

export const keyTermsSchema = z.object(fields);
export type WireTerms = z.infer<typeof keyTermsSchema>;

/** Some of it, to make or change a key with: an amount may be a number too. */
export const keyChangeSchema = z
  .strictObject({ ...fields, limit_usd: z.union([z.string(), z.number()]).nullable() })
  .partial();

const expected: Readonly<Record<keyof WireTerms, OurWords>> = {
  name: ourWords`it must be a text of up to ${KEY_NAME_CHARS_MAX} printable characters`,
  disabled: ourWords`it must be true or false`,
  limit_usd: ourWords`it must be an amount in USD with up to six decimals, e.g. "5.00", or null`,
  limit_tokens: ourWords`it must be a whole number from 1 to ${KEY_LIMIT_TOKENS_MAX}, or null`,
  limit_reset: ourWords`it must be none, daily, weekly or monthly`,
  rpm_limit: ourWords`it must be a whole number from 1 to ${KEY_REQUESTS_PER_MINUTE_MAX}, or null`,
  itpm_limit: ourWords`it must be a whole number from 1 to ${KEY_TOKENS_PER_MINUTE_MAX}, or null`,
  otpm_limit: ourWords`it must be a whole number from 1 to ${KEY_TOKENS_PER_MINUTE_MAX}, or null`,
  allowed_models: ourWords`it must be a list of up to ${KEY_MODELS_MAX} ids of models, ${KEY_LIST_BYTES_MAX} bytes in all`,
  min_trust: ourWords`it must be a trust level, or null`,
  provider_serials: ourWords`it must be a list of up to ${PINNED_SERIALS_MAX} serials, ${KEY_LIST_BYTES_MAX} bytes in all`,
  self_route_only: ourWords`it must be true or false`,
  privacy: ourWords`it must be any or sealed`,
  expires_at: ourWords`it must be a time ahead, e.g. 2030-01-31T12:00:00Z, or null`,
};

/** What an operation on keys refuses. The message is a sentence with nothing of what was sent. */
export class KeyError extends ErrorForPeople {
  override readonly name = "KeyError";
  readonly refused: KeyRefusal;

  constructor(refused: KeyRefusal) {
    super(refused.why === "invalid" ? `'${refused.param}' is not valid: ${refused.expected}.` : words[refused.why]);
    this.refused = refused;
  }
}

export type KeyRefusal =
  | { readonly why: "invalid"; readonly param: ParamPath; readonly expected: OurWords }
  | { readonly why: "unknown_key" | "revoked" | "too_many" };

const words = {
  unknown_key: "There is no key with this id.",
  revoked: "This key was revoked, which lasts. Make a new one.",
  too_many: "This account has as many keys as one may have. Revoke some that are not used.",
} as const;

export const invalidTerm = (param: keyof WireTerms): KeyError =>
  new KeyError({ why: "invalid", param: param as ParamPath, expected: expected[param] });

/**
 * What is to be made or changed of a key, as it was sent.
 *
 * @throws KeyError naming the field
 */
export function readKeyChange(sent: unknown): Partial<KeyTerms> {
  const read = keyChangeSchema.safeParse(sent);
  if (read.success) return termsOf(read.data);
  // Of a field that is none, and of what has no fields, there is no path.
  const field = String(read.error.issues[0]?.path[0]);
  if (isField(field)) throw invalidTerm(field);
  const known = Object.keys(fields).join(", ") as OurWords;
  throw new KeyError({ why: "invalid", param: "key" as ParamPath, expected: ourWords`its fields may be ${known}` });
}

const isField = (name: string): name is keyof WireTerms => Object.hasOwn(fields, name);

/** @throws KeyError for an amount that is none */
function termsOf(sent: z.infer<typeof keyChangeSchema>): Partial<KeyTerms> {
  const terms: { -readonly [Term in keyof KeyTerms]?: KeyTerms[Term] } = {};
  if (sent.name !== undefined) terms.name = sent.name;
  if (sent.disabled !== undefined) terms.disabled = sent.disabled;
  if (sent.limit_usd !== undefined) terms.limitMicroUsd = amountOf(sent.limit_usd);
  if (sent.limit_tokens !== undefined) terms.limitTokens = sent.limit_tokens;
  if (sent.limit_reset !== undefined) terms.limitReset = sent.limit_reset;
  if (sent.rpm_limit !== undefined) terms.rpmLimit = sent.rpm_limit;
  if (sent.itpm_limit !== undefined) terms.itpmLimit = sent.itpm_limit;
  if (sent.otpm_limit !== undefined) terms.otpmLimit = sent.otpm_limit;
  if (sent.allowed_models !== undefined) terms.allowedModels = sent.allowed_models;
  if (sent.min_trust !== undefined) terms.minTrust = sent.min_trust;
  if (sent.provider_serials !== undefined) terms.pins = sent.provider_serials as Serial[];
  if (sent.self_route_only !== undefined) terms.selfRouteOnly = sent.self_route_only;
  if (sent.privacy !== undefined) terms.privacy = sent.privacy;
  if (sent.expires_at !== undefined) terms.expiresAt = sent.expires_at === null ? null : Date.parse(sent.expires_at);
  return terms;
}

function amountOf(sent: string | number | null): KeyTerms["limitMicroUsd"] {
  if (sent === null) return null;
  const amount = parseUsd(String(sent));
  if (amount === undefined) throw invalidTerm("limit_usd");
  return amount;
}

/** A key that nothing bounds. */
export const unbound: KeyTerms = {
  name: "",
  disabled: false,
  limitMicroUsd: null,
  limitTokens: null,
  limitReset: "none",
  rpmLimit: null,
  itpmLimit: null,
  otpmLimit: null,
  allowedModels: [],
  minTrust: null,
  pins: [],
  privacy: "any",
  selfRouteOnly: false,
  expiresAt: null,
};

/** What we have written ourselves, perhaps before a field was there. */
export const keptTerms = (kept: unknown): KeyTerms => ({ ...unbound, ...readKeyChange(kept) });

/** As it goes over HTTP and is kept. */
export const tellTerms = (terms: KeyTerms): WireTerms => ({
  name: terms.name,
  disabled: terms.disabled,
  limit_usd: terms.limitMicroUsd === null ? null : formatUsd(terms.limitMicroUsd),
  limit_tokens: terms.limitTokens,
  limit_reset: terms.limitReset,
  rpm_limit: terms.rpmLimit,
  itpm_limit: terms.itpmLimit,
  otpm_limit: terms.otpmLimit,
  allowed_models: [...terms.allowedModels],
  min_trust: terms.minTrust,
  provider_serials: [...terms.pins],
  self_route_only: terms.selfRouteOnly,
  privacy: terms.privacy,
  expires_at: terms.expiresAt === null ? null : new Date(terms.expiresAt).toISOString(),
});

const wireNames: Readonly<Record<keyof KeyTerms, keyof WireTerms>> = {
  name: "name",
  disabled: "disabled",
  limitMicroUsd: "limit_usd",
  limitTokens: "limit_tokens",
  limitReset: "limit_reset",
  rpmLimit: "rpm_limit",
  itpmLimit: "itpm_limit",
  otpmLimit: "otpm_limit",
  allowedModels: "allowed_models",
  minTrust: "min_trust",
  pins: "provider_serials",
  selfRouteOnly: "self_route_only",
  privacy: "privacy",
  expiresAt: "expires_at",
};

/** Of a change, what changes. */
export function tellChange(change: Partial<KeyTerms>): Partial<WireTerms> {
  const told = tellTerms({ ...unbound, ...change });
  const names = (Object.keys(change) as (keyof KeyTerms)[]).map((term) => wireNames[term]);
  return Object.fromEntries(names.map((name) => [name, told[name]]));
}
