import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";
import type { Clock, Random } from "@darkbloom/protocol/ports";
import { turns } from "../accounts/turns.ts";
import type { Ledger } from "../ledger/port.ts";
import { timeOrderedId } from "../ledger/time-ordered-id.ts";
import {
  isEnd,
  PAYOUT_ROWS_MAX,
  WITHDRAWAL_MICRO_USD_MAX,
  WITHDRAWALS_OPEN_MAX,
  type Withdrawal,
  type WithdrawalEnd,
  type WithdrawalId,
  type WithdrawalStore,
} from "./withdrawals.ts";

/** Nobody is still about to book what has been `opening` for so long. */
export const OPENING_MS_MAX = 10 * 60_000;

export interface PayoutWorld {
  readonly withdrawals: WithdrawalStore;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Money on its way out: from the balance to whoever earned it, or back.
 *
 * The row is written before the journal, so that no money leaves a balance without a name; and the row alone decides how one ends, so
 * that it ends once. Whatever is cut off in between, `finish` does later.
 */
export class PayoutDesk {
  readonly #world: PayoutWorld;
  // How many are open is looked up before one more is; two at once would both find room.
  readonly #inTurn = turns();

  constructor(world: PayoutWorld) {
    this.#world = world;
  }

  get withdrawals(): WithdrawalStore {
    return this.#world.withdrawals;
  }

  /**
   * Takes this much out of what may be withdrawn.
   *
   * @throws NetworkError `insufficient_funds`, `account_in_debt`, `withdrawals_too_many`
   * @throws RangeError for an amount that is out of bounds
   */
  ask(account: AccountId, amount: MicroUsd, payTo: string): Promise<Withdrawal> {
    return this.#inTurn(() => this.#ask(account, amount, payTo));
  }

  async #ask(account: AccountId, amount: MicroUsd, payTo: string): Promise<Withdrawal> {
    const { withdrawals, clock } = this.#world;
    if (amount <= 0n || amount > WITHDRAWAL_MICRO_USD_MAX) throw new RangeError("a withdrawal is out of bounds");
    if ((await withdrawals.countOpen(account)) >= WITHDRAWALS_OPEN_MAX)
      throw new NetworkError({ code: "withdrawals_too_many", most: WITHDRAWALS_OPEN_MAX });
    const now = clock.now();
    const withdrawal: Withdrawal = {
      withdrawalId: `withdrawal_${timeOrderedId(this.#world)}` as WithdrawalId,
      account,
      amount,
      createdAt: now,
      state: "opening",
      changedAt: now,
      payTo,
      isBooked: false,
    };
    await withdrawals.add(withdrawal);
    await this.#open(withdrawal);
    return { ...withdrawal, state: "asked" };
  }

  async #open(withdrawal: Withdrawal): Promise<void> {
    const { withdrawals, ledger, clock } = this.#world;
    const { withdrawalId, account, amount } = withdrawal;
    try {
      await ledger.book(withdrawalId, { kind: "withdraw", account, amount }, clock.now());
    } catch (error) {
      if (isRefusal(error)) await withdrawals.drop(withdrawalId);
      throw error;
    }
    await withdrawals.asked(withdrawal);
  }

  /** Takes in hand those that wait, the oldest first. */
  take(rows: number): Promise<Withdrawal[]> {
    const { withdrawals, clock } = this.#world;
    return withdrawals.take(rows, clock.now());
  }

  /** Ends one, and books that it is out or back. @returns how it is now; undefined where it cannot end so any more */
  async end(withdrawalId: string, end: WithdrawalEnd): Promise<Withdrawal | undefined> {
    const { withdrawals, clock } = this.#world;
    const ended = await withdrawals.end(withdrawalId, end, clock.now());
    return ended && (await this.#bookEnd(ended));
  }

  /** Ends all of an account that the operator has not in hand: its money comes back. */
  async callOffAll(account: AccountId): Promise<void> {
    const { withdrawals } = this.#world;
    const asked = await withdrawals.list(account, { rows: PAYOUT_ROWS_MAX, state: "asked" });
    for (const { withdrawalId } of asked) await this.end(withdrawalId, "cancelled");
  }

  /** How many of an account are not over. */
  countOpen(account: AccountId): Promise<number> {
    return this.#world.withdrawals.countOpen(account);
  }

  async #bookEnd(ended: Withdrawal): Promise<Withdrawal> {
    const { withdrawals, ledger, clock } = this.#world;
    const { withdrawalId, account, amount, state } = ended;
    await ledger.book(withdrawalId, { kind: "withdrawn", account, amount, isOut: state === "paid" }, clock.now());
    await withdrawals.booked(withdrawalId);
    return { ...ended, isBooked: true };
  }

  /** What was cut off: money that was about to leave, and ends that were not booked. @param failed hears of each that was not done either */
  async finish(rows: number, failed: (error: unknown) => void): Promise<void> {
    const { withdrawals, clock } = this.#world;
    for (const one of await withdrawals.unbooked(clock.now() - OPENING_MS_MAX, rows))
      await (isEnd(one.state) ? this.#bookEnd(one) : this.#open(one)).catch((error: unknown) => {
        if (!isRefusal(error)) failed(error);
      });
  }
}

/** Whether the journal said that nothing was moved, and nothing will be. */
const isRefusal = (error: unknown): boolean =>
  error instanceof RangeError ||
  (error instanceof NetworkError &&
    (error.failure.code === "insufficient_funds" || error.failure.code === "account_in_debt"));
