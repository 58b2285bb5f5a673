import type { Clock } from "@darkbloom/protocol/ports";

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

const START_MS = Date.UTC(2026, 0, 1);
/** Turns of the real event loop after which nothing more follows from what has happened so far. */
const TURNS_UNTIL_QUIET = 4;

/** Lets everything that is ready happen, without any time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_UNTIL_QUIET; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to go on; then timers fire in the order in which they are due. */
export class SimulatedClock implements Clock {
  #nowMs = 0;
  #setByMs = 0;
  #timers: Timer[] = [];

  now(): number {
    return START_MS + this.#nowMs + this.#setByMs;
  }
  /** Somebody sets the wall clock; no time passes. */
  set(byMs: number): void {
    this.#setByMs += byMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(signal?.reason);
      };
      const fire = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const timer: Timer = { dueMs: this.#nowMs + ms, fire };
      signal?.addEventListener("abort", leave, { once: true });
      this.#timers.push(timer);
    });
  }

  /** Lets so much time pass. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#next(); next && next.dueMs <= untilMs; next = this.#next()) await this.#fire(next);
    this.#nowMs = untilMs;
    await settle();
  }

  /** Lets time pass until the promise has settled, and gives what it settled to. Throws after `maxMs` of it. */
  async until<T>(wanted: Promise<T>, maxMs: number): Promise<T> {
    const state = { done: false };
    const settled = wanted.finally(() => void (state.done = true));
    settled.catch(() => {});
    const untilMs = this.#nowMs + maxMs;
    await settle();
    for (let next = this.#next(); !state.done; next = this.#next()) {
      if (!next || next.dueMs > untilMs) throw new RangeError(`nothing came of it in ${maxMs} simulated ms`);
      await this.#fire(next);
    }
    return settled;
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (first, timer) => (first && first.dueMs <= timer.dueMs ? first : timer),
      undefined,
    );
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers = this.#timers.filter((other) => other !== timer);
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    timer.fire();
    await settle();
  }
}
