import type { AccountId } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";

/** Money of one account on its way out, by our own name; also the reference of what it books. */
export type WithdrawalId = string & { readonly of: "withdrawal" };

/**
 * `opening`: its money has not certainly left the balance. `asked`: it has, and can still be called off. `sent`: the operator has
 * it in hand and pays it. `paid`: it is out. `failed` and `cancelled`: it is not, and its money is back.
 */
export const withdrawalStates = ["opening", "asked", "sent", "paid", "failed", "cancelled"] as const;
export type WithdrawalState = (typeof withdrawalStates)[number];

/** How money is paid out: not at all, or by the operator's own hand. */
export const payoutWays = ["off", "manual"] as const;
export type PayoutWay = (typeof payoutWays)[number];

/** How one ends, and where it can stand before. What was sent may have been paid: only the operator can say that it was not. */
export const endsFrom = {
  paid: ["asked", "sent"],
  failed: ["asked", "sent"],
  cancelled: ["asked"],
} as const satisfies Partial<Record<WithdrawalState, readonly WithdrawalState[]>>;
export type WithdrawalEnd = keyof typeof endsFrom;

export const isEnd = (state: WithdrawalState): state is WithdrawalEnd => state in endsFrom;

export interface Withdrawal {
  readonly withdrawalId: WithdrawalId;
  readonly account: AccountId;
  readonly amount: MicroUsd;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly state: WithdrawalState;
  /** When the operator took it, or it ended: whichever came last. */
  readonly changedAt: number;
  /** Where it is to be paid, in its owner's words; null once it is over. */
  readonly payTo: string | null;
  /** Whether the journal has its end. */
  readonly isBooked: boolean;
}

/** A page of a list: newest first. */
export interface WithdrawalPage {
  readonly rows: number;
  /** Only what is older than this one. */
  readonly before?: WithdrawalId | undefined;
  readonly state?: WithdrawalState | undefined;
}

/**
 * Withdrawals. An adapter passes `withdrawalsContract`.
 *
 * - `add` keeps one as `opening`; the second call changes nothing. `asked` says that its money has left the balance, and adds it where it
 *   is not there. `drop` takes away one that is `opening`.
 * - `take` sends so many of those that are `asked`, the oldest first, and answers those that this call has sent: two calls at once have
 *   none in common.
 * - `end` ends one that stands where `endsFrom` says, and forgets where it was to be paid. Of several ends the first counts.
 */
export interface WithdrawalStore {
  add(withdrawal: Withdrawal): Promise<void>;
  asked(withdrawal: Withdrawal): Promise<void>;
  drop(withdrawalId: WithdrawalId): Promise<void>;
  take(rows: number, at: number): Promise<Withdrawal[]>;
  /** @returns how it is now; undefined where it does not stand there */
  end(withdrawalId: string, end: WithdrawalEnd, at: number): Promise<Withdrawal | undefined>;
  /** The journal has its end. */
  booked(withdrawalId: WithdrawalId): Promise<void>;
  byId(withdrawalId: string): Promise<Withdrawal | undefined>;
  /** Of one account, or of all. */
  list(account: AccountId | "everyone", page: WithdrawalPage): Promise<Withdrawal[]>;
  /** How many of an account are not over. */
  countOpen(account: AccountId): Promise<number>;
  /** Those whose end the journal may not have, then those that have been `opening` since before then; each the oldest first. */
  unbooked(openingBefore: number, rows: number): Promise<Withdrawal[]>;
}

/** Less costs more to pay than it brings. */
export const WITHDRAWAL_MICRO_USD_MIN = 1_000_000n;
/** Far below what a double holds, and what an account can have: nothing is written of more. */
export const WITHDRAWAL_MICRO_USD_MAX = 1_000_000_000_000n;
/** Withdrawals of one account that are not over. */
export const WITHDRAWALS_OPEN_MAX = 10;
/** Of where one is to be paid. */
export const PAY_TO_CHARS_MAX = 200;
/** Withdrawals that the operator takes at once, and of one page of the operator's list. */
export const PAYOUT_ROWS_MAX = 500;

/**
 * One line, all of which is seen. It begins with a letter or a digit, since a spreadsheet takes some other beginnings for formulas; and
 * has no `;`, at which many of them begin a cell.
 */
export const isPayTo = (text: string): boolean =>
  text.length <= PAY_TO_CHARS_MAX &&
  /^[\p{L}\p{N}][\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text) &&
  !/[;\p{Default_Ignorable_Code_Point}]/u.test(text);
