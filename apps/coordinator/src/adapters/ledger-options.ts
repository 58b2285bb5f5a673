import type { Lease } from "../ledger/lease.ts";

/** Receipts, settlements and open holds that one step moves or deletes, so that nobody waits long behind it. */
export const ROWS_PER_STEP_MAX = 500;

/** A check of the books that takes longer is ended: the log grows for as long as somebody reads. */
export const LEDGER_CHECK_MS_MAX = 30 * 60_000;

/** What a ledger needs to know, in either database. */
export interface LedgerOptions {
  /** Of this coordinator's life: every hold carries it. */
  readonly lease: Lease;
  /** How long receipts that are written from now on are kept. */
  readonly receiptLifeMs?: number | undefined;
  /** How long what was earned is kept from being withdrawn; `CLEARING_DAYS_DEFAULT` where nothing is said. */
  readonly clearingDays?: number | undefined;
}
