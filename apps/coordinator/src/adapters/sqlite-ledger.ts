import type { DatabaseSync } from "node:sqlite";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import { OUTSIDE, PLATFORM, setAside, settleUnwritten, sharesOf, totalsOf, type Balances } from "../ledger/journal.ts";
import type { Lease } from "../ledger/lease.ts";
import { CLEARING_DAYS_DEFAULT, firstUnclearedDay, withdrawable } from "../ledger/clearing.ts";
import { creditedOf, creditRoom, moveOf, newDebtOf, type Credited, type Move } from "../ledger/moves.ts";
import { OpenHolds, type OpenHold } from "../ledger/open-holds.ts";
import { RECEIPT_LIFE_MS, type HoldTerms, type Ledger, type LedgerFault, type UsageRow } from "../ledger/port.ts";
import type { HoldId, Settlement, Shares, Totals } from "../ledger/settlement.ts";
import { assertAllFit, type Cap, type Counted } from "../ledger/caps.ts";
import type { EarningsQuery, EarningsRow } from "../ledger/earnings.ts";
import type { Idempotency } from "../ledger/idempotency.ts";
import { lookThroughApart } from "./database-check.ts";
import type { CommitCount } from "./database-mark.ts";
import type { Disk } from "./disk-sync.ts";
import { GroupCommit } from "./group-commit.ts";
import { LEDGER_CHECK_MS_MAX, ROWS_PER_STEP_MAX, type LedgerOptions } from "./ledger-options.ts";
import { OwedSettlements } from "./owed-settlements.ts";
import { SqliteEarnings } from "./sqlite-earnings.ts";
import { SqliteIdempotencyKeys } from "./sqlite-idempotency-keys.ts";
import { SqliteJournal } from "./sqlite-journal.ts";
import { ledgerSql } from "./sqlite-ledger-sql.ts";
import { SqliteSettlements } from "./sqlite-settlements.ts";
import { SqliteUsed } from "./sqlite-used.ts";
import { bigintOf } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";
import { readStorage, STORAGE_RETRY_SEC, throwAsStorageFailure } from "./storage-failure.ts";

/** What it shares with others over the same database. */
export interface SqliteLedgerOptions extends LedgerOptions {
  readonly mark?: CommitCount | undefined;
  readonly disk?: Disk | undefined;
  readonly open?: OpenHolds;
}

/**
 * The ledger in SQLite, by the rules of `ledger/journal.ts`. The process that has the folder's lock alone writes it, so holds
 * are kept in its memory and written with their end. A call reads what stands and posts its entry in one transaction that
 * gives up no turn, on the database's one connection; the tables refuse a balance below zero besides. Writes share commits;
 * reads see what is committed, and what is held.
 */
export class SqliteLedger implements Ledger, AsyncDisposable {
  readonly #group: GroupCommit;
  readonly #sql: Prepared<keyof typeof ledgerSql>;
  readonly #journal: SqliteJournal;
  readonly #keys: SqliteIdempotencyKeys;
  readonly #used: SqliteUsed;
  readonly #earnings: SqliteEarnings;
  readonly #settlements: SqliteSettlements;
  readonly #open: OpenHolds;
  readonly #lease: Lease;
  readonly #clearingDays: number;
  readonly #database: DatabaseSync;
  readonly #owed: OwedSettlements;
  /** Whoever asks while one runs gets what that one finds. */
  #checking: Promise<LedgerFault[]> | undefined;
  readonly #closing = new AbortController();

