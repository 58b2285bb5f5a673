import type { Deposit } from "./deposits.ts";
import type { DepositState } from "./port.ts";

/** How long somebody may take to begin to pay. */
export const CHECKOUT_LIFE_MS = 60 * 60_000;
/** A page of which nobody heard that it is there: nobody can pay on it any more. */
export const OPENING_LIFE_MS = 25 * 60 * 60_000;
/** The processor knows what our name for a call stands for a day at least; a little less, for the clocks. */
export const REFUND_RETRY_MS_MAX = 23 * 60 * 60_000;

/** What nobody has paid is asked about this soon, then each time twice as late, up to the longest. */
const OPEN_ASK_FIRST_MS = 2 * 60_000;
const OPEN_ASK_LONGEST_MS = 6 * 60 * 60_000;
/** The same of what is paid, since it can be given back or demanded back and the notice be lost. */
const PAID_ASK_FIRST_MS = 24 * 60 * 60_000;
const PAID_ASK_LONGEST_MS = 16 * 24 * 60 * 60_000;
/** An account that owes while something of it is held: what comes back from there pays. */
const OWING_ASK_MS = 5 * 60_000;
/** What was paid longer ago than this is asked about where a notice says so, and not otherwise. */
export const PAID_ASKED_FOR_MS = 180 * 24 * 60 * 60_000;

/** How long notices are known: the processor repeats one for three days, and by hand for thirty. */
export const NOTICE_LIFE_MS = 35 * 24 * 60 * 60_000;
export const UNPAID_LIFE_MS = 90 * 24 * 60 * 60_000;
/** The longest that a card can be disputed is 540 days. */
export const PAID_LIFE_MS = 800 * 24 * 60 * 60_000;

type Asked = Pick<Deposit, "createdAt" | "asked">;

/** When a deposit that was just asked about is asked about next. */
export function nextAskAt(
  { createdAt, asked }: Asked,
  state: DepositState,
  now: number,
  isOwing: boolean,
): number | null {
  switch (state) {
    case "expired":
      return null;
    case "opening":
      return createdAt + OPENING_LIFE_MS;
    case "open":
      return now + Math.min(OPEN_ASK_FIRST_MS * 2 ** asked, OPEN_ASK_LONGEST_MS);
    case "paid":
      if (isOwing) return now + OWING_ASK_MS;
      if (now - createdAt >= PAID_ASKED_FOR_MS) return null;
      return now + Math.min(PAID_ASK_FIRST_MS * 2 ** asked, PAID_ASK_LONGEST_MS);
  }
}
