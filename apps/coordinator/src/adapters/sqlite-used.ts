import type { DatabaseSync } from "node:sqlite";
import { sumOfUse, type Cap, type Counted, type Subject, type Use } from "../ledger/caps.ts";
import { DaySums } from "../ledger/day-sums.ts";
import type { OpenHolds } from "../ledger/open-holds.ts";
import { EARLIER_DAY, firstKeptDay, windowAt } from "../ledger/windows.ts";
import { bigintOf, textOf } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";

const usedSql = {
  within: `
    SELECT COALESCE(SUM(micro_usd), 0) AS micro_usd, COALESCE(SUM(tokens), 0) AS tokens
    FROM used WHERE subject = ? AND day >= ? AND day < ?`,
  add: `
    INSERT INTO used (subject, day, micro_usd, tokens) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd, tokens = tokens + excluded.tokens`,
  old: "SELECT subject, day, micro_usd, tokens FROM used WHERE day >= 0 AND day < ? ORDER BY day LIMIT ?",
  delete: "DELETE FROM used WHERE subject = ? AND day = ?",
} as const;

/** What was used, by key and day. Each call is a part of its ledger's group, for all of which a day is written once, by `write`. */
export class SqliteUsed {
  readonly #sql: Prepared<keyof typeof usedSql>;
  readonly #open: OpenHolds;
  #moving = new DaySums();

  constructor(database: DatabaseSync, open: OpenHolds) {
    this.#open = open;
    this.#sql = prepareAll(database, usedSql, "bigints");
  }

  /** With what the group of calls under way has added, and what is held. */
  counted({ subject, reset }: Pick<Cap, "subject" | "reset">, at: number): Counted {
    const window = windowAt(reset, at);
    const written = useIn(this.#sql.within.get(subject, window.fromDay, window.untilDay) ?? {});
    const used = sumOfUse(written, this.#moving.within(subject, window));
    return { used, open: this.#open.most(subject, window) };
  }

  add(subject: Subject, day: number, use: Use): void {
    this.#moving.add(subject, day, use);
  }

  /** The last thing before a commit. */
  write(): void {
    for (const [subject, day, use] of this.#moving.all()) this.#sql.add.run(subject, day, use.microUsd, use.tokens);
  }

  /** The first thing behind a commit, or where it was undone. */
  ended(): void {
    this.#moving = new DaySums();
  }

  /** Adds days that are in no window but `none` up, and answers how many, at most `rows`. */
  addUp(now: number, rows: number): number {
    const old = this.#sql.old.all(firstKeptDay(now), rows);
    for (const row of old) {
      const { microUsd, tokens } = useIn(row);
      this.#sql.add.run(textOf(row, "subject"), EARLIER_DAY, microUsd, tokens);
      this.#sql.delete.run(textOf(row, "subject"), bigintOf(row, "day"));
    }
    return old.length;
  }
}

const useIn = (row: Parameters<typeof bigintOf>[0]): Use => ({
  microUsd: bigintOf(row, "micro_usd"),
  tokens: bigintOf(row, "tokens"),
});
