import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AccountId } from "@darkbloom/protocol/ids";
import { changesOf, mayStand, nothing, type Balances, type Entry, type Flows } from "../ledger/journal.ts";
import { bigintOf, figuresOf } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";

const MILLIS_OF_DAY = 86_400_000n;

const journalSql = {
  account: `
    SELECT id, granted, paid_in, earned, payable, held, withdrawing, debt, charged, credited FROM accounts WHERE account = ?`,
  openAccount: `
    INSERT INTO accounts (account, id) VALUES (?, (SELECT COALESCE(MAX(id), 0) + 1 FROM accounts)) RETURNING id`,
  // What no account may come to, the table refuses.
  move: `
    UPDATE accounts SET granted = granted + ?, paid_in = paid_in + ?, earned = earned + ?, payable = payable + ?, held = held + ?,
      withdrawing = withdrawing + ?, debt = debt + ?, charged = charged + ?, credited = credited + ?
    WHERE id = ?`,

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

type Figures = Balances & Flows;

/** An account in the group of calls under way: what it was before, and what has moved since. */
interface Moving {
  readonly id: bigint;
  readonly before: Figures;
  moved: Figures;
}

/**
 * The journal and the balances that are kept of it. Each call is a part of whatever transaction its ledger has open; an account
 * is written once for all of them, by `write`.
 */
export class SqliteJournal {
  readonly #sql: Prepared<keyof typeof journalSql>;
  /** By how many postings it adds: an entry has a handful. One call costs as much as a row. */
  readonly #addPostings = new Map<number, StatementSync>();
  readonly #database: DatabaseSync;
  #moving = new Map<AccountId, Moving>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#sql = prepareAll(database, journalSql, "bigints");
  }

  figures(account: AccountId): Figures {
    return this.moved(account) ?? figuresOf(this.#sql.account.get(account));
  }

  /** What an account comes to with what the group of calls under way has moved of it; undefined where it has moved nothing. */
  moved(account: AccountId): Figures | undefined {
    const moving = this.#moving.get(account);
    return moving && sumOf(moving.before, moving.moved);
  }

  knows(kind: Entry["kind"], ref: string): boolean {
    return this.#sql.knows.get(kind, ref) !== undefined;
  }

  /**
   * Writes an entry down, and keeps what it moves for `write`.
   *
   * @param ref by which it is known again, where it must not be written twice
   * @returns its number; null for one that moves nothing, which is not written
   * @throws RangeError where an account would come to what none may
   */
  post(entry: Entry, at: number | bigint, ref: string | null = null): bigint | null {
    const { postings } = entry;
    if (postings.length === 0) return null;
    for (const [account, change] of changesOf(entry)) this.#move(account, { ...none, ...change });
    const number = BigInt(this.#sql.addEntry.run(entry.kind, at, ref).lastInsertRowid);
    const said = postings.flatMap(({ account, sub, amount }) => [number, this.#movingOf(account).id, sub, amount]);
    this.#adderOf(postings.length).run(...said);
    return number;
  }

  /** What names an account needs it to be there. */
  open(account: AccountId): void {
    this.#movingOf(account);
  }

  /** Counts on what an account was ever charged and credited. */
  flow(account: AccountId, flow: Partial<Flows>): void {
    this.#move(account, { ...none, ...flow });
  }

  /** The last thing before a commit. */
  write(): void {
    for (const { id, moved } of this.#moving.values()) {
      if (moved === none) continue;
      const { granted, paid_in: paidIn, earned, payable, held, withdrawing, debt, charged, credited } = moved;
      this.#sql.move.run(granted, paidIn, earned, payable, held, withdrawing, debt, charged, credited, id);
    }
  }

  /** The first thing behind a commit, or where it was undone. @returns what moved, with its figures */
  ended(): ReadonlyMap<AccountId, Figures> {
    const moving = this.#moving;
    this.#moving = new Map();
    return new Map(moving.entries().map(([account, { before, moved }]) => [account, sumOf(before, moved)]));
  }

  /**
   * Adds a hold and its end to the entry of the end's day, and forgets the two.
   *
   * @param hold null where it is in its end
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

  #move(account: AccountId, by: Figures): void {
    const moving = this.#movingOf(account);
    const moved = sumOf(moving.moved, by);
    if (!mayStand(account, sumOf(moving.before, moved)))
      throw new RangeError("an account would have less than nothing");
    moving.moved = moved;
  }

  #movingOf(account: AccountId): Moving {
    const known = this.#moving.get(account);
    if (known) return known;
    const row = this.#sql.account.get(account);
    const moving: Moving = row
      ? { id: bigintOf(row, "id"), before: figuresOf(row), moved: none }
      : { id: bigintOf(this.#sql.openAccount.get(account) ?? {}, "id"), before: none, moved: none };
    this.#moving.set(account, moving);
    return moving;
  }
}

const none: Figures = { ...nothing, charged: 0n, credited: 0n };

const sumOf = (one: Figures, other: Figures): Figures => ({
  granted: one.granted + other.granted,
  paid_in: one.paid_in + other.paid_in,
  earned: one.earned + other.earned,
  payable: one.payable + other.payable,
  held: one.held + other.held,
  withdrawing: one.withdrawing + other.withdrawing,
  debt: one.debt + other.debt,
  charged: one.charged + other.charged,
  credited: one.credited + other.credited,
});
