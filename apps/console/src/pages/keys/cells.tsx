import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { isExpired, type Key } from "./keys-of.ts";
import classes from "./keys.module.css";

interface OfKey {
  readonly apiKey: Key;
}

export const KeyName = ({ apiKey: { name, label } }: OfKey): ReactNode => (
  <span className={classes["key"]}>
    <span className={classes["name"]}>{name === "" ? "Unnamed" : name}</span>
    <code className={classes["label"]}>{label}</code>
  </span>
);

export function State({ apiKey }: OfKey): ReactNode {
  if (apiKey.revoked_at !== null) return <Badge tone="plain">revoked</Badge>;
  if (apiKey.disabled) return <Badge tone="warn">disabled</Badge>;
  if (isExpired(apiKey)) return <Badge tone="bad">expired</Badge>;
  return <Badge tone="good">active</Badge>;
}

/** What bounds it, in few words; nothing is a bound of its own. */
export function Bounds({ apiKey }: OfKey): ReactNode {
  const bounds = boundsOf(apiKey);
  if (bounds.length === 0) return <span className={classes["none"]}>the account's balance</span>;
  return (
    <span className={classes["bounds"]}>
      {bounds.map((words) => (
        <Badge key={words} tone="plain">
          {words}
        </Badge>
      ))}
    </span>
  );
}

const windows = { none: "in all", daily: "a day", weekly: "a week", monthly: "a month" } as const;

export function boundsOf(key: Key): string[] {
  const window = windows[key.limit_reset];
  const rate = (value: number | null, what: string) => (value === null ? [] : [`${value.toLocaleString()} ${what}`]);
  return [
    ...(key.limit_usd === null ? [] : [`$${trimmed(key.limit_usd)} ${window}`]),
    ...rate(key.limit_tokens, `tokens ${window}`),
    ...rate(key.rpm_limit, "requests a minute"),
    ...rate(key.itpm_limit, "prompt tokens a minute"),
    ...rate(key.otpm_limit, "answer tokens a minute"),
    ...counted(key.allowed_models, "models"),
    ...counted(key.provider_serials, "machines"),
    ...(key.min_trust === null ? [] : [`level ${key.min_trust.replace("_", "-")}`]),
    ...(key.privacy === "sealed" ? ["sealed only"] : []),
    ...(key.expires_at === null ? [] : [`until ${new Date(key.expires_at).toLocaleDateString()}`]),
  ];
}

const counted = (these: readonly string[], what: string): string[] =>
  these.length === 0 ? [] : these.length === 1 ? [...these] : [`${these.length} ${what}`];

/** `5.000000` → `5.00`, and nothing that counts is lost. */
const trimmed = (usd: string): string => usd.replace(/(\.\d{2}\d*?)0+$/, "$1");
