/** When what was used counts afresh, in UTC; a week begins on Monday. `none`: never. */
export const limitResets = ["none", "daily", "weekly", "monthly"] as const;
export type LimitReset = (typeof limitResets)[number];

export const MILLIS_OF_DAY = 86_400_000;
/** 1 January 1970 was a Thursday, three days after a Monday. */
const MONDAY_BEFORE_1970 = -3;

/** Use is kept by day; what is older than any window but `none` is added up under this one. */
export const EARLIER_DAY = -1;
/** Beyond every day that a `Date` can hold. */
const NO_END_DAY = 200_000_000;

/** Days since 1970, in UTC. */
export const dayOf = (at: number): number => Math.floor(at / MILLIS_OF_DAY);

/** Whole days: from the first, until the first that is no longer in it. */
export interface Window {
  readonly fromDay: number;
  readonly untilDay: number;
}

/** All days there are. */
export const everyDay: Window = { fromDay: 0, untilDay: NO_END_DAY };

/** The window in which a moment falls. Whatever a cap's reset is changed to, its window is made of the same days. */
export function windowAt(reset: LimitReset, at: number): Window {
  const day = dayOf(at);
  switch (reset) {
    case "none":
      return { fromDay: EARLIER_DAY, untilDay: NO_END_DAY };
    case "daily":
      return { fromDay: day, untilDay: day + 1 };
    case "weekly": {
      const monday = day - ((day - MONDAY_BEFORE_1970) % 7);
      return { fromDay: monday, untilDay: monday + 7 };
    }
    case "monthly":
      return { fromDay: firstOfMonth(at, 0), untilDay: firstOfMonth(at, 1) };
  }
}

export const isWithin = ({ fromDay, untilDay }: Window, day: number): boolean => fromDay <= day && day < untilDay;

/** When the window is over, in milliseconds since 1970; null: never. */
export function resetsAt(reset: LimitReset, at: number): number | null {
  return reset === "none" ? null : windowAt(reset, at).untilDay * MILLIS_OF_DAY;
}

/** Days before this one are in no window but `none`: not in this month, nor in a week that began before it, nor where a hold is that old. */
export const firstKeptDay = (at: number): number => firstOfMonth(at, -1);

function firstOfMonth(at: number, monthsOn: number): number {
  const date = new Date(at);
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + monthsOn, 1));
}
