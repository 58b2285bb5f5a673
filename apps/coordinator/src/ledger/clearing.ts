import { dayOf } from "./windows.ts";

/** How long what was earned is kept from being withdrawn, in days: where the operator says nothing, and at most. */
export const CLEARING_DAYS_DEFAULT = 30;
export const CLEARING_DAYS_MAX = 180;

/** Under this day stands what never clears. */
export const NEVER_CLEARS_DAY = 100_000_000;

/** The first day whose earnings have not cleared: a day has once so many whole days have passed since its end. */
export const firstUnclearedDay = (now: number, clearingDays: number): number => dayOf(now) - clearingDays;

/** What was earned before this day has cleared, whatever the operator says. */
export const firstKeptClearingDay = (now: number): number => firstUnclearedDay(now, CLEARING_DAYS_MAX);

/**
 * What may be withdrawn: what is payable and has cleared. Of what is payable, what has cleared is spent first, so that nothing is
 * withdrawn of what may yet be taken back. Nothing while something is owed.
 */
export const withdrawable = (
  { payable, debt }: { readonly payable: bigint; readonly debt: bigint },
  uncleared: bigint,
): bigint => (debt < 0n || payable <= uncleared ? 0n : payable - uncleared);
