import type { Deadlines } from "@darkbloom/protocol/time";

/** Who waits for the next item. */
interface Taker<Item> {
  readonly give: (item: Item | undefined) => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * Hands what one side puts in, in order, to one reader who waits for it. Bounded by whoever puts: the
 * session counts bytes against the credit that it gave.
 */
export class Mailbox<Item extends object> {
  readonly #deadlines: Deadlines;
  readonly #items: Item[] = [];
  #taker: Taker<Item> | undefined;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  put(item: Item): void {
    if (this.#taker) this.#leave().give(item);
    else this.#items.push(item);
  }

  /** The last that was put in and not yet taken. */
  get newest(): Item | undefined {
    return this.#items.at(-1);
  }

  /** Whether what is put in now is taken in this turn. */
  get isAwaited(): boolean {
    return this.#taker !== undefined;
  }

  /** The next item, or undefined after `waitMs` without one. */
  take(waitMs: number): Promise<Item | undefined> {
    const ready = this.#items.shift();
    if (ready) return Promise.resolve(ready);
    return new Promise((give, refuse) => {
      this.#taker = { give, refuse };
      this.#deadlines.set(this.#late, waitMs);
    });
  }

  /** Whoever waits is refused, and for this reason. */
  interrupt(reason: unknown): void {
    this.#leave().refuse(reason);
  }

  /** All that was put in and not yet taken. */
  rest(): Item[] {
    return this.#items.splice(0);
  }

  readonly #late = (): void => this.#leave().give(undefined);

  #leave(): Taker<Item> {
    const taker = this.#taker ?? nobody;
    this.#taker = undefined;
    this.#deadlines.lift(this.#late);
    return taker;
  }
}

const nobody = { give: () => undefined, refuse: () => undefined };
