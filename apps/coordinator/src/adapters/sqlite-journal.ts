import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AccountId } from "@darkbloom/protocol/ids";
import { changesOf, nothing, type Balances, type Entry, type Flows } from "../ledger/journal.ts";
import { bigintOf, prepareAll, type Prepared, type Row } from "./sqlite-rows.ts";

const MILLIS_OF_DAY = 86_400_000n;

const journalSql = {
  account: `
    SELECT granted, paid_in, earned, held, withdrawing, debt, charged, credited FROM accounts WHERE account = ?`,
  openAccount: `
    INSERT INTO accounts (account, id) VALUES (?, (SELECT COALESCE(MAX(id), 0) + 1 FROM accounts))
    ON CONFLICT DO NOTHING`,
  // What no account may come to, the table refuses.
  change: `
    UPDATE accounts SET granted = granted + ?, paid_in = paid_in + ?, earned = earned + ?, held = held + ?,
      withdrawing = withdrawing + ?, debt = debt + ?
    WHERE account = ? RETURNING id`,
  flow: "UPDATE accounts SET charged = charged + ?, credited = credited + ? WHERE account = ?",

  knows: "SELECT 1 FROM journal WHERE kind = ? AND ref = ?",
  addEntry: "INSERT INTO journal (kind, at, ref) VALUES (?, ?, ?)",

  openDay: "INSERT INTO journal (kind, at, ref) VALUES ('day', ?, ?) ON CONFLICT DO NOTHING",
  day: "SELECT entry FROM journal WHERE kind = 'day' AND ref = ?",
  fold: `
    INSERT INTO postings (entry, account, sub, amount)
    SELECT :day, account, sub, SUM(amount) FROM postings WHERE entry IN (:hold, :end)
    GROUP BY account, sub HAVING SUM(amount) <> 0
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`,
  deletePostings: "DELETE FROM postings WHERE entry IN (?, ?)",
  deleteEntries: "DELETE FROM journal WHERE entry IN (?, ?)",
} as const;

/** The journal and the balances that are kept of it. Each call is a part of whatever transaction its ledger has open. */
export class SqliteJournal {
  readonly #sql: Prepared<keyof typeof journalSql>;
  /** By how many postings it adds: an entry has a handful. One call costs as much as a row. */
  readonly #addPostings = new Map<number, StatementSync>();
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#sql = prepareAll(database, journalSql, "bigints");
  }

  /** @param isOpened whether an account that is not known gets a row of its own */
  figures(account: AccountId, isOpened = false): Balances & Flows {
    const row = this.#sql.account.get(account);
    if (row) return figuresOf(row);
    if (isOpened) this.#sql.openAccount.run(account);
    return { ...nothing, charged: 0n, credited: 0n };
  }

  knows(kind: Entry["kind"], ref: string): boolean {
    return this.#sql.knows.get(kind, ref) !== undefined;
  }

  /**
   * Writes an entry down and moves what it says.
   *
   * @param ref by which it is known again, where it must not be written twice
   * @returns its number; null for one that moves nothing, which is not written
   */
  post(entry: Entry, at: number | bigint, ref: string | null = null): bigint | null {
    if (entry.postings.length === 0) return null;
    const number = BigInt(this.#sql.addEntry.run(entry.kind, at, ref).lastInsertRowid);
    const ids = new Map<AccountId, bigint>();
    for (const [account, change] of changesOf(entry)) ids.set(account, this.#change(account, change));
    const said = entry.postings.flatMap(({ account, sub, amount }) => [number, ids.get(account) ?? null, sub, amount]);
    this.#adderOf(entry.postings.length).run(...said);
    return number;
  }

  /** Counts on what an account was ever charged and credited. */
  flow(account: AccountId, { charged = 0n, credited = 0n }: Partial<Flows>): void {
    this.#sql.flow.run(charged, credited, account);
  }

  /**
   * Adds a hold and its end to the entry of the end's day, and forgets the two.
   *
   * @param hold null where it is in its end, as in what was settled before there was a journal
   */
  fold(hold: bigint | null, end: bigint, at: bigint): void {
    const day = at / MILLIS_OF_DAY;
    this.#sql.openDay.run(day * MILLIS_OF_DAY, String(day));
    this.#sql.fold.run({ day: bigintOf(this.#sql.day.get(String(day)) ?? {}, "entry"), hold, end });
    this.#sql.deletePostings.run(hold, end);
    this.#sql.deleteEntries.run(hold, end);
  }

  #adderOf(postings: number): StatementSync {
    const known = this.#addPostings.get(postings);
    if (known) return known;
    const rows = Array.from({ length: postings }, () => "(?, ?, ?, ?)").join(", ");
    const made = this.#database.prepare(`INSERT INTO postings (entry, account, sub, amount) VALUES ${rows}`);
    this.#addPostings.set(postings, made);
    return made;
  }

  #change(account: AccountId, change: Balances): bigint {
    const { granted, paid_in: paidIn, earned, held, withdrawing, debt } = change;
    const act = () => this.#sql.change.get(granted, paidIn, earned, held, withdrawing, debt, account);
    let row = act();
    if (!row) {
      this.#sql.openAccount.run(account);
      row = act();
    }
    return bigintOf(row ?? {}, "id");
  }
}

const figuresOf = (row: Row): Balances & Flows => ({
  granted: bigintOf(row, "granted"),
  paid_in: bigintOf(row, "paid_in"),
  earned: bigintOf(row, "earned"),
  held: bigintOf(row, "held"),
  withdrawing: bigintOf(row, "withdrawing"),
  debt: bigintOf(row, "debt"),
  charged: bigintOf(row, "charged"),
  credited: bigintOf(row, "credited"),
});
