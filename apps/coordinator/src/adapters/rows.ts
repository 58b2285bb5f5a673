import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { nothing, type Balances, type Flows } from "../ledger/journal.ts";

/** Of either database. */
export type Row = Readonly<Record<string, unknown>>;

export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`the database's column ${column} holds no text`);
  return value;
}

/** Of statements that read integers as numbers or as texts. */
export const timeOf = (row: Row, column: string): number | null => (row[column] === null ? null : Number(row[column]));

/** Money does not fit a double: of statements that read every integer as a bigint. */
export function bigintOf(row: Row, column: string): bigint {
  const value = row[column];
  if (typeof value !== "bigint") throw new TypeError(`the database's column ${column} holds no integer`);
  return value;
}

export const moneyOf = (row: Row, column: string): MicroUsd => microUsd(bigintOf(row, column));

/** An account's balances, of columns that bear their names. */
export const balancesOf = (row: Row): Balances => ({
  granted: bigintOf(row, "granted"),
  paid_in: bigintOf(row, "paid_in"),
  earned: bigintOf(row, "earned"),
  payable: bigintOf(row, "payable"),
  held: bigintOf(row, "held"),
  withdrawing: bigintOf(row, "withdrawing"),
  debt: bigintOf(row, "debt"),
});

/** The same with what went through it. @param row undefined for an account that is not there, which has nothing */
export const figuresOf = (row: Row | undefined): Balances & Flows =>
  row
    ? { ...balancesOf(row), charged: bigintOf(row, "charged"), credited: bigintOf(row, "credited") }
    : { ...nothing, charged: 0n, credited: 0n };