  /** @param database opened by `openDatabase`; closing it stays with whoever opened it */
  constructor(
    database: DatabaseSync,
    {
      lease,
      receiptLifeMs = RECEIPT_LIFE_MS,
      clearingDays = CLEARING_DAYS_DEFAULT,
      mark,
      disk,
      open,
    }: SqliteLedgerOptions,
  ) {
    this.#clearingDays = clearingDays;
    this.#database = database;
    this.#lease = lease;
    this.#open = open ?? new OpenHolds();
    this.#journal = new SqliteJournal(database);
    this.#used = new SqliteUsed(database, this.#open);
    this.#earnings = new SqliteEarnings(database);
    this.#owed = new OwedSettlements((holdId, settlement) => this.settle(holdId, settlement));
    this.#keys = new SqliteIdempotencyKeys(database, (holdId) => this.#open.get(holdId) !== undefined);
    this.#sql = prepareAll(database, ledgerSql, "bigints");
    this.#settlements = new SqliteSettlements({
      sql: this.#sql,
      journal: this.#journal,
      keys: this.#keys,
      used: this.#used,
      earnings: this.#earnings,
      receiptLifeMs,
    });
    this.#group = new GroupCommit(database, {
      mark,
      disk,
      written: () => {
        this.#journal.write();
        this.#used.write();
        this.#earnings.write();
      },
      ended: (isCommitted) => {
        this.#used.ended();
        this.#earnings.ended();
        const moved = this.#journal.ended();
        if (isCommitted) for (const [account, figures] of moved) this.#open.rewritten(account, figures);
      },
    });
  }

  credit(creditId: string, account: AccountId, amount: MicroUsd, at: number): Promise<void> {
    return this.book(creditId, { kind: "grant", account, amount }, at);
  }

  book(ref: string, move: Move, at: number): Promise<void> {
    const { kind, account } = move;
    return this.#group.run(() => {
      if (this.#journal.knows(kind, ref)) return () => {};
      // What is held is written as if it were not, and is not there to be taken.
      const left = this.#open.overlay(account, this.#journal.figures(account));
      const sinceDay = firstUnclearedDay(at, this.#clearingDays);
      const uncleared = {
        ownPaid: move.kind === "pass" ? this.#earnings.uncleared(account, 0, move.to) : 0n,
        all: move.kind === "withdraw" ? this.#earnings.uncleared(account, sinceDay) : 0n,
      };
      const { entry, credited } = moveOf(move, left, this.#credited(account), uncleared);
      return () => {
        this.#journal.post(entry, at, ref);
        this.#journal.flow(account, { credited });
        const payableOf = (one: AccountId) => this.#journal.figures(one).payable;
        const owed = newDebtOf(account, entry);
        this.#earnings.freeze(ref, { debtor: account, owed, sinceDay }, payableOf);
        if (kind === "reinstate") this.#earnings.unfreeze(ref);
        if (move.kind === "pass") this.#earnings.pass(account, move.to);
      };
    });
  }

  async hold(terms: HoldTerms): Promise<void> {
    // Nobody's work begins that could not be paid for: where nothing could be written last, that is tried first.
    if (this.#group.isRefused) await this.assertWritable();
    if (terms.idempotency) return await this.#holdUnderKey(terms, terms.idempotency);
    readStorage(() => {
      if (!this.#knows(terms.holdId)) this.#take(terms, false);
    });
  }

  settle(holdId: HoldId, settlement: Settlement): Promise<MicroUsd> {
    let ended: { readonly hold: OpenHold; readonly written: Balances } | undefined;
    return this.#group.run(
      () => {
        const hold = this.#open.get(holdId);
        if (!hold) {
          const charged = this.#settlements.chargeOf(holdId);
          return () => charged;
        }
        const { dues, entry } = settleUnwritten(hold.holding, settlement);
        return () => {
          this.#settlements.write(hold, settlement, dues, entry);
          ended = { hold, written: this.#open.end(hold) };
          return dues.charge;
        };
      },
      () => {
        if (!ended) return;
        const { hold, written } = ended;
        this.#open.take(hold, () => written);
      },
    );
  }

  settleLater(holdId: HoldId, settlement: Settlement): void {
    this.#owed.add(holdId, settlement);
  }

  spendKey(holdId: HoldId): Promise<void> {
    return this.#group.run(() => () => this.#keys.spend(holdId));
  }

  loseAnswer(holdId: HoldId): void {
    this.#keys.lose(holdId);
  }

  async shares(): Promise<Shares> {
    return readStorage(() => {
      const charged = bigintOf(this.#sql.charged.get() ?? {}, "charged");
      return sharesOf(charged, this.#journal.figures(PLATFORM));
    });
  }

  async assertWritable(): Promise<void> {
    await this.#group.run(() => () => this.#sql.probe.run());
  }

  async totals(account: AccountId): Promise<Totals> {
    return readStorage(() => {
      const figures = this.#journal.figures(account);
      return totalsOf(this.#open.overlay(account, figures), figures);
    });
  }

  async balances(account: AccountId): Promise<Balances> {
    return readStorage(() => this.#open.overlay(account, this.#journal.figures(account)));
  }

  async earnings(account: AccountId, query: EarningsQuery): Promise<EarningsRow[]> {
    return readStorage(() => this.#earnings.query(account, query));
  }

  async withdrawable(account: AccountId, now: number): Promise<bigint> {
    return readStorage(() => {
      const uncleared = this.#earnings.uncleared(account, firstUnclearedDay(now, this.#clearingDays));
      return withdrawable(this.#open.overlay(account, this.#journal.figures(account)), uncleared);
    });
  }

  async uncleared(account: AccountId, sinceDay: number): Promise<bigint> {
    return readStorage(() => this.#earnings.uncleared(account, sinceDay));
  }

  async counted(caps: readonly Pick<Cap, "subject" | "reset">[], at: number): Promise<Counted[]> {
    return readStorage(() => caps.map((cap) => this.#used.counted(cap, at)));
  }

  async creditRoom(account: AccountId): Promise<MicroUsd> {
    return readStorage(() => microUsd(creditRoom(this.#credited(account))));
  }

  async usage(account: AccountId, limit: number): Promise<UsageRow[]> {
    return readStorage(() => this.#settlements.usage(account, limit));
  }

  async receipt(account: AccountId, jobId: JobId, now: number): Promise<ReceiptDocument | undefined> {
    return readStorage(() => this.#settlements.receipt(account, jobId, now))?.();
  }

  async openLeases(): Promise<Lease[]> {
    return this.#open.leases();
  }

  async releaseOpenHolds(lease: Lease, at: number): Promise<number> {
    for (let released = 0; ;) {
      const step = this.#open.of(lease, ROWS_PER_STEP_MAX);
      const crashed: Settlement = { outcome: "crashed", charge: microUsd(0n), at };
      await Promise.all(step.map(({ terms }) => this.settle(terms.holdId, crashed)));
      released += step.length;
      if (step.length < ROWS_PER_STEP_MAX) return released;
    }
  }

  /**
   * Sums the journal again, sub-account by sub-account, and the settlements, grants and deposits; and compares. Then the same of what is
   * held, which is in this memory. Requests go on meanwhile.
   */
  check(): Promise<LedgerFault[]> {
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #check(): Promise<LedgerFault[]> {
    const look = { msMax: LEDGER_CHECK_MS_MAX, signal: this.#closing.signal };
    const found = await lookThroughApart(this.#database, "books", look).catch(throwAsStorageFailure);
    if (!found || found.isDamaged)
      throw new NetworkError({
        code: "storage_unavailable",
        fault: found ? "damaged" : "busy",
        retryAfterSec: STORAGE_RETRY_SEC,
      });
    return [
      ...found.faults.map((fault) => ({ ...fault, offBy: BigInt(fault.offBy) })),
      ...readStorage(() => this.#open.faults((account) => this.#journal.figures(account))),
    ];
  }

  /** Adds up to `ROWS_PER_STEP_MAX` settlements that are old enough, and their entries, to the sums of their day, and answers how many. */
  rollUpUsage(now: number): Promise<number> {
    return this.#group.run(() => () => this.#settlements.rollUp(now));
  }

  /** Deletes up to `ROWS_PER_STEP_MAX` receipts whose time is over, and answers how many. */
  deleteExpiredReceipts(now: number): Promise<number> {
    return this.#group.run(() => () => this.#settlements.deleteExpiredReceipts(now));
  }

  /** Forgets up to `ROWS_PER_STEP_MAX` idempotency keys whose time is over, and answers how many. */
  deleteExpiredKeys(now: number): Promise<number> {
    return this.#group.run(() => () => this.#keys.deleteExpired(now, ROWS_PER_STEP_MAX));
  }

  /** Adds up to `ROWS_PER_STEP_MAX` days of use that are in no window any more, each to its key's sum, and answers how many. */
  addUpUsed(now: number): Promise<number> {
    return this.#group.run(() => () => this.#used.addUp(now, ROWS_PER_STEP_MAX));
  }

  /** Forgets up to `ROWS_PER_STEP_MAX` days of earnings of which all has cleared, whatever the operator says, and answers how many. */
  deleteCleared(now: number): Promise<number> {
    return this.#group.run(() => () => this.#earnings.deleteCleared(now, ROWS_PER_STEP_MAX));
  }

  /** Commits what still waits for the end of the turn. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#checking?.catch(() => undefined);
    const ended = this.#owed.end();
    this.#group.flush();
    await ended;
  }

  #credited(account: AccountId): Credited {
    return creditedOf(this.#journal.figures(account).credited, this.#journal.figures(OUTSIDE));
  }

  #knows(holdId: HoldId): boolean {
    return this.#open.get(holdId) !== undefined || this.#settlements.isSettled(holdId);
  }

  #take(terms: HoldTerms, isFree: boolean): OpenHold {
    const { account, amount } = terms;
    if (!isFree) assertAllFit(terms, (cap) => this.#used.counted(cap, terms.at));
    // What is known of who holds something is from before the group under way, in which the same account may have been charged.
    const moved = this.#journal.moved(account);
    const left = moved
      ? this.#open.overlay(account, moved)
      : (this.#open.left(account) ?? this.#journal.figures(account));
    const hold: OpenHold = { terms, lease: this.#lease, holding: setAside(amount, account, left, isFree) };
    this.#open.take(hold, (payer) => this.#journal.figures(payer));
    return hold;
  }

  /** A key is durable before its request runs, so that it stands for that one body from then on. */
  #holdUnderKey(terms: HoldTerms, idempotency: Idempotency): Promise<void> {
    const { holdId, account, at } = terms;
    let taken: OpenHold | undefined;
    return this.#group.run(
      () => {
        if (this.#knows(holdId)) return () => {};
        const isFree = this.#keys.isFree(account, idempotency, at);
        const hold = this.#take(terms, isFree);
        taken = hold;
        return () => this.#keys.begin(account, idempotency, { holdId, at, isFree });
      },
      () => {
        if (taken) this.#open.end(taken);
        taken = undefined;
      },
    );
  }
}
