import type { Key, Terms } from "./keys-of.ts";

/** A key's terms as they stand in a form: every field a text or a list, empty where nothing bounds. */
export interface Draft {
  readonly name: string;
  readonly limit_usd: string;
  readonly limit_reset: Key["limit_reset"];
  readonly limit_tokens: string;
  readonly rpm_limit: string;
  readonly itpm_limit: string;
  readonly otpm_limit: string;
  readonly allowed_models: readonly string[];
  readonly provider_serials: readonly string[];
  readonly min_trust: NonNullable<Key["min_trust"]> | "";
  readonly privacy: Key["privacy"];
  /** In the reader's zone, as the field for it writes: `2030-01-31T12:00`. */
  readonly expires_at: string;
}

export const plainDraft: Draft = {
  name: "",
  limit_usd: "",
  limit_reset: "monthly",
  limit_tokens: "",
  rpm_limit: "",
  itpm_limit: "",
  otpm_limit: "",
  allowed_models: [],
  provider_serials: [],
  min_trust: "",
  privacy: "any",
  expires_at: "",
};

export const draftOf = (key: Key): Draft => ({
  name: key.name,
  limit_usd: key.limit_usd ?? "",
  limit_reset: key.limit_reset,
  limit_tokens: textOf(key.limit_tokens),
  rpm_limit: textOf(key.rpm_limit),
  itpm_limit: textOf(key.itpm_limit),
  otpm_limit: textOf(key.otpm_limit),
  allowed_models: key.allowed_models,
  provider_serials: key.provider_serials,
  min_trust: key.min_trust ?? "",
  privacy: key.privacy,
  expires_at: key.expires_at === null ? "" : localOf(new Date(key.expires_at)),
});

/** What of a draft differs: the rest is not sent, so that it stays whatever somebody else makes of it meanwhile. */
export function changeOf(before: Draft, after: Draft): Terms {
  const whole: Terms = {
    name: after.name,
    limit_usd: after.limit_usd.trim() === "" ? null : after.limit_usd.trim(),
    limit_reset: after.limit_reset,
    limit_tokens: numberOf(after.limit_tokens),
    rpm_limit: numberOf(after.rpm_limit),
    itpm_limit: numberOf(after.itpm_limit),
    otpm_limit: numberOf(after.otpm_limit),
    allowed_models: [...after.allowed_models],
    provider_serials: [...after.provider_serials],
    min_trust: after.min_trust === "" ? null : after.min_trust,
    privacy: after.privacy,
    expires_at: after.expires_at === "" ? null : new Date(after.expires_at).toISOString(),
  };
  const isChanged = (name: string): boolean =>
    JSON.stringify(Reflect.get(before, name)) !== JSON.stringify(Reflect.get(after, name));
  return Object.fromEntries(Object.entries(whole).filter(([name]) => isChanged(name)));
}

/** A window counts for a cap alone. */
export function firstTerms(draft: Draft): Terms {
  const isCapped = draft.limit_usd.trim() !== "" || draft.limit_tokens !== "";
  const { limit_reset, ...rest } = changeOf(plainDraft, draft);
  return { ...rest, ...(isCapped && { limit_reset: limit_reset ?? draft.limit_reset }) };
}

const textOf = (value: number | null): string => (value === null ? "" : String(value));
/** What is no number goes as it is, for the coordinator to say what it must be. */
const numberOf = (text: string): number | null => (text.trim() === "" ? null : Number(text));

const localOf = (date: Date): string =>
  new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
