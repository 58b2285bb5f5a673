import type { DatabaseSync } from "node:sqlite";
import type { AccountId, Sha256Hex } from "@darkbloom/protocol/ids";
import {
  IDEMPOTENCY_KEYS_MAX,
  IDEMPOTENCY_LIFE_MS,
  isFree,
  isOnItsWay,
  isOwedAfter,
  type Idempotency,
} from "../ledger/idempotency.ts";
import type { HoldId, Outcome } from "../ledger/settlement.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";

const keysSql = {
  find: `
    SELECT body_sha256, hold_id, is_owed FROM idempotency_keys
    WHERE account = ? AND key_sha256 = ? AND expires_at > ?`,
  remove: "DELETE FROM idempotency_keys WHERE account = ? AND key_sha256 = ?",
  removeExpiredOf: "DELETE FROM idempotency_keys WHERE account = ? AND expires_at <= ?",
  count: "SELECT COUNT(*) AS keys FROM idempotency_keys WHERE account = ?",
  forgetOne: `
    DELETE FROM idempotency_keys WHERE account = :account AND key_sha256 = (
      SELECT key_sha256 FROM idempotency_keys WHERE account = :account
      ORDER BY is_running OR is_owed, expires_at LIMIT 1)`,
  add: `
    INSERT INTO idempotency_keys (account, key_sha256, body_sha256, hold_id, is_running, is_owed, expires_at)
    VALUES (?, ?, ?, ?, 1, ?, ?)`,
  ofHold: "SELECT is_owed FROM idempotency_keys WHERE hold_id = ?",
  settle: "UPDATE idempotency_keys SET is_running = 0, is_owed = ? WHERE hold_id = ?",
  spend: "UPDATE idempotency_keys SET hold_id = NULL, is_running = 0, is_owed = 0 WHERE hold_id = ?",
  removeExpired: `
    DELETE FROM idempotency_keys WHERE (account, key_sha256) IN (
      SELECT account, key_sha256 FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
} as const;

/** The rules of `ledger/idempotency.ts` in SQLite. Each call is a part of whatever transaction its ledger has open. */
export class SqliteIdempotencyKeys {
  readonly #sql: Prepared<keyof typeof keysSql>;
  /** Kept here alone: when this process ends, nothing is on its way any more. */
  readonly #onTheirWay = new Set<HoldId>();

  readonly #runs: (holdId: HoldId) => boolean;

  /** @param runs whether a hold is open; the table says so of one that a crash ended, and may be wrong */
  constructor(database: DatabaseSync, runs: (holdId: HoldId) => boolean) {
    this.#sql = prepareAll(database, keysSql, "numbers");
    this.#runs = runs;
  }

  /** @throws NetworkError `idempotency_conflict` */
  isFree(account: AccountId, asked: Idempotency, at: number): boolean {
    const row = this.#sql.find.get(account, asked.keySha256, at);
    if (!row) return isFree(undefined, asked);
    const bodySha256 = String(row["body_sha256"]) as Sha256Hex;
    const holdId = row["hold_id"] as HoldId;
    const isRunning = this.#runs(holdId) || this.#onTheirWay.has(holdId);
    return isFree({ bodySha256, isRunning, isOwed: row["is_owed"] === 1 }, asked);
  }

  /** From now on the key is that of this request. */
  begin(
    account: AccountId,
    { keySha256, bodySha256 }: Idempotency,
    { holdId, at, isFree: wasOwed }: { holdId: HoldId; at: number; isFree: boolean },
  ): void {
    this.#sql.removeExpiredOf.run(account, at);
    this.#sql.remove.run(account, keySha256);
    if (Number(this.#sql.count.get(account)?.["keys"]) >= IDEMPOTENCY_KEYS_MAX) this.#sql.forgetOne.run({ account });
    this.#sql.add.run(account, keySha256, bodySha256, holdId, Number(wasOwed), at + IDEMPOTENCY_LIFE_MS);
  }

  settled(holdId: HoldId, outcome: Outcome, charge: bigint): void {
    const row = this.#sql.ofHold.get(holdId);
    if (!row) return;
    const wasOwed = row["is_owed"] === 1;
    const isOwed = isOwedAfter(wasOwed, outcome, charge);
    this.#sql.settle.run(Number(isOwed), holdId);
    // Where the commit fails, the same hold is settled again and owes nothing.
    if (isOnItsWay(wasOwed, isOwed)) this.#onTheirWay.add(holdId);
    else this.#onTheirWay.delete(holdId);
  }

  lose(holdId: HoldId): void {
    this.#onTheirWay.delete(holdId);
  }

  spend(holdId: HoldId): void {
    this.#onTheirWay.delete(holdId);
    this.#sql.spend.run(holdId);
  }

  /** @returns how many were deleted, at most `rows` */
  deleteExpired(now: number, rows: number): number {
    return Number(this.#sql.removeExpired.run(now, rows).changes);
  }
}
