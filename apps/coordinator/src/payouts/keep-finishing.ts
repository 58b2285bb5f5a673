import type { Clock } from "@darkbloom/protocol/ports";
import type { PayoutDesk } from "./desk.ts";

/** How often it is looked for withdrawals that were cut off, and how many of them a round finishes. */
export const FINISH_EVERY_MS = 60_000;
export const FINISH_ROWS_MAX = 100;

/** Rounds until it is disposed of. @param failed hears of what could not be finished; the next round tries again */
export function keepFinishing(desk: PayoutDesk, clock: Clock, failed: (error: unknown) => void): AsyncDisposable {
  const stop = new AbortController();
  const rounds = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await desk.finish(FINISH_ROWS_MAX, failed).catch(failed);
      await clock.sleep(FINISH_EVERY_MS, stop.signal).catch(() => undefined);
    }
  };
  const finished = rounds();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await finished;
    },
  };
}
