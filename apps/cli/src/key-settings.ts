import { keyPrivacies } from "@darkbloom/coordinator/accounts/port";
import { KEY_OVERLAP_MS_MAX } from "@darkbloom/coordinator/accounts/key-admin";
import { limitResets } from "@darkbloom/coordinator/ledger/windows";
import { parseUsd, type MicroUsd } from "@darkbloom/protocol/money";
import {
  KEY_LIMIT_TOKENS_MAX,
  KEY_NAME_CHARS_MAX,
  KEY_REQUESTS_PER_MINUTE_MAX,
  KEY_TOKENS_PER_MINUTE_MAX,
} from "@darkbloom/coordinator/accounts/key-terms";
import { oneOf, oneOfWords, yesOrNo } from "./setting-readers.ts";

const MODEL_SHAPE = /^[\w.:/-]{1,128}$/;
const MS_PER_UNIT = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Ten years: longer is no end. */
const EXPIRES_MS_MAX = 3_650 * 24 * 60 * 60_000;

/** When a key ends: after so long, at that moment, or never. */
export type Ends = { readonly inMs: number } | { readonly at: number } | "never";

/** Rows of the table of all settings that keys have, and nobody else. */
export const keySettings = {
  name: {
    value: "TEXT",
    means: "your own words for the key, e.g. laptop",
    mustBe: `at most ${KEY_NAME_CHARS_MAX} characters`,
    read: (words: string): string | undefined => (words.length <= KEY_NAME_CHARS_MAX ? words : undefined),
  },
  models: {
    value: "MODEL",
    means: "a model that the key may ask for, by its id or another name; any takes the bound away; repeat it for more",
    mustBe: "ids of models, separated by commas, or any",
    many: true,
    read: (given: string): string[] | undefined => {
      const named = given.split(",").map((part) => part.trim());
      return named.every((part) => MODEL_SHAPE.test(part)) ? named : undefined;
    },
  },
  privacy: {
    value: "MODE",
    means: "sealed: the key's requests must be sealed by whoever sends them",
    mustBe: oneOfWords(keyPrivacies),
    read: oneOf(keyPrivacies),
  },
  selfRouteOnly: {
    means: "only the account's own machines answer the key's requests, for nothing",
    mustBe: "true or false",
    read: yesOrNo,
  },
  expires: {
    value: "WHEN",
    means: "when the key ends: after so long, or at that time",
    mustBe: "like 12h or 30d, up to 3650d; or a time such as 2030-01-31T12:00:00Z; or never",
    read: ends,
  },
  limitUsd: {
    value: "USD",
    means: "the most that the key may spend in a window; none takes the limit away",
    mustBe: "an amount in USD with up to six decimals, e.g. 5.00, or none",
    read: (given: string): MicroUsd | "none" | undefined => (given === "none" ? given : parseUsd(given)),
  },
  limitTokens: {
    value: "N",
    means: "the most tokens, of prompts and answers, that the key may use in a window; none takes the limit away",
    mustBe: `a whole number from 1 to ${KEY_LIMIT_TOKENS_MAX}, or none`,
    read: countUpTo(KEY_LIMIT_TOKENS_MAX),
  },
  limitReset: {
    value: "WHEN",
    means: "when a limit counts afresh, in UTC; a week begins on Monday",
    mustBe: oneOfWords(limitResets),
    read: oneOf(limitResets),
  },
  rpm: {
    value: "N",
    means: "the most requests that the key may make in a minute; none takes the limit away",
    mustBe: `a whole number from 1 to ${KEY_REQUESTS_PER_MINUTE_MAX}, or none`,
    read: countUpTo(KEY_REQUESTS_PER_MINUTE_MAX),
  },
  itpm: {
    value: "N",
    means: "the most tokens of prompts that the key may use in a minute; none takes the limit away",
    mustBe: `a whole number from 1 to ${KEY_TOKENS_PER_MINUTE_MAX}, or none`,
    read: countUpTo(KEY_TOKENS_PER_MINUTE_MAX),
  },
  otpm: {
    value: "N",
    means: "the most tokens of answers that the key may use in a minute; none takes the limit away",
    mustBe: `a whole number from 1 to ${KEY_TOKENS_PER_MINUTE_MAX}, or none`,
    read: countUpTo(KEY_TOKENS_PER_MINUTE_MAX),
  },
  overlap: {
    value: "TIME",
    means: "how long the present secret goes on beside the new one",
    mustBe: `like 10m, 12h or ${KEY_OVERLAP_MS_MAX / MS_PER_UNIT.d}d, which is the most`,
    read: (given: string): number | undefined => {
      const ms = durationMs(given);
      return ms !== undefined && ms <= KEY_OVERLAP_MS_MAX ? ms : undefined;
    },
  },
} as const;

function countUpTo(most: number) {
  return (given: string): number | "none" | undefined => {
    if (given === "none") return given;
    const count = /^[1-9]\d{0,15}$/.test(given) ? Number(given) : Number.NaN;
    return count <= most ? count : undefined;
  };
}

function ends(given: string): Ends | undefined {
  if (given === "never") return "never";
  const inMs = durationMs(given);
  if (inMs !== undefined) return inMs > 0 && inMs <= EXPIRES_MS_MAX ? { inMs } : undefined;
  const at = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(at) ? undefined : { at };
}

/** `0`, `30s`, `10m`, `12h`, `7d`. */
function durationMs(given: string): number | undefined {
  if (given === "0") return 0;
  const parts = /^(?<count>\d{1,6})(?<unit>[smhd])$/.exec(given)?.groups;
  return parts && Number(parts["count"]) * MS_PER_UNIT[parts["unit"] as keyof typeof MS_PER_UNIT];
}
