import type { SQLOutputValue } from "node:sqlite";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";

export type Row = Record<string, SQLOutputValue>;

export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`the database's column ${column} holds no text`);
  return value;
}

/** Money does not fit a double: of statements that read every integer as a bigint. */
export function bigintOf(row: Row, column: string): bigint {
  const value = row[column];
  if (typeof value !== "bigint") throw new TypeError(`the database's column ${column} holds no integer`);
  return value;
}

export const moneyOf = (row: Row, column: string): MicroUsd => microUsd(bigintOf(row, column));
