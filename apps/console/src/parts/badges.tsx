import type { ReactNode } from "react";
import { Icon } from "./icons.tsx";
import classes from "./badges.module.css";

export type Tone = "good" | "bad" | "warn" | "plain";

interface BadgeProps {
  readonly tone: Tone;
  readonly title?: string;
  readonly children: ReactNode;
}

/** A state in a word or two. */
export const Badge = ({ tone, title, children }: BadgeProps): ReactNode => (
  <span className={classes["badge"]} data-tone={tone} title={title}>
    {children}
  </span>
);

export type TrustLevel = "none" | "self_signed" | "hardware";

const levels: Readonly<Record<TrustLevel, readonly [words: string, tone: Tone, meaning: string]>> = {
  hardware: ["hardware", "good", "A maker's root vouches for this machine"],
  self_signed: ["self-signed", "warn", "It has shown that it holds one key, and nobody vouches for it"],
  none: ["none", "bad", "It has shown nothing that counts"],
};

/** What a machine has shown of itself, in all. */
export function Level({ level }: { readonly level: TrustLevel }): ReactNode {
  const [words, tone, meaning] = levels[level];
  return (
    <Badge tone={tone} title={meaning}>
      {words}
    </Badge>
  );
}

export type CheckStatus = "pass" | "fail" | "unknown";

const statuses = { pass: ["check", "passed"], fail: ["cross", "failed"], unknown: ["question", "not shown"] } as const;

/** How one check went. */
export function Status({ status }: { readonly status: CheckStatus }): ReactNode {
  const [icon, words] = statuses[status];
  return (
    <span className={classes["status"]} data-status={status} role="img" aria-label={words} title={words}>
      <Icon name={icon} size={14} />
    </span>
  );
}
