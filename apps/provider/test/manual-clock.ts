import type { Clock } from "@darkbloom/protocol/ports";

const START_MS = Date.UTC(2026, 0, 1);
/** Turns of the real event loop after which nothing more follows from what has happened so far. */
const TURNS_UNTIL_QUIET = 8;

/** Lets everything that is ready happen, without any time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_UNTIL_QUIET; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs = 0;
  /** How far somebody has set the wall clock forward, or back. */
  setByMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly fire: () => void }>();

  now(): number {
    return START_MS + this.#nowMs + this.setByMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = { dueMs: this.#nowMs + ms, fire: resolve };
    this.#timers.add(timer);
    signal?.addEventListener("abort", resolve.bind(undefined, undefined), { once: true });
    await promise;
    this.#timers.delete(timer);
    signal?.throwIfAborted();
  }

  /** Lets so much time pass, one timer after the other. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].toSorted((a, b) => a.dueMs - b.dueMs);
      if (!next || next.dueMs > untilMs) break;
      this.#nowMs = next.dueMs;
      this.#timers.delete(next);
      next.fire();
      await settle();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}
