import type { Clock } from "@darkbloom/protocol/ports";
import { within } from "@darkbloom/protocol/time";

/**
 * Hands what one side puts in, in order, to one reader who waits for it. Bounded by whoever puts: the
 * session counts bytes against the credit that it gave.
 */
export class Mailbox<Item extends object> {
  readonly #clock: Clock;
  readonly #items: Item[] = [];
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** The last that was put in and not yet taken. */
  get newest(): Item | undefined {
    return this.#items.at(-1);
  }

  /** The next item, or undefined after `waitMs` without one. Throws the signal's reason when it aborts. */
  async take(waitMs: number, signal?: AbortSignal): Promise<Item | undefined> {
    signal?.throwIfAborted();
    const ready = this.#items.shift();
    if (ready) return ready;

    const { promise: put, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    try {
      await within(this.#clock, waitMs, put, signal);
    } finally {
      this.#wake = undefined;
    }
    return this.#items.shift();
  }

  /** All that was put in and not yet taken. */
  rest(): Item[] {
    return this.#items.splice(0);
  }
}
