import type { Clock } from "./ports.ts";

/** What `within` answers when the time was over first. */
export const LATE = Symbol("late");

const over = new Error("over");

/**
 * What is wanted, or `LATE` after `waitMs` without it. Throws what `wanted` throws, and the signal's reason when it aborts
 * first. Nothing is left behind either way; what is wanted goes on by itself, and its failure afterwards is nobody's.
 */
export async function within<T>(
  clock: Clock,
  waitMs: number,
  wanted: Promise<T>,
  signal?: AbortSignal,
): Promise<T | typeof LATE> {
  const timer = new AbortController();
  const stop = () => timer.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  const late = clock.sleep(waitMs, timer.signal).then((): typeof LATE => LATE);
  try {
    return await Promise.race([wanted, late]);
  } finally {
    signal?.removeEventListener("abort", stop);
    timer.abort(over);
  }
}

/**
 * The deadlines of many who wait. Most of them are lifted or put off long before they pass, for each token of each answer: that
 * costs no timer, no signal and no promise, since one sleep of the clock, until the first of them, looks after all.
 */
export class Deadlines {
  readonly #clock: Clock;
  /** Those that are awaited, by whom they concern. */
  readonly #awaited = new Map<() => void, number>();
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #sleeping: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `passed` once, after `waitMs`. What was set for it before counts no more. */
  set(passed: () => void, waitMs: number): void {
    const atMs = this.#clock.monotonicMs() + waitMs;
    this.#awaited.set(passed, atMs);
    if (atMs < this.#wakesAtMs) this.#sleepUntil(atMs);
  }

  /** Whoever it was set for waits no longer. */
  lift(passed: () => void): void {
    this.#awaited.delete(passed);
  }

  #sleepUntil(atMs: number): void {
    this.#sleeping?.abort(over);
    this.#sleeping = new AbortController();
    this.#wakesAtMs = atMs;
    const waitMs = Math.max(0, atMs - this.#clock.monotonicMs());
    this.#clock.sleep(waitMs, this.#sleeping.signal).then(
      () => this.#wake(),
      () => undefined,
    );
  }

  #wake(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#sleeping = undefined;
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
    const due: (() => void)[] = [];
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const [passed, atMs] of this.#awaited)
      if (atMs <= nowMs) due.push(passed);
      else nextAtMs = Math.min(nextAtMs, atMs);
    if (nextAtMs < Number.POSITIVE_INFINITY) this.#sleepUntil(nextAtMs);
    for (const passed of due) {
      // What one of them does may lift or put off another.
      if ((this.#awaited.get(passed) ?? Number.POSITIVE_INFINITY) > nowMs) continue;
      this.#awaited.delete(passed);
      passed();
    }
  }
}
