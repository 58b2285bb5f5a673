import type { ReactNode } from "react";

const MICRO = 1_000_000;

interface MoneyProps {
  /** Micro-USD. */
  readonly micro: number;
}

/** An amount as people read it; the exact one, to the micro-dollar, on hover. */
export const Money = ({ micro }: MoneyProps): ReactNode => <Short micro={micro} rounding="nearest" />;

/** What there is to spend, as people read it: never more than it is. */
export const Balance = ({ micro }: MoneyProps): ReactNode => <Short micro={micro} rounding="down" />;

const Short = ({ micro, rounding }: MoneyProps & { readonly rounding: Rounding }): ReactNode => (
  <data value={micro} title={`${(micro / MICRO).toFixed(6)} USD`}>
    {shortUsd(micro, rounding)}
  </data>
);

/** An amount to the micro-dollar, where it is what somebody looks for. */
export const ExactMoney = ({ micro }: MoneyProps): ReactNode => <data value={micro}>{exactUsd(micro)}</data>;

export const exactUsd = (micro: number): string => `${micro < 0 ? "−" : ""}$${(Math.abs(micro) / MICRO).toFixed(6)}`;

type Rounding = "nearest" | "down";

/** Two decimals, and of less than a cent as many as show something. */
export function shortUsd(micro: number, rounding: Rounding = "nearest"): string {
  const usd = Math.abs(micro) / MICRO;
  const digits = usd === 0 || usd >= 0.995 ? 2 : usd >= 0.01 ? 3 : usd >= 0.0001 ? 4 : 6;
  // Down is away from zero for what is owed.
  const roundingMode = rounding === "nearest" ? "halfExpand" : micro < 0 ? "expand" : "trunc";
  const shown = usd.toLocaleString(undefined, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    roundingMode,
  });
  return `${micro < 0 ? "−" : ""}$${shown}`;
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
