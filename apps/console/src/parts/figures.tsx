import type { ReactNode } from "react";

const MICRO = 1_000_000;

interface MoneyProps {
  /** Micro-USD. */
  readonly micro: number;
}

/** An amount as people read it; the exact one, to the micro-dollar, on hover. */
export function Money({ micro }: MoneyProps): ReactNode {
  const exact = `${(micro / MICRO).toFixed(6)} USD`;
  return (
    <data value={micro} title={exact}>
      {shortUsd(micro)}
    </data>
  );
}

/** An amount to the micro-dollar, where it is what somebody looks for. */
export const ExactMoney = ({ micro }: MoneyProps): ReactNode => (
  <data value={micro}>{`${micro < 0 ? "−" : ""}$${(Math.abs(micro) / MICRO).toFixed(6)}`}</data>
);

/** Two decimals, and of less than a cent as many as show something. */
export function shortUsd(micro: number): string {
  const usd = Math.abs(micro) / MICRO;
  const digits = usd === 0 || usd >= 0.995 ? 2 : usd >= 0.01 ? 3 : usd >= 0.0001 ? 4 : 6;
  return `${micro < 0 ? "−" : ""}$${usd.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export const Count = ({ value }: { readonly value: number }): ReactNode => (
  <data value={value}>{value.toLocaleString()}</data>
);

const inFull = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** A time as far as it is away; on hover in full, in the reader's zone. */
export function When({ at }: { readonly at: string }): ReactNode {
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${inFull.format(date)} (${zone})`}>
      {fromNow(date.getTime(), Date.now())}
    </time>
  );
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function fromNow(at: number, now: number): string {
  const away = at - now;
  for (const [unit, size] of units) if (Math.abs(away) >= size) return ago.format(Math.trunc(away / size), unit);
  return away > 0 ? "in a moment" : "just now";
}
