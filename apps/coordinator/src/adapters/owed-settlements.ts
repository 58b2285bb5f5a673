import { isStorageFailure, type Ledger } from "../ledger/port.ts";
import type { HoldId, Settlement } from "../ledger/settlement.ts";

/** A settlement that the storage did not take is tried again this often. */
export const SETTLE_RETRY_MS = 1_000;

/** What the storage did not take yet. No more than the holds that were open when it failed. */
export class OwedSettlements {
  readonly #settle: Ledger["settle"];
  readonly #owed = new Map<HoldId, Settlement>();
  #retry: NodeJS.Timeout | undefined;

  constructor(settle: Ledger["settle"]) {
    this.#settle = settle;
  }

  add(holdId: HoldId, settlement: Settlement): void {
    this.#owed.set(holdId, settlement);
    // It must not keep a process alive: what it leaves open, the next start releases.
    this.#retry ??= setTimeout(() => this.#settleAll(), SETTLE_RETRY_MS).unref();
  }

  /** Whoever asked for it settles it after all. */
  forget(holdId: HoldId): void {
    this.#owed.delete(holdId);
  }

  /** The last try. */
  async end(): Promise<void> {
    clearTimeout(this.#retry);
    const tried = [...this.#owed].map(([holdId, settlement]) => this.#settle(holdId, settlement));
    await Promise.allSettled(tried);
  }

  #settleAll(): void {
    this.#retry = undefined;
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const [holdId, settlement] of owed)
      this.#settle(holdId, settlement).catch((error: unknown) => {
        if (isStorageFailure(error)) this.add(holdId, settlement);
      });
  }
}
