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

  /**
   * Rejects with the signal's reason when it aborts before one is free.
   *
   * @param choose one of those that are free, least recently used first; without it the last one. Who
   *   had to wait takes what comes.
   */
  async take(signal: AbortSignal, choose?: (free: readonly Item[]) => Item): Promise<Item> {
    signal.throwIfAborted();
    if (this.#free.length > 0) {
      const at = choose ? this.#free.indexOf(choose(this.#free)) : -1;
      const [free] = this.#free.splice(at, 1);
      if (free !== undefined) return free;
    }
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
