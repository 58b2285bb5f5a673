import type { AccountId } from "@darkbloom/protocol/ids";
import {
  endsFrom,
  isEnd,
  type Withdrawal,
  type WithdrawalEnd,
  type WithdrawalId,
  type WithdrawalPage,
  type WithdrawalState,
  type WithdrawalStore,
} from "../payouts/withdrawals.ts";

/** Withdrawals with nothing behind them: for tests and networks in one process. */
export class MemoryWithdrawals implements WithdrawalStore {
  readonly #rows = new Map<string, Withdrawal>();

  async add(withdrawal: Withdrawal): Promise<void> {
    if (!this.#rows.has(withdrawal.withdrawalId)) this.#keep({ ...withdrawal, state: "opening" });
  }

  async asked(withdrawal: Withdrawal): Promise<void> {
    const known = this.#rows.get(withdrawal.withdrawalId);
    if (!known || known.state === "opening") this.#keep({ ...withdrawal, state: "asked" });
  }

  async drop(withdrawalId: WithdrawalId): Promise<void> {
    if (this.#rows.get(withdrawalId)?.state === "opening") this.#rows.delete(withdrawalId);
  }

  async take(rows: number, at: number): Promise<Withdrawal[]> {
    const found = this.#oldest().filter(({ state }) => state === "asked");
    return found.slice(0, rows).map((one) => this.#keep({ ...one, state: "sent", changedAt: at }));
  }

  async end(withdrawalId: string, end: WithdrawalEnd, at: number): Promise<Withdrawal | undefined> {
    const known = this.#rows.get(withdrawalId);
    const from: readonly WithdrawalState[] = endsFrom[end];
    if (!known || !from.includes(known.state)) return undefined;
    return this.#keep({ ...known, state: end, changedAt: at, payTo: null });
  }

  async booked(withdrawalId: WithdrawalId): Promise<void> {
    const known = this.#rows.get(withdrawalId);
    if (known && isEnd(known.state)) this.#keep({ ...known, isBooked: true });
  }

  async byId(withdrawalId: string): Promise<Withdrawal | undefined> {
    return this.#rows.get(withdrawalId);
  }

  async list(account: AccountId | "everyone", { rows, before, state }: WithdrawalPage): Promise<Withdrawal[]> {
    return this.#oldest()
      .toReversed()
      .filter((one) => account === "everyone" || one.account === account)
      .filter((one) => before === undefined || one.withdrawalId < before)
      .filter((one) => state === undefined || one.state === state)
      .slice(0, rows);
  }

  async countOpen(account: AccountId): Promise<number> {
    return this.#oldest().filter((one) => one.account === account && !isEnd(one.state)).length;
  }

  async unbooked(openingBefore: number, rows: number): Promise<Withdrawal[]> {
    return this.#oldest()
      .filter(({ state, createdAt, isBooked }) =>
        state === "opening" ? createdAt < openingBefore : isEnd(state) && !isBooked,
      )
      .toSorted((one, other) => Number(one.state === "opening") - Number(other.state === "opening"))
      .slice(0, rows);
  }

  #keep(withdrawal: Withdrawal): Withdrawal {
    this.#rows.set(withdrawal.withdrawalId, withdrawal);
    return withdrawal;
  }

  #oldest(): Withdrawal[] {
    return [...this.#rows.values()].toSorted((one, other) => (one.withdrawalId < other.withdrawalId ? -1 : 1));
  }
}
