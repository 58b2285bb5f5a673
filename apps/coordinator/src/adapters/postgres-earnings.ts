import type { AccountId } from "@darkbloom/protocol/ids";
import { firstKeptClearingDay } from "../ledger/clearing.ts";
import { EARNINGS_ROWS_MAX, type EarningsGroup, type EarningsQuery, type EarningsRow } from "../ledger/earnings.ts";
import { earningsRowOf } from "./earnings-row.ts";
import type { Query } from "./postgres.ts";
import { bigintOf } from "./rows.ts";

const queryBy = (key: string, order: string): string => `
  SELECT ${key} AS key, SUM(answers)::bigint AS answers, SUM(prompt_tokens)::bigint AS prompt_tokens,
    SUM(completion_tokens)::bigint AS completion_tokens, SUM(earned)::bigint AS earned, SUM(payable)::bigint AS payable
  FROM earnings WHERE account = $1 AND day >= $2 AND day < $3
  GROUP BY ${key} ORDER BY ${order} LIMIT $4`;
/** Names in the order of their bytes, whatever the database's own is. */
const byAmount = (key: string): string => `SUM(earned + payable) DESC, ${key} COLLATE "C"`;

const groups: Readonly<Record<EarningsGroup, string>> = {
  machine: queryBy("machine_id", byAmount("machine_id")),
  model: queryBy("model", byAmount("model")),
  day: queryBy("day", "day DESC"),
};

const sql = {
  uncleared: "SELECT COALESCE(SUM(amount), 0)::bigint AS amount FROM clearing WHERE account = $1 AND day >= $2",
  unclearedOf: "SELECT COALESCE(SUM(amount), 0)::bigint AS amount FROM clearing WHERE account = $1 AND payer = $2",
  passEarned: `
    WITH gone AS (DELETE FROM earnings WHERE account = $1 RETURNING *)
    INSERT INTO earnings AS kept (account, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable)
    SELECT $2, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable FROM gone
    ON CONFLICT (account, day, machine_id, model) DO UPDATE SET answers = kept.answers + excluded.answers,
      prompt_tokens = kept.prompt_tokens + excluded.prompt_tokens,
      completion_tokens = kept.completion_tokens + excluded.completion_tokens,
      earned = kept.earned + excluded.earned, payable = kept.payable + excluded.payable`,
  passClearing: `
    WITH gone AS (DELETE FROM clearing WHERE account = $1 RETURNING *)
    INSERT INTO clearing AS kept (account, day, payer, amount)
    SELECT $2, day, payer, amount FROM gone WHERE payer <> $2
    ON CONFLICT (account, day, payer) DO UPDATE SET amount = kept.amount + excluded.amount`,
  deleteCleared: `
    WITH
      old AS MATERIALIZED (
        SELECT account, day, payer FROM clearing WHERE day < $1 ORDER BY day, account, payer LIMIT $2
        FOR UPDATE SKIP LOCKED),
      gone AS (
        DELETE FROM clearing USING old
        WHERE clearing.account = old.account AND clearing.day = old.day AND clearing.payer = old.payer RETURNING 1)
    SELECT COUNT(*) AS gone FROM gone`,
} as const;

/** What was earned. What is written is a part of its ledger's transactions. */
export class PostgresEarnings {
  async query(query: Query, account: AccountId, { by, fromDay, untilDay }: EarningsQuery): Promise<EarningsRow[]> {
    return (await query(groups[by], [account, fromDay, untilDay, EARNINGS_ROWS_MAX])).map(earningsRowOf);
  }

  async uncleared(query: Query, account: AccountId, sinceDay: number): Promise<bigint> {
    const [row] = await query(sql.uncleared, [account, sinceDay]);
    return bigintOf(row ?? {}, "amount");
  }

  async unclearedOf(query: Query, account: AccountId, payer: AccountId): Promise<bigint> {
    const [row] = await query(sql.unclearedOf, [account, payer]);
    return bigintOf(row ?? {}, "amount");
  }

  /** What one account earned is another's; what that other paid of it has no clearing. */
  async pass(query: Query, from: AccountId, to: AccountId): Promise<void> {
    await query(sql.passEarned, [from, to]);
    await query(sql.passClearing, [from, to]);
  }

  /** Forgets days that have cleared however long the operator says that it takes, and answers how many, at most `rows`. */
  async deleteCleared(query: Query, now: number, rows: number): Promise<number> {
    const [row] = await query(sql.deleteCleared, [firstKeptClearingDay(now), rows]);
    return Number(row?.["gone"]);
  }
}
