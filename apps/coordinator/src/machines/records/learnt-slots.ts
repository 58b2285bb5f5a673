/** What a machine gets of its claim before it has shown anything; so many requests does a new identity key see at once. */
export const UNKNOWN_SLOTS_MAX = 4;
/** More than so many are given for first contents only as answers were finished: to begin at once and then to stall is cheap. */
export const UNFINISHED_SLOTS_MAX = 64;
/** First content is slow that takes so much longer than a machine needs when it has little to do. */
const SLOW_FACTOR = 3;
const SLOW_MARGIN_MS = 500;
/** After it was slow, more at once are tried again after this, and after twice as long each further time. */
const SLOWED_MS_MIN = 30_000;
const SLOWED_MS_MAX = 600_000;

/** One answer's beginning, among others. */
export interface BeganAmong {
  readonly firstContentMs: number;
  /** Of this machine for such a prompt; undefined where nothing like it was measured. */
  readonly expectedMs: number | undefined;
  /** Requests that ran there when this one was handed over, and that run now with it. */
  readonly besideAtStart: number;
  readonly runningNow: number;
}

/**
 * How many requests a machine is given at once: what it claims, as far as it has shown that it serves so many side by
 * side. More are tried as long as first content comes about as soon as for one alone, fewer once it does not.
 */
export class LearntSlots {
  #limit = UNKNOWN_SLOTS_MAX;
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #slowed = 0;
  #finished = 0;

  of(claimed: number): number {
    return Math.min(claimed, this.#limit);
  }

  /** @returns whether it came as soon as expected */
  began({ firstContentMs, expectedMs, besideAtStart, runningNow }: BeganAmong, nowMs: number): boolean {
    if (firstContentMs > (expectedMs ?? Number.POSITIVE_INFINITY) * SLOW_FACTOR + SLOW_MARGIN_MS) {
      // Alone it was slow for another reason than company.
      if (besideAtStart > 0) this.#reduceTo(besideAtStart, nowMs);
      return false;
    }
    if (nowMs >= this.#heldUntilMs) {
      const next = this.#slowed === 0 ? runningNow * 2 : runningNow + 1;
      this.#limit = Math.max(this.#limit, Math.min(next, Math.max(UNFINISHED_SLOTS_MAX, this.#finished)));
    }
    return true;
  }

  /** An answer came to its end, and held. */
  finished(): void {
    this.#finished++;
  }

  /** It was shut out: what it had shown shows nothing of it any more. */
  unlearn(): void {
    this.#limit = Math.min(this.#limit, UNKNOWN_SLOTS_MAX);
    this.#finished = 0;
  }

  /** It took no more work beside so much. */
  wasBusyBeside(running: number, nowMs: number): void {
    this.#reduceTo(running, nowMs);
  }

  #reduceTo(running: number, nowMs: number): void {
    const limit = Math.max(1, running);
    // Those that were handed over before say the same once more.
    if (limit >= this.#limit) return;
    this.#limit = limit;
    this.#heldUntilMs = nowMs + Math.min(SLOWED_MS_MAX, SLOWED_MS_MIN * 2 ** this.#slowed);
    this.#slowed = Math.min(this.#slowed + 1, 16);
  }
}
