import type { Clock } from "@darkbloom/protocol/ports";
import { ROWS_PER_STEP_MAX } from "./ledger-options.ts";

/** How often receipts and settlements whose time is over are looked for. */
const RECEIPT_SWEEP_EVERY_MS = 60 * 60_000;
/** Between two steps of one sweep, so that requests pass in between. */
const RECEIPT_SWEEP_PAUSE_MS = 50;

/** Of what grows old: each deletes or adds up so many rows at most, and answers how many. */
interface Sweeps {
  deleteExpiredReceipts(now: number): Promise<number>;
  rollUpUsage(now: number): Promise<number>;
  deleteExpiredKeys(now: number): Promise<number>;
  addUpUsed(now: number): Promise<number>;
  deleteCleared(now: number): Promise<number>;
}

interface Upkeep {
  readonly clock: Clock;
  readonly onSweepError: (error: unknown) => void;
  /** Done before the first step of each hour. */
  readonly first?: () => void;
}

/** Deletes old receipts and keys and adds old settlements up, in small steps, now and every hour, until it is disposed of. */
export function keepUp(ledger: Sweeps, { clock, onSweepError, first }: Upkeep): AsyncDisposable {
  const stop = new AbortController();
  const sweep = async (): Promise<void> => {
    let isFirstStep = true;
    while (!stop.signal.aborted) {
      if (isFirstStep) first?.();
      const now = clock.now();
      const steps = Promise.all([
        ledger.deleteExpiredReceipts(now),
        ledger.rollUpUsage(now),
        ledger.deleteExpiredKeys(now),
        ledger.addUpUsed(now),
        ledger.deleteCleared(now),
      ]);
      const more = await steps.then(
        (rows) => rows.includes(ROWS_PER_STEP_MAX),
        (error: unknown) => {
          onSweepError(error);
          return false;
        },
      );
      isFirstStep = !more;
      await clock.sleep(more ? RECEIPT_SWEEP_PAUSE_MS : RECEIPT_SWEEP_EVERY_MS, stop.signal).catch(() => undefined);
    }
  };
  const swept = sweep();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await swept;
    },
  };
}
