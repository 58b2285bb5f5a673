import type { AccountId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";

/** Sustained requests of one account. What the hosted network of this API grants. */
export const REQUESTS_PER_SEC = 20;
/** Requests that an account may send at once after a pause. */
export const REQUESTS_BURST = 120;
/** Sustained requests of one address without a key, and at once: a verifier that looks at everything, an office behind one address. */
export const OPEN_REQUESTS_PER_SEC = 50;
export const OPEN_REQUESTS_BURST = 500;
/** Accounts, and addresses, whose buckets are remembered; beyond it the one that was quiet longest starts afresh. */
export const RATE_ACCOUNTS_MAX = 100_000;

/** What every account is granted; an operator may set another rate. */
export interface RequestRate {
  /** Sustained, above zero. */
  readonly requestsPerSec?: number | undefined;
  /** At once after a pause, at least 1. */
  readonly requestsBurst?: number | undefined;
}

/** What one address is granted on routes that ask for no key. */
export const openRate: RequestRate = { requestsPerSec: OPEN_REQUESTS_PER_SEC, requestsBurst: OPEN_REQUESTS_BURST };

/** One decision and the figures that the caller is told with it. */
export interface RateDecision {
  readonly allowed: boolean;
  /** Whole requests that are allowed at once when the bucket is full: what `remaining` counts down from. */
  readonly limit: number;
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

/** A token bucket for each account, or address. Buckets are kept in the order of their last use, the oldest first. */
export class RateLimiter<Who extends string = AccountId> {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #perSec: number;
  readonly #burst: number;
  /** A bucket that was left alone for this long is full again, so that forgetting it changes nothing. */
  readonly #refillMs: number;
  readonly #accountsMax: number;
  readonly #buckets = new Map<Who, Bucket>();

  /** @throws RangeError for a rate that would never let a request through */
  constructor(
    clock: Pick<Clock, "monotonicMs">,
    { requestsPerSec = REQUESTS_PER_SEC, requestsBurst = REQUESTS_BURST }: RequestRate = {},
    accountsMax: number = RATE_ACCOUNTS_MAX,
  ) {
    if (!(requestsPerSec > 0) || !(requestsBurst >= 1)) throw new RangeError("a request rate lets nothing through");
    this.#clock = clock;
    this.#perSec = requestsPerSec;
    this.#burst = requestsBurst;
    this.#refillMs = (requestsBurst / requestsPerSec) * 1000;
    this.#accountsMax = accountsMax;
  }

  /** How long until one is allowed; undefined where one is now. Takes nothing. */
  waitSec(who: Who): number | undefined {
    const bucket = this.#buckets.get(who);
    const tokens = bucket ? this.#tokensOf(bucket, this.#clock.monotonicMs()) : this.#burst;
    return tokens >= 1 ? undefined : this.#secUntilOne(tokens);
  }

  /** Takes one request out of the bucket if there is one in it. */
  take(who: Who): RateDecision {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(who) ?? { tokens: this.#burst, atMs: nowMs };
    const tokens = this.#tokensOf(bucket, nowMs);
    const allowed = tokens >= 1;
    bucket.tokens = allowed ? tokens - 1 : tokens;
    bucket.atMs = nowMs;
    this.#keep(who, bucket, nowMs);
    return {
      allowed,
      limit: Math.floor(this.#burst),
      remaining: Math.floor(bucket.tokens),
      resetMs: ((this.#burst - bucket.tokens) / this.#perSec) * 1000,
      retryAfterSec: this.#secUntilOne(bucket.tokens),
    };
  }

  /** Takes one out whether there is one in it or not: at most as many are owed as it holds. */
  spend(who: Who): void {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(who);
    const tokens = bucket ? this.#tokensOf(bucket, nowMs) : this.#burst;
    this.#keep(who, { tokens: Math.max(-this.#burst, tokens - 1), atMs: nowMs }, nowMs);
  }

  /** Puts back what was spent. */
  restore(who: Who): void {
    const bucket = this.#buckets.get(who);
    if (bucket) bucket.tokens += 1;
  }

  #keep(who: Who, bucket: Bucket, nowMs: number): void {
    this.#buckets.delete(who);
    this.#buckets.set(who, bucket);
    this.#forget(nowMs);
  }

  #tokensOf({ tokens, atMs }: Bucket, nowMs: number): number {
    return Math.min(this.#burst, tokens + ((nowMs - atMs) / 1000) * this.#perSec);
  }

  #secUntilOne(tokens: number): number {
    return Math.max(1, Math.ceil((1 - tokens) / this.#perSec));
  }

  /** Accounts that are remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Full buckets go, and the oldest where there are too many. Each bucket is visited once after its last use. */
  #forget(nowMs: number): void {
    for (const [account, bucket] of this.#buckets) {
      const isFull = nowMs - bucket.atMs >= this.#refillMs && this.#tokensOf(bucket, nowMs) === this.#burst;
      if (!isFull && this.#buckets.size <= this.#accountsMax) return;
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
