import type { DatabaseSync } from "node:sqlite";
import type { AccountId } from "@darkbloom/protocol/ids";
import { firstKeptClearingDay, NEVER_CLEARS_DAY } from "../ledger/clearing.ts";
import {
  EARNINGS_ROWS_MAX,
  EarningSums,
  type Clearing,
  type Earning,
  type EarningsGroup,
  type EarningsQuery,
  type EarningsRow,
} from "../ledger/earnings.ts";
import { freezing, FREEZE_ROWS_MAX } from "../ledger/freezing.ts";
import { clearingOf, earningsRowOf } from "./earnings-row.ts";
import { bigintOf } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";

const queryBy = (key: string, order: string): string => `
  SELECT ${key} AS key, SUM(answers) AS answers, SUM(prompt_tokens) AS prompt_tokens,
    SUM(completion_tokens) AS completion_tokens, SUM(earned) AS earned, SUM(payable) AS payable
  FROM earnings WHERE account = ? AND day >= ? AND day < ?
  GROUP BY key ORDER BY ${order} LIMIT ?`;
const byAmount = "SUM(earned + payable) DESC, key";

const earningsSql = {
  add: `
    INSERT INTO earnings (account, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET answers = answers + excluded.answers, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
      completion_tokens = completion_tokens + excluded.completion_tokens, earned = earned + excluded.earned,
      payable = payable + excluded.payable`,
  clear: `
    INSERT INTO clearing (account, day, payer, amount) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`,
  machine: queryBy("machine_id", byAmount),
  model: queryBy("model", byAmount),
  day: queryBy("day", "day DESC"),
  uncleared: "SELECT COALESCE(SUM(amount), 0) AS amount FROM clearing WHERE account = ? AND day >= ?",
  unclearedOf: `
    SELECT COALESCE(SUM(amount), 0) AS amount FROM clearing WHERE account = ? AND day >= ? AND payer = ?`,
  paidBy: `
    SELECT account, day, payer, amount FROM clearing WHERE payer = ? AND day >= ? AND day < ? AND amount > 0
    ORDER BY day DESC, account LIMIT ?`,
  take: "UPDATE clearing SET amount = amount - ? WHERE account = ? AND day = ? AND payer = ?",
  addFrozen: "INSERT INTO frozen (ref, account, day, payer, amount) VALUES (?, ?, ?, ?, ?)",
  frozen: "SELECT account, day, payer, amount FROM frozen WHERE ref = ?",
  forgetFrozen: "DELETE FROM frozen WHERE ref = ?",
  passEarned: `
    INSERT INTO earnings (account, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable)
    SELECT :to, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable
    FROM earnings WHERE account = :from
    ON CONFLICT DO UPDATE SET answers = answers + excluded.answers, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
      completion_tokens = completion_tokens + excluded.completion_tokens, earned = earned + excluded.earned,
      payable = payable + excluded.payable`,
  passClearing: `
    INSERT INTO clearing (account, day, payer, amount)
    SELECT :to, day, payer, amount FROM clearing WHERE account = :from AND payer <> :to
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`,
  passFrozen: `
    INSERT INTO frozen (ref, account, day, payer, amount)
    SELECT ref, :to, day, payer, amount FROM frozen WHERE account = :from AND payer <> :to
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`,
  forgetFrozenOf: "DELETE FROM frozen WHERE account = ?",
  forgetEarned: "DELETE FROM earnings WHERE account = ?",
  forgetClearing: "DELETE FROM clearing WHERE account = ?",
  deleteCleared: `
    DELETE FROM clearing WHERE (account, day, payer) IN (SELECT account, day, payer FROM clearing WHERE day < ? LIMIT ?)`,
} as const;

