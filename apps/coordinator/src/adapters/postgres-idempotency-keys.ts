import type { AccountId, Sha256Hex } from "@darkbloom/protocol/ids";
import {
  IDEMPOTENCY_KEYS_MAX,
  IDEMPOTENCY_LIFE_MS,
  isFree,
  isOnItsWay,
  isOwedAfter,
  type Idempotency,
} from "../ledger/idempotency.ts";
import type { Lease } from "../ledger/lease.ts";
import type { HoldId, Outcome } from "../ledger/settlement.ts";
import type { Query } from "./postgres.ts";

const keysSql = {
  find: `
    SELECT body_sha256, keys.hold_id, is_owed, holds.hold_id IS NOT NULL AS is_open,
      EXISTS (SELECT 1 FROM leases WHERE leases.lease = carried_by AND leases.lease <> $4) AS is_carried
    FROM idempotency_keys AS keys LEFT JOIN holds USING (hold_id)
    WHERE keys.account = $1 AND key_sha256 = $2 AND expires_at > $3`,
  remove: "DELETE FROM idempotency_keys WHERE account = $1 AND (key_sha256 = $2 OR expires_at <= $3)",
  makeRoom: `
    DELETE FROM idempotency_keys WHERE account = $1 AND key_sha256 IN (
      SELECT key_sha256 FROM idempotency_keys WHERE account = $1
      ORDER BY is_running OR is_owed, expires_at
      LIMIT GREATEST(0, (SELECT COUNT(*) FROM idempotency_keys WHERE account = $1) - $2::bigint))`,
  add: `
    INSERT INTO idempotency_keys (account, key_sha256, body_sha256, hold_id, is_running, is_owed, expires_at)
    VALUES ($1, $2, $3, $4, TRUE, $5, $6)`,
  lose: "UPDATE idempotency_keys SET carried_by = NULL WHERE hold_id = $1",
  spend: `
    UPDATE idempotency_keys SET hold_id = NULL, is_running = FALSE, is_owed = FALSE, carried_by = NULL WHERE hold_id = $1`,
  removeExpired: `
    WITH old AS (
      DELETE FROM idempotency_keys WHERE (account, key_sha256) IN (
        SELECT account, key_sha256 FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
      RETURNING 1)
    SELECT COUNT(*) AS gone FROM old`,
} as const;

/** The rules of `ledger/idempotency.ts` in PostgreSQL. Whoever asks for an account's keys has its row locked. */
export class PostgresIdempotencyKeys {
  /** Of this process: when it ends, nothing of them is on its way any more. Those of others the database names. */
  readonly #onTheirWay = new Set<HoldId>();

  /** @param lease ours @throws NetworkError `idempotency_conflict` */
  async isFree(
    query: Query,
    account: AccountId,
    asked: Idempotency,
    { at, lease }: { at: number; lease: Lease },
  ): Promise<boolean> {
    const [row] = await query(keysSql.find, [account, asked.keySha256, at, lease]);
    if (!row) return isFree(undefined, asked);
    const bodySha256 = String(row["body_sha256"]) as Sha256Hex;
    const isCarried = isTrue(row["is_carried"]) || this.#onTheirWay.has(row["hold_id"] as HoldId);
    const isRunning = isTrue(row["is_open"]) || isCarried;
    return isFree({ bodySha256, isRunning, isOwed: isTrue(row["is_owed"]) }, asked);
  }

  /** From now on the key is that of this request. */
  async begin(
    query: Query,
    account: AccountId,
    { keySha256, bodySha256 }: Idempotency,
    { holdId, at, isFree: wasOwed }: { holdId: HoldId; at: number; isFree: boolean },
  ): Promise<void> {
    await query(keysSql.remove, [account, keySha256, at]);
    await query(keysSql.makeRoom, [account, IDEMPOTENCY_KEYS_MAX - 1]);
    await query(keysSql.add, [account, keySha256, bodySha256, holdId, wasOwed, at + IDEMPOTENCY_LIFE_MS]);
  }

  /** @param wasOwed undefined where the hold has no key @returns whether an answer is owed, for the settlement's own statement */
  settling(holdId: HoldId, wasOwed: boolean | undefined, outcome: Outcome, charge: bigint): boolean {
    if (wasOwed === undefined) return false;
    const isOwed = isOwedAfter(wasOwed, outcome, charge);
    // Before it is written, so that nobody comes between; where that fails, the same hold is settled again and owes nothing.
    if (isOnItsWay(wasOwed, isOwed)) this.#onTheirWay.add(holdId);
    else this.#onTheirWay.delete(holdId);
    return isOwed;
  }

  /** Whether the answer of this hold is on its way from here. */
  carries(holdId: HoldId): boolean {
    return this.#onTheirWay.has(holdId);
  }

  lose(holdId: HoldId): void {
    this.#onTheirWay.delete(holdId);
  }

  /** Tells other coordinators that it is not on its way any more. */
  async tellLost(query: Query, holdId: HoldId): Promise<void> {
    await query(keysSql.lose, [holdId]);
  }

  async spend(query: Query, holdId: HoldId): Promise<void> {
    this.#onTheirWay.delete(holdId);
    await query(keysSql.spend, [holdId]);
  }

  /** @returns how many were deleted, at most `rows` */
  async deleteExpired(query: Query, now: number, rows: number): Promise<number> {
    const [row] = await query(keysSql.removeExpired, [now, rows]);
    return Number(row?.["gone"]);
  }
}

/** A column of truth values, which SQLite has none of. */
export const isTrue = (value: unknown): boolean => value === true;
