import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import {
  endsFrom,
  type Withdrawal,
  type WithdrawalEnd,
  type WithdrawalId,
  type WithdrawalPage,
  type WithdrawalState,
  type WithdrawalStore,
} from "../payouts/withdrawals.ts";
import { textOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const columns = "withdrawal_id, account, amount, created_at, state, changed_at, pay_to, is_booked";
const quoted = (states: readonly WithdrawalState[]): string => states.map((state) => `'${state}'`).join(", ");
const ends = quoted(["paid", "failed", "cancelled"]);

/** What we have written ourselves: states are ours by the table's own rules. A double holds every amount that its bound lets in. */
const withdrawalOf = (row: Row): Withdrawal => ({
  withdrawalId: textOf(row, "withdrawal_id") as WithdrawalId,
  account: textOf(row, "account") as AccountId,
  amount: microUsd(BigInt(Number(row["amount"]))),
  createdAt: Number(row["created_at"]),
  state: textOf(row, "state") as WithdrawalState,
  changedAt: Number(row["changed_at"]),
  payTo: row["pay_to"] === null ? null : textOf(row, "pay_to"),
  isBooked: Number(row["is_booked"]) === 1,
});

/** Withdrawals in either database. */
export class SqlWithdrawals implements WithdrawalStore {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add({ withdrawalId, account, amount, createdAt, payTo }: Withdrawal): Promise<void> {
    await this.#query(
      `INSERT INTO withdrawals (${columns}) VALUES ($1, $2, $3, $4, 'opening', $4, $5, 0) ON CONFLICT DO NOTHING`,
      [withdrawalId, account, amount, createdAt, payTo],
    );
  }

  async asked({ withdrawalId, account, amount, createdAt, payTo }: Withdrawal): Promise<void> {
    await this.#query(
      `INSERT INTO withdrawals (${columns}) VALUES ($1, $2, $3, $4, 'asked', $4, $5, 0)
      ON CONFLICT (withdrawal_id) DO UPDATE SET state = 'asked' WHERE withdrawals.state = 'opening'`,
      [withdrawalId, account, amount, createdAt, payTo],
    );
  }

  async drop(withdrawalId: WithdrawalId): Promise<void> {
    await this.#query("DELETE FROM withdrawals WHERE withdrawal_id = $1 AND state = 'opening'", [withdrawalId]);
  }

  async take(rows: number, at: number): Promise<Withdrawal[]> {
    // The state is asked for once more: in PostgreSQL another call may have sent one since it was found.
    const taken = await this.#query(
      `UPDATE withdrawals SET state = 'sent', changed_at = $1
      WHERE state = 'asked' AND withdrawal_id IN (
        SELECT withdrawal_id FROM withdrawals WHERE state = 'asked' AND is_booked = 0 ORDER BY withdrawal_id LIMIT $2)
      RETURNING ${columns}`,
      [at, rows],
    );
    return taken.map(withdrawalOf).toSorted((one, other) => (one.withdrawalId < other.withdrawalId ? -1 : 1));
  }

  async end(withdrawalId: string, end: WithdrawalEnd, at: number): Promise<Withdrawal | undefined> {
    const [row] = await this.#query(
      `UPDATE withdrawals SET state = $2, changed_at = $3, pay_to = NULL
      WHERE withdrawal_id = $1 AND state IN (${quoted(endsFrom[end])}) RETURNING ${columns}`,
      [withdrawalId, end, at],
    );
    return row && withdrawalOf(row);
  }

  async booked(withdrawalId: WithdrawalId): Promise<void> {
    await this.#query(`UPDATE withdrawals SET is_booked = 1 WHERE withdrawal_id = $1 AND state IN (${ends})`, [
      withdrawalId,
    ]);
  }

  async byId(withdrawalId: string): Promise<Withdrawal | undefined> {
    const [row] = await this.#query(`SELECT ${columns} FROM withdrawals WHERE withdrawal_id = $1`, [withdrawalId]);
    return row && withdrawalOf(row);
  }

  async list(account: AccountId | "everyone", { rows, before, state }: WithdrawalPage): Promise<Withdrawal[]> {
    const found = await this.#query(
      `SELECT ${columns} FROM withdrawals
      WHERE (CAST($1 AS TEXT) IS NULL OR account = $1) AND (CAST($2 AS TEXT) IS NULL OR withdrawal_id < $2)
        AND (CAST($3 AS TEXT) IS NULL OR state = $3)
      ORDER BY withdrawal_id DESC LIMIT $4`,
      [account === "everyone" ? null : account, before ?? null, state ?? null, rows],
    );
    return found.map(withdrawalOf);
  }

  async countOpen(account: AccountId): Promise<number> {
    const [row] = await this.#query(
      `SELECT COUNT(*) AS open FROM withdrawals WHERE account = $1 AND state NOT IN (${ends})`,
      [account],
    );
    return Number(row?.["open"]);
  }

  async unbooked(openingBefore: number, rows: number): Promise<Withdrawal[]> {
    const found = await this.#query(
      `SELECT ${columns} FROM withdrawals
      WHERE is_booked = 0 AND (state IN (${ends}) OR (state = 'opening' AND created_at < $1))
      ORDER BY CASE WHEN state = 'opening' THEN 1 ELSE 0 END, withdrawal_id LIMIT $2`,
      [openingBefore, rows],
    );
    return found.map(withdrawalOf);
  }
}
