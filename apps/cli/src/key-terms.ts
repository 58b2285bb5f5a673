import type { KeyRecord, KeyTerms } from "@darkbloom/coordinator/accounts/port";
import type { ListedKey } from "@darkbloom/coordinator/admin/operations";
import { tellUsage } from "@darkbloom/coordinator/accounts/key-usage";
import type { LimitReset } from "@darkbloom/coordinator/ledger/windows";
import { tellTerms } from "@darkbloom/coordinator/accounts/key-terms";
import type { Serial } from "@darkbloom/protocol/ids";
import { formatUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { timeOf } from "./output.ts";
import type { SettingValue } from "./settings.ts";

/** The flags by which a key is bounded. */
export const keyNeeds = {
  name: "optional",
  models: "optional",
  minTrust: "optional",
  providerSerial: "optional",
  privacy: "optional",
  selfRouteOnly: "optional",
  expires: "optional",
  limitUsd: "optional",
  limitTokens: "optional",
  limitReset: "optional",
  rpm: "optional",
  itpm: "optional",
  otpm: "optional",
} as const;

type Given = { readonly [Name in keyof typeof keyNeeds]: SettingValue<Name> | undefined };

/** What the flags say of a key: nothing of a flag that is not there. */
export function termsOf({
  name,
  models,
  minTrust,
  providerSerial,
  privacy,
  selfRouteOnly,
  expires,
  limitUsd,
  limitTokens,
  limitReset,
  rpm,
  itpm,
  otpm,
}: Given): Partial<KeyTerms> {
  const [allowedModels, pins] = [listed(models), listed(providerSerial)];
  return {
    ...(name !== undefined && { name }),
    ...(allowedModels && { allowedModels }),
    ...(minTrust !== undefined && { minTrust }),
    ...(pins && { pins: pins as readonly Serial[] }),
    ...(privacy !== undefined && { privacy }),
    ...(selfRouteOnly !== undefined && { selfRouteOnly }),
    ...(expires !== undefined && { expiresAt: endOf(expires) }),
    ...(limitUsd !== undefined && { limitMicroUsd: limitUsd === "none" ? null : limitUsd }),
    ...(limitTokens !== undefined && { limitTokens: numberOf(limitTokens) }),
    ...(limitReset !== undefined && { limitReset }),
    ...(rpm !== undefined && { rpmLimit: numberOf(rpm) }),
    ...(itpm !== undefined && { itpmLimit: numberOf(itpm) }),
    ...(otpm !== undefined && { otpmLimit: numberOf(otpm) }),
  };
}

const numberOf = (given: number | "none"): number | null => (given === "none" ? null : given);

/** Undefined: no flag was there. */
function listed(words: readonly string[] = []): readonly string[] | undefined {
  if (words.length === 0) return undefined;
  return words.length === 1 && words[0] === "any" ? [] : words;
}

function endOf(expires: SettingValue<"expires">): number | null {
  if (expires === "never") return null;
  return "at" in expires ? expires.at : systemClock.now() + expires.inMs;
}

/** A key as `--json` tells it. */
export const keyTold = (key: KeyRecord) => ({
  key_id: key.keyId,
  account: key.account,
  label: key.label,
  ...tellTerms(key),
  created_at: timeOf(key.createdAt),
  last_used_at: timeOf(key.lastUsedAt),
  revoked_at: timeOf(key.revokedAt),
});

/** The same with what its account can spend. */
export const listedKeyTold = (key: ListedKey) => ({
  ...keyTold(key),
  ...tellUsage(key.usage),
  balance_micro_usd: Number(key.balance),
  balance_usd: formatUsd(key.balance),
});

/** Whether it works, and if not, why. */
export function stateOf({ revokedAt, disabled, expiresAt }: KeyRecord): string {
  if (revokedAt !== null) return `revoked ${timeOf(revokedAt)}`;
  if (disabled) return "disabled";
  if (expiresAt !== null && expiresAt <= systemClock.now()) return `expired ${timeOf(expiresAt)}`;
  return "works";
}

const every: Readonly<Record<LimitReset, string>> = {
  none: "",
  daily: " a day",
  weekly: " a week",
  monthly: " a month",
};

/** What it has used in its present window, and what is left of its limits. */
export function usedWords({ usage, limitReset }: ListedKey): string {
  const { usedMicroUsd, usedTokens, remainingMicroUsd, remainingTokens, resetsAt } = usage;
  const rest = [
    ...(remainingMicroUsd === null ? [] : [`${formatUsd(remainingMicroUsd)} USD`]),
    ...(remainingTokens === null ? [] : [`${remainingTokens} tokens`]),
  ];
  const used = `${formatUsd(usedMicroUsd)} USD and ${usedTokens} tokens ${windowWords[limitReset]}`;
  const left = rest.length === 0 ? "" : `; ${rest.join(" and ")} remain`;
  return used + left + (resetsAt === null ? "" : `; counts afresh at ${timeOf(resetsAt)}`);
}

const windowWords: Readonly<Record<LimitReset, string>> = {
  none: "in all",
  daily: "today",
  weekly: "this week",
  monthly: "this month",
};

/** What bounds it, in words; empty: nothing. */
export const boundsOf = ({
  minTrust,
  pins,
  allowedModels,
  privacy,
  selfRouteOnly,
  expiresAt,
  limitMicroUsd,
  limitTokens,
  limitReset,
  rpmLimit,
  itpmLimit,
  otpmLimit,
}: KeyTerms): string[] => [
  ...(limitMicroUsd === null ? [] : [`${formatUsd(limitMicroUsd)} USD${every[limitReset]}`]),
  ...(limitTokens === null ? [] : [`${limitTokens} tokens${every[limitReset]}`]),
  ...(rpmLimit === null ? [] : [`${rpmLimit} requests a minute`]),
  ...(itpmLimit === null ? [] : [`${itpmLimit} prompt tokens a minute`]),
  ...(otpmLimit === null ? [] : [`${otpmLimit} answer tokens a minute`]),
  ...(allowedModels.length === 0 ? [] : [`models ${allowedModels.join(", ")}`]),
  ...(minTrust === null ? [] : [`at least ${minTrust}`]),
  ...(pins.length === 0 ? [] : [`only ${pins.join(", ")}`]),
  ...(privacy === "any" ? [] : ["sealed requests"]),
  ...(selfRouteOnly ? ["the account's own machines"] : []),
  ...(expiresAt === null ? [] : [`until ${timeOf(expiresAt)}`]),
];
