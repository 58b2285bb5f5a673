import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Row } from "./rows.ts";
import { readStorage } from "./storage-failure.ts";

/**
 * One statement and what it gives, in SQL that both databases understand: parameters are `$1`, `$2`, … `Postgres.query` is one
 * such, by which what is asked seldom needs one adapter and not two.
 */
export type SqlQuery = (text: string, values: readonly SQLInputValue[]) => Promise<Row[]>;

/**
 * The same in SQLite, on the ledger's connection: every statement commits by itself.
 *
 * @param database opened by `openDatabase`
 * @param changed called behind each change, before anybody is told of it
 */
export function sqliteQuery(database: DatabaseSync, changed = () => {}): SqlQuery {
  const prepared = new Map<string, StatementSync>();
  return async (text, values) => {
    const statement = prepared.get(text) ?? database.prepare(text.replaceAll(/\$(\d+)/g, "?$1"));
    prepared.set(text, statement);
    const rows = readStorage(() => statement.all(...values));
    if (!/^\s*SELECT/.test(text)) changed();
    return rows;
  };
}
