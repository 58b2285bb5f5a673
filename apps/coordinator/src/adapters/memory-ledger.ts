import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Cap, Counted } from "../ledger/caps.ts";
import { LedgerBook, type HoldState } from "../ledger/book.ts";
import { CLEARING_DAYS_DEFAULT, firstUnclearedDay, withdrawable } from "../ledger/clearing.ts";
import type { EarningsQuery, EarningsRow } from "../ledger/earnings.ts";
import type { Balances } from "../ledger/journal.ts";
import { leaseOf, type Lease } from "../ledger/lease.ts";
import { creditRoom, type Move } from "../ledger/moves.ts";
import { RECEIPT_LIFE_MS, type HoldTerms, type Ledger, type LedgerFault, type UsageRow } from "../ledger/port.ts";
import type { HoldId, Settlement, Shares, Totals } from "../ledger/settlement.ts";

/** The ledger's book with nothing behind it: for tests and networks in one process. */
export class MemoryLedger implements Ledger {
  readonly #book: LedgerBook;
  readonly #lease: Lease;

  constructor(book: LedgerBook = new LedgerBook(), lease: Lease = leaseOf("memory", "1")) {
    this.#book = book;
    this.#lease = lease;
  }

  async credit(creditId: string, account: AccountId, amount: MicroUsd, _at: number): Promise<void> {
    this.#book.move(creditId, { kind: "grant", account, amount });
  }

  async book(ref: string, move: Move, at: number): Promise<void> {
    this.#book.move(ref, move, firstUnclearedDay(at, CLEARING_DAYS_DEFAULT));
  }

  async hold(terms: HoldTerms): Promise<void> {
    this.#book.hold(terms, this.#lease);
  }

  async settle(holdId: HoldId, settlement: Settlement): Promise<MicroUsd> {
    return this.#book.settle(holdId, settlement);
  }

  settleLater(holdId: HoldId, settlement: Settlement): void {
    this.#book.settle(holdId, settlement);
  }

  async spendKey(holdId: HoldId): Promise<void> {
    this.#book.spendKey(holdId);
  }

  loseAnswer(holdId: HoldId): void {
    this.#book.loseAnswer(holdId);
  }

  async shares(): Promise<Shares> {
    return this.#book.shares();
  }

  async assertWritable(): Promise<void> {}

  async creditRoom(account: AccountId): Promise<MicroUsd> {
    return microUsd(creditRoom(this.#book.credited(account)));
  }

  async totals(account: AccountId): Promise<Totals> {
    return this.#book.totals(account);
  }

  async balances(account: AccountId): Promise<Balances> {
    return this.#book.balances(account);
  }

  async earnings(account: AccountId, query: EarningsQuery): Promise<EarningsRow[]> {
    return this.#book.earnings(account, query);
  }

  async withdrawable(account: AccountId, now: number): Promise<bigint> {
    const uncleared = this.#book.uncleared(account, firstUnclearedDay(now, CLEARING_DAYS_DEFAULT));
    return withdrawable(this.#book.balances(account), uncleared);
  }

  async uncleared(account: AccountId, sinceDay: number): Promise<bigint> {
    return this.#book.uncleared(account, sinceDay);
  }

  async counted(caps: readonly Pick<Cap, "subject" | "reset">[], at: number): Promise<Counted[]> {
    return caps.map((cap) => this.#book.counted(cap, at));
  }

  async usage(account: AccountId, limit: number): Promise<UsageRow[]> {
    const rows: UsageRow[] = [];
    for (const { terms, settled } of this.#book.holds) {
      if (terms.account !== account || !settled?.settlement.job) continue;
      const { job, outcome, at } = settled.settlement;
      rows.push({
        jobId: job.jobId,
        requestId: terms.requestId,
        model: terms.model,
        usage: job.usage,
        cost: settled.dues.charge,
        outcome,
        at,
      });
    }
    return rows
      .toReversed()
      .toSorted((a, b) => b.at - a.at)
      .slice(0, limit);
  }

  async receipt(account: AccountId, jobId: JobId, now: number): Promise<ReceiptDocument | undefined> {
    for (const { terms, settled } of this.#book.holds) {
      if (terms.account !== account || settled?.settlement.job?.jobId !== jobId) continue;
      const { at, job } = settled.settlement;
      return now < at + RECEIPT_LIFE_MS ? job.receipt : undefined;
    }
    return undefined;
  }

  async openLeases(): Promise<Lease[]> {
    return [...new Set(this.#open().map(({ lease }) => lease))];
  }

  async releaseOpenHolds(lease: Lease, at: number): Promise<number> {
    const theirs = this.#open().filter((hold) => hold.lease === lease);
    for (const { terms } of theirs) this.#book.settle(terms.holdId, { outcome: "crashed", charge: microUsd(0n), at });
    return theirs.length;
  }

  async check(): Promise<LedgerFault[]> {
    return this.#book.check();
  }

  #open(): HoldState[] {
    return this.#book.holds.filter(({ settled }) => !settled);
  }
}
