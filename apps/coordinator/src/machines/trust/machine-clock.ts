import { CLOCK_SKEW_MS } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";

/**
 * The time that a coordinator and one machine share: what the last challenge said, and what a monotonic clock has counted
 * since. Both ends keep it, so that no clock that is set while they talk changes what is still in force between them.
 */
export class MachineClock {
  readonly #clock: Pick<Clock, "now" | "monotonicMs">;
  #told: { readonly wallMs: number; readonly atMs: number };
  #offsetMs = 0;

  constructor(clock: Pick<Clock, "now" | "monotonicMs">) {
    this.#clock = clock;
    this.#told = { wallMs: clock.now(), atMs: clock.monotonicMs() };
  }

  /** Milliseconds since 1970, in the shared time. */
  now(): number {
    return this.#told.wallMs + this.#clock.monotonicMs() - this.#told.atMs;
  }

  /** The time that goes out with a challenge, from which both count on. */
  tell(): number {
    this.#told = { wallMs: this.#clock.now(), atMs: this.#clock.monotonicMs() };
    return this.#told.wallMs;
  }

  /**
   * By how much the machine's clock is ahead, by the time in its answer to the last challenge. It has answered at some moment
   * since; the one that speaks for it counts.
   */
  offsetOf(answeredAt: number): number {
    const most = answeredAt - this.#told.wallMs;
    const least = answeredAt - this.now();
    return Math.min(most, Math.max(0, least));
  }

  /** Keeps what was measured. */
  measured(offsetMs: number): void {
    this.#offsetMs = offsetMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Others could not check the machine's evidence by their own clocks. */
  get isOff(): boolean {
    return isOff(this.#offsetMs);
  }
}

export const isOff = (offsetMs: number): boolean => Math.abs(offsetMs) > CLOCK_SKEW_MS;
