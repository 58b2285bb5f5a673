import type { DatabaseSync, StatementSync } from "node:sqlite";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";

/** Of either database. */
export type Row = Readonly<Record<string, unknown>>;

export type Prepared<Name extends string> = { readonly [Each in Name]: StatementSync };

/**
 * Every statement of an adapter, prepared once, by its name.
 *
 * @param integers how they are read: as bigints where they are money
 */
export function prepareAll<Name extends string>(
  database: DatabaseSync,
  texts: Readonly<Record<Name, string>>,
  integers: "numbers" | "bigints",
): Prepared<Name> {
  const prepared = Object.entries<string>(texts).map(([name, text]) => {
    const statement = database.prepare(text);
    statement.setReadBigInts(integers === "bigints");
    return [name, statement] as const;
  });
  return Object.fromEntries(prepared) as Prepared<Name>;
}

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
