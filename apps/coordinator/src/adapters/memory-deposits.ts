import type { AccountId } from "@darkbloom/protocol/ids";
import type { Deposit, DepositPage, DepositStore, Refund, RefundState, Told } from "../payments/deposits.ts";
import type { DepositId, RefundId } from "../payments/port.ts";

/** Deposits with nothing behind them: for tests and networks in one process. */
export class MemoryDeposits implements DepositStore {
  readonly #deposits = new Map<string, Deposit>();
  readonly #refunds = new Map<string, Refund>();
  readonly #notices = new Map<string, number>();

  async add(deposit: Deposit): Promise<void> {
    if (!this.#deposits.has(deposit.depositId)) this.#deposits.set(deposit.depositId, deposit);
  }

  async opened(depositId: DepositId, sessionId: string): Promise<void> {
    const deposit = this.#deposits.get(depositId);
    if (deposit?.state === "opening")
      this.#deposits.set(depositId, { ...deposit, state: "open", sessionId, askAt: deposit.createdAt, asked: 0 });
  }

  async told(depositId: DepositId, told: Told): Promise<void> {
    const deposit = this.#deposits.get(depositId);
    if (!deposit) return;
    const state = deposit.state === "paid" ? "paid" : told.state;
    this.#deposits.set(depositId, { ...deposit, ...told, state });
  }

  async byId(depositId: string): Promise<Deposit | undefined> {
    return this.#deposits.get(depositId);
  }

  async bySession(sessionId: string): Promise<Deposit | undefined> {
    return this.#newest().find((one) => one.sessionId === sessionId);
  }

  async byPayment(payment: string): Promise<Deposit | undefined> {
    return this.#newest().find((one) => one.payment === payment);
  }

  async list(account: AccountId | "everyone", { rows, before }: DepositPage): Promise<Deposit[]> {
    return this.#newest()
      .filter((one) => account === "everyone" || one.account === account)
      .filter(({ depositId }) => before === undefined || depositId < before)
      .slice(0, rows);
  }

  async unpaidSince(account: AccountId, since: number): Promise<number> {
    return this.#newest().filter((one) => one.account === account && one.createdAt > since && one.state !== "paid")
      .length;
  }

  async countOpen(account: AccountId): Promise<number> {
    return this.#newest().filter((one) => one.account === account && (one.state === "opening" || one.state === "open"))
      .length;
  }

  async due(now: number, rows: number): Promise<Deposit[]> {
    return this.#newest()
      .toReversed()
      .filter(({ askAt }) => askAt !== null && askAt <= now)
      .toSorted((one, other) => (one.askAt ?? 0) - (other.askAt ?? 0))
      .slice(0, rows);
  }

  async addRefund(refund: Refund): Promise<void> {
    if (!this.#refunds.has(refund.refundId)) this.#refunds.set(refund.refundId, refund);
  }

  async refund(refundId: string): Promise<Refund | undefined> {
    return this.#refunds.get(refundId);
  }

  async endRefund(refundId: RefundId, state: Exclude<RefundState, "asked">): Promise<void> {
    const refund = this.#refunds.get(refundId);
    if (refund?.state === "asked") this.#refunds.set(refundId, { ...refund, state });
  }

  async openRefunds(rows: number): Promise<Refund[]> {
    return [...this.#refunds.values()]
      .filter(({ state }) => state === "asked")
      .toSorted((one, other) => (one.refundId < other.refundId ? -1 : 1))
      .slice(0, rows);
  }

  async knowsNotice(id: string): Promise<boolean> {
    return this.#notices.has(id);
  }

  async addNotice(id: string, at: number): Promise<void> {
    if (!this.#notices.has(id)) this.#notices.set(id, at);
  }

  async forget(
    { notices, unpaid, paid }: { readonly notices: number; readonly unpaid: number; readonly paid: number },
    rows: number,
  ): Promise<number> {
    const heard = [...this.#notices].filter(([, at]) => at < notices).slice(0, rows);
    for (const [id] of heard) this.#notices.delete(id);
    const old = this.#newest()
      .toReversed()
      .filter(({ state, createdAt }) => createdAt < (state === "paid" ? paid : unpaid))
      .slice(0, rows);
    for (const { depositId } of old) {
      this.#deposits.delete(depositId);
      for (const refund of this.#refunds.values())
        if (refund.depositId === depositId) this.#refunds.delete(refund.refundId);
    }
    return heard.length + old.length;
  }

  #newest(): Deposit[] {
    return [...this.#deposits.values()].toSorted((one, other) => (one.depositId < other.depositId ? 1 : -1));
  }
}
