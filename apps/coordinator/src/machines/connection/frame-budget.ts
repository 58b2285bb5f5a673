import type { Clock } from "@darkbloom/protocol/ports";

/** Frames that a machine may send at once and sustained, beside those that its attempts need. */
export const FRAMES_BURST = 500;
export const FRAMES_PER_SEC = 20;
/** What one attempt adds, for its closing and whatever comes beside it: its answer's pieces have a window of their own. */
export const FRAMES_PER_ATTEMPT = 16;
/** A longer frame counts as several. A binary one, whose records are not pieces of answers, is counted by its bytes. */
export const FRAME_UNIT_CHARS = 16 * 1024;

/** Bounds the work that one machine's frames cost. It is spent by each frame and grows with time and with attempts. */
export class FrameBudget {
  readonly #clock: Pick<Clock, "monotonicMs">;
  #left = FRAMES_BURST;
  #atMs: number;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  /** @returns false where the machine has sent too much */
  spend(chars: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    // Attempts may have lifted it above what time alone grants.
    const granted = ((nowMs - this.#atMs) / 1000) * FRAMES_PER_SEC;
    this.#left = Math.max(this.#left, Math.min(FRAMES_BURST, this.#left + granted));
    this.#atMs = nowMs;
    this.#left -= costOf(chars);
    return this.#left >= 0;
  }

  /** For a new attempt. */
  grant(): void {
    this.#left += FRAMES_PER_ATTEMPT;
  }

  /** A piece of an answer, which its window bounds, costs nothing here. */
  giveBack(chars: number): void {
    this.#left += costOf(chars);
  }
}

const costOf = (chars: number): number => 1 + Math.floor(chars / FRAME_UNIT_CHARS);
