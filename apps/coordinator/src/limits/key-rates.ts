import type { KeyId } from "@darkbloom/protocol/ids";
import { mostOf } from "@darkbloom/protocol/lists";
import type { Clock } from "@darkbloom/protocol/ports";

/** Keys whose rates are remembered; beyond it the one that was quiet longest starts afresh. */
export const KEY_RATES_MAX = 100_000;

const MS_PER_MINUTE = 60_000;
const ROUNDED_BY = 0.001;

/** What a key may do in a minute. Null bounds nothing. */
export interface KeyRates {
  readonly requests: number | null;
  readonly promptTokens: number | null;
  readonly answerTokens: number | null;
}

/** What one request takes, or took in the end. */
export type RateUse = { readonly [Kind in keyof KeyRates]: number };

const kinds = ["requests", "promptTokens", "answerTokens"] as const satisfies readonly (keyof KeyRates)[];
const tokenKinds = ["promptTokens", "answerTokens"] as const;

/** What was taken and has not run off yet. */
interface Level {
  taken: { -readonly [Kind in keyof RateUse]: number };
  /** On the monotonic clock. */
  atMs: number;
  /** By then all of it has run off, where nothing more is taken. */
  emptyAtMs: number;
}

/** What a rate refuses a request by. */
export interface RateRefusal {
  readonly rate: keyof KeyRates;
  /** After so long the same is allowed, where nothing else is asked. */
  readonly retryAfterSec: number;
}

/** What a request has taken: it gives back what it did not use, once it is known. */
export interface Taken extends Disposable {
  /** What it used in the end; without it, of tokens nothing. */
  used(use: Omit<RateUse, "requests">): void;
}

const nothingTaken: Taken = { used: () => {}, [Symbol.dispose]: () => {} };

/**
 * Rates of keys, in requests and tokens a minute. Each is a bucket as large as its minute that runs off evenly. A request takes the
 * most tokens that it can use and gives back what it did not; one that can use more than a whole minute's is let in once the
 * bucket is empty, and those behind it wait for as long as it takes.
 */
export class RatedKeys {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #keysMax: number;
  /** In the order of their last use, the oldest first. */
  readonly #levels = new Map<KeyId, Level>();

  constructor(clock: Pick<Clock, "monotonicMs">, keysMax: number = KEY_RATES_MAX) {
    this.#clock = clock;
    this.#keysMax = keysMax;
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.#levels.size;
  }

  /**
   * Takes all of it, or nothing.
   *
   * @returns what gives the rest back
   */
  take(key: KeyId, rates: KeyRates, most: RateUse): Taken | RateRefusal {
    if (kinds.every((kind) => rates[kind] === null)) return nothingTaken;
    const nowMs = this.#clock.monotonicMs();
    const level = this.#levels.get(key) ?? {
      taken: { requests: 0, promptTokens: 0, answerTokens: 0 },
      atMs: nowMs,
      emptyAtMs: nowMs,
    };
    runOff(level, rates, nowMs);
    const waits = kinds.map((rate) => ({ rate, waitMs: waitMsOf(level.taken[rate], rates[rate], most[rate]) }));
    const { rate, waitMs } = waits.reduce((one, other) => (other.waitMs > one.waitMs ? other : one));
    if (waitMs > 0) return { rate, retryAfterSec: Math.max(1, Math.ceil(waitMs / 1000)) };
    for (const kind of kinds) if (rates[kind] !== null) level.taken[kind] += most[kind];
    level.emptyAtMs = nowMs + mostOf(kinds.map((kind) => runOffMsOf(level.taken[kind], rates[kind])));
    this.#keep(key, level, nowMs);
    return this.#taken(key, level, rates, most);
  }

  #taken(key: KeyId, level: Level, rates: KeyRates, most: RateUse): Taken {
    let used: Omit<RateUse, "requests"> = { promptTokens: 0, answerTokens: 0 };
    return {
      used: (use) => {
        used = use;
      },
      [Symbol.dispose]: () => {
        // Of a key that was forgotten meanwhile there is nothing to give back to.
        if (this.#levels.get(key) !== level) return;
        for (const kind of tokenKinds)
          if (rates[kind] !== null)
            level.taken[kind] = Math.max(0, level.taken[kind] - Math.max(0, most[kind] - used[kind]));
      },
    };
  }

  #keep(key: KeyId, level: Level, nowMs: number): void {
    this.#levels.delete(key);
    this.#levels.set(key, level);
    for (const [old, { emptyAtMs }] of this.#levels) {
      if (emptyAtMs > nowMs && this.#levels.size <= this.#keysMax) return;
      this.#levels.delete(old);
    }
  }
}

/** A rate that was changed meanwhile runs off what was taken at the new one. */
function runOff(level: Level, rates: KeyRates, nowMs: number): void {
  const minutes = (nowMs - level.atMs) / MS_PER_MINUTE;
  for (const kind of kinds) {
    const rate = rates[kind];
    level.taken[kind] = rate === null ? 0 : Math.max(0, level.taken[kind] - minutes * rate);
  }
  level.atMs = nowMs;
}

/** Until so much more fits; zero: now. What is more than the whole rate fits where nothing is taken. */
function waitMsOf(taken: number, rate: number | null, most: number): number {
  if (rate === null || most === 0) return 0;
  const waitMs = runOffMsOf(taken + Math.min(most, rate) - rate, rate);
  // Less is what fractions of tokens were rounded by.
  return waitMs < ROUNDED_BY ? 0 : waitMs;
}

const runOffMsOf = (taken: number, rate: number | null): number => (rate === null ? 0 : (taken / rate) * MS_PER_MINUTE);
