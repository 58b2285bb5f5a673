import { toBase64Url } from "@darkbloom/protocol/bytes";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { hashOfKey } from "./keys.ts";

/** For somebody to find a mail, or to sign in elsewhere. */
export const BEGUN_LIFE_MS = 10 * 60_000;
/** Of one address: of more, its own oldest goes. And of all together: of more, the oldest goes. */
export const BEGUN_PER_ADDRESS_MAX = 20;
export const BEGUN_MAX = 10_000;
const SECRET_BYTES = 32;

interface Tools {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

interface Kept<What> {
  readonly what: What;
  readonly address: string;
  readonly untilMs: number;
}

/**
 * Sign-ins that a browser has begun and not ended. The browser has a secret for each, in a cookie, and whatever ends it must
 * come with that: what somebody else has begun is of no use to it. In this process alone, by the secret's hash.
 */
export class Begun<What> {
  readonly #tools: Tools;
  /** The oldest first. */
  readonly #kept = new Map<Sha256Hex, Kept<What>>();
  readonly #byAddress = new Map<string, Set<Sha256Hex>>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  newSecret(): string {
    return toBase64Url(this.#tools.random.bytes(SECRET_BYTES));
  }

  /** @param address where it was begun from, by which it is bounded */
  keep(secret: string, address: string, what: What): void {
    const nowMs = this.#tools.clock.monotonicMs();
    this.#makeRoom(nowMs, address);
    const hash = this.#hashOf(secret);
    this.#kept.set(hash, { what, address, untilMs: nowMs + BEGUN_LIFE_MS });
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? new Set()).add(hash));
  }

  /** Looked at, and still there. */
  find(secret: string): What | undefined {
    const kept = this.#kept.get(this.#hashOf(secret));
    return kept && this.#tools.clock.monotonicMs() < kept.untilMs ? kept.what : undefined;
  }

  /** Once. */
  take(secret: string): What | undefined {
    const what = this.find(secret);
    this.#drop(this.#hashOf(secret));
    return what;
  }

  #makeRoom(nowMs: number, address: string): void {
    // All live as long: what is over stands first.
    for (const [hash, { untilMs }] of this.#kept) {
      if (nowMs < untilMs && this.#kept.size < BEGUN_MAX) break;
      this.#drop(hash);
    }
    const own = this.#byAddress.get(address) ?? new Set();
    for (const oldest of own.size < BEGUN_PER_ADDRESS_MAX ? [] : own.values().take(1)) this.#drop(oldest);
  }

  #drop(hash: Sha256Hex): void {
    const address = this.#kept.get(hash)?.address ?? "";
    this.#kept.delete(hash);
    const own = this.#byAddress.get(address);
    own?.delete(hash);
    if (own?.size === 0) this.#byAddress.delete(address);
  }

  #hashOf(secret: string): Sha256Hex {
    return hashOfKey(this.#tools.crypto, secret);
  }
}
