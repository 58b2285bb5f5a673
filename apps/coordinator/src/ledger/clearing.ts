import { dayOf } from "./windows.ts";

/** The longest that what was earned may be kept from being withdrawn, in days. */
export const CLEARING_DAYS_MAX = 180;

/** What was earned before this day has cleared, whatever the operator says. */
export const firstKeptClearingDay = (now: number): number => dayOf(now) - CLEARING_DAYS_MAX;