/** What was earned. Each call is a part of its ledger's group, for all of which a row is written once, by `write`. */
export class SqliteEarnings {
  readonly #sql: Prepared<keyof typeof earningsSql>;
  #moving = new EarningSums();

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, earningsSql, "bigints");
  }

  add(earning: Earning): void {
    this.#moving.add(earning);
  }

  /** What is committed. */
  query(account: AccountId, { by, fromDay, untilDay }: EarningsQuery): EarningsRow[] {
    const statement: Record<EarningsGroup, Prepared<EarningsGroup>[EarningsGroup]> = this.#sql;
    return statement[by].all(account, fromDay, untilDay, EARNINGS_ROWS_MAX).map(earningsRowOf);
  }

  /** With what the group of calls under way has added; of one payer or of all. */
  uncleared(account: AccountId, sinceDay: number, payer?: AccountId): bigint {
    const row =
      payer === undefined
        ? this.#sql.uncleared.get(account, sinceDay)
        : this.#sql.unclearedOf.get(account, sinceDay, payer);
    return bigintOf(row ?? {}, "amount") + this.#moving.uncleared(account, sinceDay, payer);
  }

  /**
   * What a debtor paid and took back never clears where it was earned.
   *
   * @param ref by which it is known again
   * @param payableOf as it is written, with what is held
   */
  freeze(
    ref: string,
    { debtor, owed, sinceDay }: { readonly debtor: AccountId; readonly owed: bigint; readonly sinceDay: number },
    payableOf: (account: AccountId) => bigint,
  ): void {
    if (owed === 0n) return;
    this.write();
    const follow = freezing(debtor, owed);
    let asked = follow.next();
    while (asked.done !== true) {
      const { kind, account } = asked.value;
      asked = follow.next(
        kind === "paid_by"
          ? { kind, rows: this.#paidBy(account, sinceDay) }
          : { kind, payable: payableOf(account), uncleared: this.uncleared(account, sinceDay) },
      );
    }
    for (const { account, day, payer, amount } of asked.value) {
      this.#sql.take.run(amount, account, day, payer);
      this.#sql.clear.run(account, NEVER_CLEARS_DAY, payer, amount);
      this.#sql.addFrozen.run(ref, account, day, payer, amount);
    }
  }

  /** What this had frozen clears as it would have. */
  unfreeze(ref: string): void {
    for (const { account, day, payer, amount } of this.#sql.frozen.all(ref).map(clearingOf)) {
      this.#sql.take.run(amount, account, NEVER_CLEARS_DAY, payer);
      this.#sql.clear.run(account, day, payer, amount);
    }
    this.#sql.forgetFrozen.run(ref);
  }

  #paidBy(payer: AccountId, sinceDay: number): Clearing[] {
    return this.#sql.paidBy.all(payer, sinceDay, NEVER_CLEARS_DAY, FREEZE_ROWS_MAX).map(clearingOf);
  }

  /** What one account earned is another's; what that other paid of it has no clearing. */
  pass(from: AccountId, to: AccountId): void {
    this.write();
    this.#sql.passEarned.run({ from, to });
    this.#sql.passClearing.run({ from, to });
    this.#sql.passFrozen.run({ from, to });
    this.#sql.forgetEarned.run(from);
    this.#sql.forgetClearing.run(from);
    this.#sql.forgetFrozenOf.run(from);
  }

  /** Forgets days that have cleared however long the operator says that it takes, and answers how many, at most `rows`. */
  deleteCleared(now: number, rows: number): number {
    return Number(this.#sql.deleteCleared.run(firstKeptClearingDay(now), rows).changes);
  }

  /** The last thing before a commit, and the first of what needs it written. */
  write(): void {
    for (const one of this.#moving.earned) {
      const { account, day, machineId, model, answers, promptTokens, completionTokens, earned, payable } = one;
      this.#sql.add.run(account, day, machineId, model, answers, promptTokens, completionTokens, earned, payable);
    }
    for (const { account, day, payer, amount } of this.#moving.clearing)
      this.#sql.clear.run(account, day, payer, amount);
    this.#moving = new EarningSums();
  }

  /** The first thing behind a commit, or where it was undone. */
  ended(): void {
    this.#moving = new EarningSums();
  }
}
