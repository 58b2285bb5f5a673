import { NetworkError } from "@darkbloom/protocol/failures";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import type { HoldId, Outcome } from "./settlement.ts";

/** How long a key is remembered after the request that came with it last. */
export const IDEMPOTENCY_LIFE_MS = 24 * 60 * 60_000;
/** Keys that are remembered of one account. Above it one is forgotten: of those under which nothing is owed or runs the oldest, where there is such. */
export const IDEMPOTENCY_KEYS_MAX = 1_000;
/** What a caller is told to wait whose request under the same key still runs. */
const RUNNING_RETRY_SEC = 2;

/** What an `Idempotency-Key` comes to: neither the key nor the body is kept, only their hashes. */
export interface Idempotency {
  readonly keySha256: Sha256Hex;
  readonly bodySha256: Sha256Hex;
}

/** What is known of a key. */
export interface KeyState {
  readonly bodySha256: Sha256Hex;
  /** Whether a request under it has not ended, or its answer is still on its way; not so once its caller has left. */
  readonly isRunning: boolean;
  /** Whether an answer was paid for under it that was not delivered. */
  readonly isOwed: boolean;
}

/**
 * Whether the next request under this key is the platform's to pay.
 *
 * Who sends a key again while its request runs is refused and does not wait: a wait would hold a connection and a body for as
 * long as a model writes, and could then only run the request a second time, since no answer is kept.
 *
 * @param found undefined where the key is not known, or no longer
 * @throws NetworkError `idempotency_conflict` for another body, and for a request that still runs
 */
export function isFree(found: KeyState | undefined, { bodySha256 }: Idempotency): boolean {
  if (!found) return false;
  if (found.bodySha256 !== bodySha256) throw new NetworkError({ code: "idempotency_conflict", conflict: "other_body" });
  if (found.isRunning)
    throw new NetworkError({ code: "idempotency_conflict", conflict: "running", retryAfterSec: RUNNING_RETRY_SEC });
  return found.isOwed;
}

/**
 * Whether an answer is owed under a key once a request under it was settled. A request that the platform pays takes what is owed
 * by ending whole, or by its caller's leaving; until then a first one is owed by ending whole and costing something.
 */
export function isOwedAfter(wasOwed: boolean, outcome: Outcome, charge: bigint): boolean {
  if (wasOwed) return outcome !== "finished" && outcome !== "caller_gone";
  return outcome === "finished" && charge > 0n;
}

/**
 * Whether the caller still waits for the answer that is owed. Until it was delivered or lost it is asked for in vain: who does
 * not take the last byte, and asks again meanwhile, would have two answers for one charge.
 */
export const isOnItsWay = (wasOwed: boolean, isOwed: boolean): boolean => isOwed && !wasOwed;

interface Entry {
  readonly keySha256: Sha256Hex;
  readonly bodySha256: Sha256Hex;
  readonly expiresAt: number;
  /** The last request under it, until it was delivered, failed, or its caller left. */
  holdId: HoldId | undefined;
  isRunning: boolean;
  isOwed: boolean;
}

/** The keys of one account, in the order of their last use. The in-memory ledger keeps these; the others say the same in SQL. */
export class IdempotencyKeys {
  readonly #entries = new Map<Sha256Hex, Entry>();
  readonly #onTheirWay = new Set<Entry["holdId"]>();

  /** @throws NetworkError `idempotency_conflict` */
  isFree(asked: Idempotency, at: number): boolean {
    const found = this.#entries.get(asked.keySha256);
    if (!found || at >= found.expiresAt) return isFree(undefined, asked);
    const isRunning = found.isRunning || this.#onTheirWay.has(found.holdId);
    return isFree({ ...found, isRunning }, asked);
  }

  /** From now on the key is that of this request. */
  begin({ keySha256, bodySha256 }: Idempotency, holdId: HoldId, at: number, wasOwed: boolean): void {
    for (const { keySha256: old, expiresAt } of this.#entries.values()) if (expiresAt <= at) this.#entries.delete(old);
    this.#entries.delete(keySha256);
    if (this.#entries.size >= IDEMPOTENCY_KEYS_MAX) this.#forgetOne();
    const expiresAt = at + IDEMPOTENCY_LIFE_MS;
    this.#entries.set(keySha256, { keySha256, bodySha256, expiresAt, holdId, isRunning: true, isOwed: wasOwed });
  }

  settled(holdId: HoldId, outcome: Outcome, charge: bigint): void {
    const entry = this.#of(holdId);
    if (!entry) return;
    const wasOwed = entry.isOwed;
    entry.isRunning = false;
    entry.isOwed = isOwedAfter(wasOwed, outcome, charge);
    if (isOnItsWay(wasOwed, entry.isOwed)) this.#onTheirWay.add(holdId);
  }

  lose(holdId: HoldId): void {
    this.#onTheirWay.delete(holdId);
  }

  spend(holdId: HoldId): void {
    this.#onTheirWay.delete(holdId);
    const entry = this.#of(holdId);
    if (!entry) return;
    entry.holdId = undefined;
    entry.isRunning = false;
    entry.isOwed = false;
  }

  #of(holdId: HoldId): Entry | undefined {
    return this.#entries.values().find((entry) => entry.holdId === holdId);
  }

  #forgetOne(): void {
    const entries = [...this.#entries.values()];
    const idle = entries.filter(({ isRunning, isOwed }) => !isRunning && !isOwed);
    for (const { keySha256 } of [...idle, ...entries].slice(0, 1)) this.#entries.delete(keySha256);
  }
}
