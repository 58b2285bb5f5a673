import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import type { Deposit, DepositPage, DepositStore, Refund, RefundState, Told } from "../payments/deposits.ts";
import type { DepositId, DepositState, RefundId } from "../payments/port.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const depositColumns =
  "deposit_id, account, amount, created_at, state, session_id, payment, refunded, disputed, ask_at, asked";
const refundColumns = "refund_id, deposit_id, amount, created_at, state";

/** No deposit is near to what a double does not hold. */
const amountOf = (row: Row, column: string) => microUsd(BigInt(Number(row[column])));
const nullable = (row: Row, column: string): string | null => (row[column] === null ? null : textOf(row, column));

/** What we have written ourselves: states are ours by the tables' own rules. */
const depositOf = (row: Row): Deposit => ({
  depositId: textOf(row, "deposit_id") as DepositId,
  account: textOf(row, "account") as AccountId,
  amount: amountOf(row, "amount"),
  createdAt: Number(row["created_at"]),
  state: textOf(row, "state") as DepositState,
  sessionId: nullable(row, "session_id"),
  payment: nullable(row, "payment"),
  refunded: amountOf(row, "refunded"),
  disputed: amountOf(row, "disputed"),
  askAt: timeOf(row, "ask_at"),
  asked: Number(row["asked"]),
});

const refundOf = (row: Row): Refund => ({
  refundId: textOf(row, "refund_id") as RefundId,
  depositId: textOf(row, "deposit_id") as DepositId,
  amount: amountOf(row, "amount"),
  createdAt: Number(row["created_at"]),
  state: textOf(row, "state") as RefundState,
});

/** Deposits in either database. Each statement comes to the same when it is made twice. */
export class SqlDeposits implements DepositStore {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add(deposit: Deposit): Promise<void> {
    const { depositId, account, amount, createdAt, state, sessionId, payment, refunded, disputed, askAt, asked } =
      deposit;
    await this.#query(
      `INSERT INTO deposits (${depositColumns}) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
      WHERE NOT EXISTS (SELECT 1 FROM deposits WHERE deposit_id = $1)`,
      [depositId, account, amount, createdAt, state, sessionId, payment, refunded, disputed, askAt, asked],
    );
  }

  async opened(depositId: DepositId, sessionId: string): Promise<void> {
    await this.#query(
      `UPDATE deposits SET state = 'open', session_id = $2, ask_at = created_at, asked = 0
      WHERE deposit_id = $1 AND state = 'opening'`,
      [depositId, sessionId],
    );
  }

  async told(depositId: DepositId, { state, payment, refunded, disputed, askAt, asked }: Told): Promise<void> {
    await this.#query(
      `UPDATE deposits SET state = CASE WHEN state = 'paid' THEN state ELSE $2 END, payment = $3, refunded = $4,
        disputed = $5, ask_at = $6, asked = $7
      WHERE deposit_id = $1`,
      [depositId, state, payment, refunded, disputed, askAt, asked],
    );
  }

  byId(depositId: string): Promise<Deposit | undefined> {
    return this.#one("deposit_id", depositId);
  }

  bySession(sessionId: string): Promise<Deposit | undefined> {
    return this.#one("session_id", sessionId);
  }

  byPayment(payment: string): Promise<Deposit | undefined> {
    return this.#one("payment", payment);
  }

  async list(account: AccountId | "everyone", { rows, before }: DepositPage): Promise<Deposit[]> {
    const found = await this.#query(
      `SELECT ${depositColumns} FROM deposits
      WHERE (CAST($1 AS TEXT) IS NULL OR account = $1) AND (CAST($2 AS TEXT) IS NULL OR deposit_id < $2)
      ORDER BY deposit_id DESC LIMIT $3`,
      [account === "everyone" ? null : account, before ?? null, rows],
    );
    return found.map(depositOf);
  }

  async unpaidSince(account: AccountId, since: number): Promise<number> {
    const [row] = await this.#query(
      "SELECT COUNT(*) AS unpaid FROM deposits WHERE account = $1 AND created_at > $2 AND state <> 'paid'",
      [account, since],
    );
    return Number(row?.["unpaid"]);
  }

  async countOpen(account: AccountId): Promise<number> {
    const [row] = await this.#query(
      "SELECT COUNT(*) AS open FROM deposits WHERE account = $1 AND state IN ('opening', 'open')",
      [account],
    );
    return Number(row?.["open"]);
  }

  async due(now: number, rows: number): Promise<Deposit[]> {
    const found = await this.#query(
      `SELECT ${depositColumns} FROM deposits WHERE ask_at <= $1 ORDER BY ask_at, deposit_id LIMIT $2`,
      [now, rows],
    );
    return found.map(depositOf);
  }

  async addRefund({ refundId, depositId, amount, createdAt, state }: Refund): Promise<void> {
    await this.#query(
      `INSERT INTO refunds (${refundColumns}) SELECT $1, $2, $3, $4, $5
      WHERE NOT EXISTS (SELECT 1 FROM refunds WHERE refund_id = $1)`,
      [refundId, depositId, amount, createdAt, state],
    );
  }

  async refund(refundId: string): Promise<Refund | undefined> {
    const [row] = await this.#query(`SELECT ${refundColumns} FROM refunds WHERE refund_id = $1`, [refundId]);
    return row && refundOf(row);
  }

  async endRefund(refundId: RefundId, state: Exclude<RefundState, "asked">): Promise<void> {
    await this.#query("UPDATE refunds SET state = $2 WHERE refund_id = $1 AND state = 'asked'", [refundId, state]);
  }

  async openRefunds(rows: number): Promise<Refund[]> {
    const found = await this.#query(
      `SELECT ${refundColumns} FROM refunds WHERE state = 'asked' ORDER BY refund_id LIMIT $1`,
      [rows],
    );
    return found.map(refundOf);
  }

  async knowsNotice(id: string): Promise<boolean> {
    return (await this.#query("SELECT 1 AS one FROM payment_notices WHERE notice_id = $1", [id])).length > 0;
  }

  async addNotice(id: string, at: number): Promise<void> {
    await this.#query(
      `INSERT INTO payment_notices (notice_id, at) SELECT $1, $2
      WHERE NOT EXISTS (SELECT 1 FROM payment_notices WHERE notice_id = $1)`,
      [id, at],
    );
  }

  async forget(
    { notices, unpaid, paid }: { readonly notices: number; readonly unpaid: number; readonly paid: number },
    rows: number,
  ): Promise<number> {
    const heard = await this.#query(
      `DELETE FROM payment_notices WHERE notice_id IN (
        SELECT notice_id FROM payment_notices WHERE at < $1 ORDER BY at LIMIT $2) RETURNING 1 AS one`,
      [notices, rows],
    );
    const old = `SELECT deposit_id FROM deposits
      WHERE created_at < CASE WHEN state = 'paid' THEN CAST($1 AS BIGINT) ELSE $2 END ORDER BY deposit_id LIMIT $3`;
    await this.#query(`DELETE FROM refunds WHERE deposit_id IN (${old})`, [paid, unpaid, rows]);
    const gone = await this.#query(`DELETE FROM deposits WHERE deposit_id IN (${old}) RETURNING 1 AS one`, [
      paid,
      unpaid,
      rows,
    ]);
    return heard.length + gone.length;
  }

  async #one(column: "deposit_id" | "session_id" | "payment", value: string): Promise<Deposit | undefined> {
    const [row] = await this.#query(`SELECT ${depositColumns} FROM deposits WHERE ${column} = $1`, [value]);
    return row && depositOf(row);
  }
}
