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
