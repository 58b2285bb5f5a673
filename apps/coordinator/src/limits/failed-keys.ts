import type { Clock } from "@darkbloom/protocol/ports";

/** Wrong keys that one address may show at once, and how soon it may show one more. */
export const WRONG_KEYS_BURST = 20;
export const WRONG_KEY_EVERY_MS = 3_000;
/** Addresses whose wrong keys are remembered; beyond it the one that was quiet longest starts afresh. */
export const WRONG_KEY_ADDRESSES_MAX = 10_000;
/** Keys that were right lately; they pass even where their address has shown too many wrong ones. */
export const RIGHT_KEYS_MAX = 10_000;

interface Failures {
  count: number;
  atMs: number;
}

/**
 * Bounds what an address can cost with wrong keys, before any key is looked up. Only failures count, and a key that was
 * right lately passes whatever others behind the same address do.
 */
export class FailedKeys {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #failures = new Map<string, Failures>();
  readonly #right = new Set<string>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** @returns seconds to wait where this key is not to be looked up now, else undefined */
  waitSec(address: string, keyHash: string): number | undefined {
    if (this.#right.has(keyHash)) return undefined;
    const count = this.#countNow(address);
    if (count <= WRONG_KEYS_BURST - 1) return undefined;
    return Math.max(1, Math.ceil(((count - (WRONG_KEYS_BURST - 1)) * WRONG_KEY_EVERY_MS) / 1000));
  }

  wrong(address: string, keyHash: string): void {
    this.#right.delete(keyHash);
    const count = this.#countNow(address) + 1;
    put(this.#failures, address, { count, atMs: this.#clock.monotonicMs() });
    trim(this.#failures, WRONG_KEY_ADDRESSES_MAX);
  }

  right(keyHash: string): void {
    this.#right.delete(keyHash);
    this.#right.add(keyHash);
    trim(this.#right, RIGHT_KEYS_MAX);
  }

  /** Addresses that are remembered now. */
  get size(): number {
    return this.#failures.size;
  }

  #countNow(address: string): number {
    const known = this.#failures.get(address);
    if (!known) return 0;
    return Math.max(0, known.count - (this.#clock.monotonicMs() - known.atMs) / WRONG_KEY_EVERY_MS);
  }
}

/** At the end, so that the first is always the one that was quiet longest. */
function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
}

function trim(kept: Map<string, unknown> | Set<string>, most: number): void {
  for (const oldest of kept.keys()) {
    if (kept.size <= most) return;
    kept.delete(oldest);
  }
}
