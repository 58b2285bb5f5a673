import { CLOCK_SKEW_MS } from "../limits.ts";

/** Requests remembered against replay, until they expire. When full, new ones are refused. */
const REQUESTS_SEEN_MAX = 100_000;

/** The ids of requests that a provider has opened, so that none is opened twice. */
export class SeenRequests {
  readonly #expiryById = new Map<string, number>();
  /** Whatever expired by then may have been forgotten; a clock that is set back must not bring it back. */
  #forgottenUntilMs = Number.NEGATIVE_INFINITY;

  /** Whether one that expires then would still be known. */
  remembers(expiresMs: number): boolean {
    return expiresMs > this.#forgottenUntilMs;
  }

  /** Whether it was not seen, and can be remembered from now on. */
  isNew(id: string, expiresMs: number, nowMs: number): boolean {
    // Ids come in about the order in which they expire.
    for (const [seen, seenExpiresMs] of this.#expiryById) {
      if (seenExpiresMs >= nowMs - CLOCK_SKEW_MS) break;
      this.#expiryById.delete(seen);
      this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, seenExpiresMs);
    }
    if (this.#expiryById.has(id) || this.#expiryById.size >= REQUESTS_SEEN_MAX) return false;
    this.#expiryById.set(id, expiresMs);
    return true;
  }
}
