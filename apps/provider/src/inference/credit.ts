import { ANSWER_WINDOW_BYTES } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import { LATE, within } from "@darkbloom/protocol/time";

/** How long an answer waits for a caller who takes nothing. Then it is given up. */
export const BACKPRESSURE_WAIT_MS = 120_000;

/** The caller took nothing for too long. */
export class CreditTimeout extends Error {
  override readonly name = "CreditTimeout";
}

/**
 * How many sealed bytes of one answer may still be sent. The answer runs ahead of its reader by no more
 * than that; then it waits, and the model with it. More than a window is never meant, whatever a coordinator gives.
 */
export class Credit {
  readonly #clock: Clock;
  #bytes: number;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, bytes: number) {
    this.#clock = clock;
    this.#bytes = withinWindow(bytes);
  }

  /** Whether a frame of so many bytes may be sent now. */
  allows(bytes: number): boolean {
    return this.#bytes >= bytes;
  }

  give(bytes: number): void {
    this.#bytes = withinWindow(this.#bytes + bytes);
    this.#wake?.();
  }

  /** Takes credit, waiting for it if need be. Throws CreditTimeout, or the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (!this.allows(bytes)) {
      const { promise: given, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      try {
        if ((await within(this.#clock, BACKPRESSURE_WAIT_MS, given, signal)) === LATE) throw new CreditTimeout();
      } finally {
        this.#wake = undefined;
      }
    }
    this.#bytes -= bytes;
  }
}

const withinWindow = (bytes: number): number => Math.min(bytes, ANSWER_WINDOW_BYTES);
