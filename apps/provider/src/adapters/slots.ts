/**
 * Hands out a fixed set of things, one holder each, first come first served. How many may wait is for
 * whoever admits them to bound.
 */
export class Slots<Item> {
  readonly #free: Item[];
  readonly #waiting = new Set<(item: Item) => void>();

  constructor(items: readonly Item[]) {
    this.#free = [...items];
  }

  /** Rejects with the signal's reason when it aborts before one is free. */
  async take(signal: AbortSignal): Promise<Item> {
    signal.throwIfAborted();
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const { promise, resolve, reject } = Promise.withResolvers<Item>();
    const leave = () => {
      this.#waiting.delete(resolve);
      reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    this.#waiting.add(resolve);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  give(item: Item): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      return next(item);
    }
    this.#free.push(item);
  }
}
