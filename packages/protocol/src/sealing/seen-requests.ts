import { CLOCK_SKEW_MS, ENVELOPE_LIFE_MS } from "../limits.ts";

/** Requests remembered against replay, until they expire. A caller holds at most as many as are free: alone half of all. */
const REQUESTS_SEEN_MAX = 200_000;

/** `over_share`: it may be new, and can be taken once some that its caller sent before have expired. */
export type Seen = "new" | "again" | "over_share";

interface Remembered {
  readonly expiresMs: number;
  readonly caller: string;
}

/**
 * The ids of requests that a provider has opened, so that none is opened twice.
 *
 * Whoever holds as many as are free is refused: with n who take what they can, each holds one part in n + 1 and as much stays
 * free, so that who asks for less is served. None is forgotten before its time, whatever its caller is called.
 */
export class SeenRequests {
  readonly #byId = new Map<string, Remembered>();
  readonly #heldByCaller = new Map<string, number>();
  /** Whatever expired by then may have been forgotten; a clock that is set back must not bring it back. */
  #forgottenUntilMs = Number.NEGATIVE_INFINITY;

  /** Whether one that expires then would still be known. */
  remembers(expiresMs: number): boolean {
    return expiresMs > this.#forgottenUntilMs;
  }

  /** A new one is remembered from now on. @param caller what tells its callers apart, by whatever name */
  take(id: string, expiresMs: number, nowMs: number, caller: string): Seen {
    this.#forgetExpired(nowMs);
    if (this.#byId.has(id)) return "again";
    const held = this.#heldByCaller.get(caller) ?? 0;
    if (held >= REQUESTS_SEEN_MAX - this.#byId.size) return "over_share";
    this.#byId.set(id, { expiresMs, caller });
    this.#heldByCaller.set(caller, held + 1);
    return "new";
  }

  /**
   * Ids come in about the order in which they expire. One from when the clock was ahead would keep all after it here: each time
   * one of those is put last, so that they hold up nothing for long.
   */
  #forgetExpired(nowMs: number): void {
    let isOnePutLast = false;
    for (const [id, remembered] of this.#byId) {
      const isAhead = remembered.expiresMs > nowMs + ENVELOPE_LIFE_MS + CLOCK_SKEW_MS;
      if (remembered.expiresMs < nowMs - CLOCK_SKEW_MS) this.#forget(id, remembered);
      else if (isAhead && !isOnePutLast) {
        isOnePutLast = true;
        this.#byId.delete(id);
        this.#byId.set(id, remembered);
      } else break;
    }
  }

  #forget(id: string, { expiresMs, caller }: Remembered): void {
    this.#byId.delete(id);
    this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, expiresMs);
    const held = (this.#heldByCaller.get(caller) ?? 0) - 1;
    if (held > 0) this.#heldByCaller.set(caller, held);
    else this.#heldByCaller.delete(caller);
  }
}
