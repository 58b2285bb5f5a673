import type { AccountId, Clock } from "@darkbloom/protocol";

/** Sustained requests of one account. What the hosted network of this API grants. */
export const REQUESTS_PER_SEC = 20;
/** Requests that an account may send at once after a pause. */
export const REQUESTS_BURST = 120;
/** Accounts whose buckets are remembered; beyond it the one that was quiet longest starts afresh. */
export const RATE_ACCOUNTS_MAX = 100_000;
/** A bucket that was left alone for this long is full again, so that forgetting it changes nothing. */
const REFILL_MS = (REQUESTS_BURST / REQUESTS_PER_SEC) * 1000;

/** One decision and the figures that the caller is told with it. */
export interface RateDecision {
  readonly allowed: boolean;
  readonly limitPerMin: number;
  /** Whole requests that would be allowed right now. */
  readonly remaining: number;
  /** Until the bucket is full again. */
  readonly resetMs: number;
  /** Until one more request is allowed, at least 1; only of use after a refusal. */
  readonly retryAfterSec: number;
}

interface Bucket {
  tokens: number;
  /** On the monotonic clock. */
  atMs: number;
}

/** A token bucket for each account. Buckets are kept in the order of their last use, the oldest first. */
export class RateLimiter {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #accountsMax: number;
  readonly #buckets = new Map<AccountId, Bucket>();

  constructor(clock: Pick<Clock, "monotonicMs">, accountsMax: number = RATE_ACCOUNTS_MAX) {
    this.#clock = clock;
    this.#accountsMax = accountsMax;
  }

  /** Takes one request out of the account's bucket if there is one in it. */
  take(account: AccountId): RateDecision {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(account) ?? { tokens: REQUESTS_BURST, atMs: nowMs };
    const tokens = Math.min(REQUESTS_BURST, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * REQUESTS_PER_SEC);
    const allowed = tokens >= 1;
    bucket.tokens = allowed ? tokens - 1 : tokens;
    bucket.atMs = nowMs;
    this.#buckets.delete(account);
    this.#buckets.set(account, bucket);
    this.#forget(nowMs);
    return {
      allowed,
      limitPerMin: REQUESTS_PER_SEC * 60,
      remaining: Math.floor(bucket.tokens),
      resetMs: ((REQUESTS_BURST - bucket.tokens) / REQUESTS_PER_SEC) * 1000,
      retryAfterSec: Math.max(1, Math.ceil((1 - bucket.tokens) / REQUESTS_PER_SEC)),
    };
  }

  /** Accounts that are remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Full buckets go, and the oldest where there are too many. Each bucket is visited once after its last use. */
  #forget(nowMs: number): void {
    for (const [account, { atMs }] of this.#buckets) {
      if (nowMs - atMs < REFILL_MS && this.#buckets.size <= this.#accountsMax) return;
      this.#buckets.delete(account);
    }
  }
}

/** A duration as OpenAI's `x-ratelimit-reset-*` headers write it: `0s`, `20ms`, `1s`, `6m0s`, `1h0m0s`. Rounded up. */
export function formatReset(durationMs: number): string {
  const ms = Math.ceil(durationMs);
  if (ms <= 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  const sec = Math.ceil(ms / 1000);
  const [hours, minutes, seconds] = [Math.floor(sec / 3600), Math.floor((sec % 3600) / 60), sec % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
