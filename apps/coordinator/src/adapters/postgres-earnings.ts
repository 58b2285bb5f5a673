import type { AccountId } from "@darkbloom/protocol/ids";
import { firstKeptClearingDay, NEVER_CLEARS_DAY } from "../ledger/clearing.ts";
import { EARNINGS_ROWS_MAX, type EarningsGroup, type EarningsQuery, type EarningsRow } from "../ledger/earnings.ts";
import { freezing, FREEZE_ROWS_MAX } from "../ledger/freezing.ts";
import { clearingOf, earningsRowOf } from "./earnings-row.ts";
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
  paidBy: `
    SELECT account, day, payer, amount FROM clearing WHERE payer = $1 AND day >= $2 AND day < $3 AND amount > 0
    ORDER BY day DESC, account COLLATE "C" LIMIT $4 FOR UPDATE`,
  freeze: `
    WITH
      gone AS (
        UPDATE clearing SET amount = amount - $4::bigint WHERE account = $1 AND day = $2 AND payer = $3
        RETURNING account, payer),
      noted AS (
        INSERT INTO frozen (ref, account, day, payer, amount) SELECT $6, account, $2, payer, $4::bigint FROM gone)
    INSERT INTO clearing AS kept (account, day, payer, amount) SELECT account, $5, payer, $4::bigint FROM gone
    ON CONFLICT (account, day, payer) DO UPDATE SET amount = kept.amount + excluded.amount`,
  unfreeze: `
    WITH
      free AS (DELETE FROM frozen WHERE ref = $1 RETURNING account, day, payer, amount),
      taken AS (
        UPDATE clearing SET amount = clearing.amount - free.amount
        FROM (SELECT account, payer, SUM(amount) AS amount FROM free GROUP BY account, payer) AS free
        WHERE clearing.account = free.account AND clearing.payer = free.payer AND clearing.day = $2)
    INSERT INTO clearing AS kept (account, day, payer, amount) SELECT account, day, payer, amount FROM free
    ON CONFLICT (account, day, payer) DO UPDATE SET amount = kept.amount + excluded.amount`,
  // What open holds have taken of it too.
  stands: `
    SELECT payable + COALESCE((SELECT SUM(payable) FROM holds WHERE holds.account = $1 AND NOT by_platform), 0)::bigint
      AS payable
    FROM accounts WHERE account = $1`,
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
  passFrozen: `
    WITH gone AS (DELETE FROM frozen WHERE account = $1 RETURNING *)
    INSERT INTO frozen AS kept (ref, account, day, payer, amount)
    SELECT ref, $2, day, payer, amount FROM gone WHERE payer <> $2
    ON CONFLICT (ref, account, day, payer) DO UPDATE SET amount = kept.amount + excluded.amount`,
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

  /** What was earned with the money of this debtor, and has not cleared, never does. @param ref by which it is known again */
  async freeze(
    query: Query,
    ref: string,
    { debtor, owed, sinceDay }: { readonly debtor: AccountId; readonly owed: bigint; readonly sinceDay: number },
  ): Promise<void> {
    if (owed === 0n) return;
    const follow = freezing(debtor, owed);
    let asked = follow.next();
    while (asked.done !== true) {
      const { kind, account } = asked.value;
      if (kind === "paid_by") {
        const rows = await query(sql.paidBy, [account, sinceDay, NEVER_CLEARS_DAY, FREEZE_ROWS_MAX]);
        asked = follow.next({ kind, rows: rows.map(clearingOf) });
      } else {
        const [row] = await query(sql.stands, [account]);
        const uncleared = await this.uncleared(query, account, sinceDay);
        asked = follow.next({ kind, payable: row ? bigintOf(row, "payable") : 0n, uncleared });
      }
    }
    for (const { account, day, payer, amount } of asked.value)
      await query(sql.freeze, [account, day, payer, amount, NEVER_CLEARS_DAY, ref]);
  }

  /** What this had frozen clears as it would have. */
  async unfreeze(query: Query, ref: string): Promise<void> {
    await query(sql.unfreeze, [ref, NEVER_CLEARS_DAY]);
  }

  /** What one account earned is another's; what that other paid of it has no clearing. */
  async pass(query: Query, from: AccountId, to: AccountId): Promise<void> {
    await query(sql.passEarned, [from, to]);
    await query(sql.passClearing, [from, to]);
    await query(sql.passFrozen, [from, to]);
  }

  /** Forgets days that have cleared however long the operator says that it takes, and answers how many, at most `rows`. */
  async deleteCleared(query: Query, now: number, rows: number): Promise<number> {
    const [row] = await query(sql.deleteCleared, [firstKeptClearingDay(now), rows]);
    return Number(row?.["gone"]);
  }
}
