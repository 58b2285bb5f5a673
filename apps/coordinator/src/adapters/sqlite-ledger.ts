import type { DatabaseSync } from "node:sqlite";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId, ModelId, RequestId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { receiptDocument, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import {
  creditRoom,
  grant,
  hold,
  OUTSIDE,
  partsSum,
  PLATFORM,
  setAside,
  settle,
  sharesOf,
  totalsOf,
  type Credited,
  type Holding,
} from "../ledger/journal.ts";
import type { Lease } from "../ledger/lease.ts";
import {
  isStorageFailure,
  RECEIPT_LIFE_MS,
  USAGE_LIFE_MS,
  type HoldTerms,
  type Ledger,
  type LedgerFault,
  type UsageRow,
} from "../ledger/port.ts";
import {
  outcomes,
  type HoldId,
  type Outcome,
  type Settlement,
  type Shares,
  type Totals,
} from "../ledger/settlement.ts";
import { lookThroughApart } from "./database-check.ts";
import type { CommitCount } from "./database-mark.ts";
import { GroupCommit } from "./group-commit.ts";
import { packReceipt, unpackReceipt } from "./receipt-pack.ts";
import { SqliteIdempotencyKeys } from "./sqlite-idempotency-keys.ts";
import { SqliteJournal } from "./sqlite-journal.ts";
import { ledgerSql } from "./sqlite-ledger-sql.ts";
import { bigintOf, moneyOf, prepareAll, textOf, type Prepared, type Row } from "./sqlite-rows.ts";
import { readStorage, STORAGE_RETRY_SEC, throwAsStorageFailure } from "./storage-failure.ts";

/** Receipts, settlements and open holds that one transaction moves or deletes, so that nobody waits long behind it. */
export const ROWS_PER_STEP_MAX = 500;

/** A check of the books that takes longer is ended: the log grows for as long as somebody reads. */
export const LEDGER_CHECK_MS_MAX = 30 * 60_000;

/** A settlement that the storage did not take is tried again this often. */
export const SETTLE_RETRY_MS = 1_000;

/**
 * The ledger in SQLite, by the rules of `ledger/journal.ts`. A call reads what stands and posts its entry in one transaction that
 * gives up no turn, on the database's one connection; the tables refuse a balance below zero besides. Writes share commits;
 * reads see what is committed.
 */
export class SqliteLedger implements Ledger, AsyncDisposable {
  readonly #group: GroupCommit;
  readonly #sql: Prepared<keyof typeof ledgerSql>;
  readonly #journal: SqliteJournal;
  readonly #keys: SqliteIdempotencyKeys;
  readonly #lease: Lease;
  readonly #receiptLifeMs: number;
  readonly #database: DatabaseSync;
  /** What the storage did not take yet. No more than the holds that were open when it failed. */
  readonly #owed = new Map<HoldId, Settlement>();
  #retry: NodeJS.Timeout | undefined;
  /** Whoever asks while one runs gets what that one finds. */
  #checking: Promise<LedgerFault[]> | undefined;
  readonly #closing = new AbortController();

  /**
   * @param database opened by `openDatabase`; closing it stays with whoever opened it
   * @param how.lease of this coordinator's life: every hold carries it
   * @param how.receiptLifeMs how long receipts that are written from now on are kept
   */
  constructor(database: DatabaseSync, how: { lease: Lease; receiptLifeMs?: number | undefined; mark?: CommitCount }) {
    this.#receiptLifeMs = how.receiptLifeMs ?? RECEIPT_LIFE_MS;
    this.#database = database;
    this.#group = new GroupCommit(database, how.mark);
    this.#lease = how.lease;
    this.#journal = new SqliteJournal(database);
    this.#keys = new SqliteIdempotencyKeys(database);
    this.#sql = prepareAll(database, ledgerSql, "bigints");
  }

  credit(creditId: string, account: AccountId, amount: MicroUsd, at: number): Promise<void> {
    return this.#group.run(() => {
      if (this.#journal.knows("grant", creditId)) return;
      this.#journal.post(grant(account, amount, this.#credited(account)), at, creditId);
      this.#journal.flow(account, { credited: amount });
    });
  }

  hold(terms: HoldTerms): Promise<void> {
    return this.#group.run(() => {
      const { holdId, requestId, account, keyId, model, amount, at, idempotency } = terms;
      if (this.#sql.knowsHold.get({ hold_id: holdId })) return;
      const isFree = idempotency !== undefined && this.#keys.isFree(account, idempotency, at);
      const holding = setAside(amount, account, this.#journal.figures(account, true), isFree);
      const entry = this.#journal.post(hold(holding), at);
      if (idempotency) this.#keys.begin(account, idempotency, { holdId, at, isFree });
      const { granted, paid_in: paidIn, earned } = holding.parts;
      const [named, taken] = [
        [holdId, requestId, account, keyId, model, this.#lease],
        [granted, paidIn, earned],
      ];
      this.#sql.addHold.run(...named, Number(isFree), ...taken, entry, at);
    });
  }

  settle(holdId: HoldId, settlement: Settlement): Promise<MicroUsd> {
    return this.#group.run(() => this.#settle(holdId, settlement));
  }

  settleLater(holdId: HoldId, settlement: Settlement): void {
    this.#owed.set(holdId, settlement);
    // It must not keep a process alive: what it leaves open, the next start releases.
    this.#retry ??= setTimeout(() => this.#settleOwed(), SETTLE_RETRY_MS).unref();
  }

  spendKey(holdId: HoldId): Promise<void> {
    return this.#group.run(() => this.#keys.spend(holdId));
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
    await this.#group.run(() => this.#sql.probe.run());
  }

  async totals(account: AccountId): Promise<Totals> {
    return readStorage(() => {
      const figures = this.#journal.figures(account);
      return totalsOf(figures, figures);
    });
  }

  async creditRoom(account: AccountId): Promise<MicroUsd> {
    return readStorage(() => microUsd(creditRoom(this.#credited(account))));
  }

  async usage(account: AccountId, limit: number): Promise<UsageRow[]> {
    return readStorage(() => this.#sql.usage.all(account, limit).map(usageRowOf));
  }

  async receipt(account: AccountId, jobId: JobId, now: number): Promise<ReceiptDocument | undefined> {
    const row = readStorage(() => this.#sql.receipt.get(jobId, account, now));
    if (!row) return undefined;
    const { packed } = row;
    if (packed instanceof Uint8Array) return unpackReceipt(packed);
    return receiptDocument.parse(JSON.parse(textOf(row, "document")));
  }

  async openLeases(): Promise<Lease[]> {
    return readStorage(() => this.#sql.openLeases.all().map((row) => textOf(row, "lease") as Lease));
  }

  async releaseOpenHolds(lease: Lease, at: number): Promise<number> {
    for (let released = 0; ;) {
      const step = await this.#group.run(() => {
        const open = this.#sql.openHolds.all(lease, ROWS_PER_STEP_MAX);
        for (const row of open)
          this.#settle(textOf(row, "hold_id") as HoldId, { outcome: "crashed", charge: microUsd(0n), at });
        return open.length;
      });
      released += step;
      if (step < ROWS_PER_STEP_MAX) return released;
    }
  }

  /**
   * Sums the journal again, sub-account by sub-account, and the open holds, settlements and grants; and compares. Requests go
   * on meanwhile.
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
    return found.faults.map((fault) => ({ ...fault, offBy: BigInt(fault.offBy) }));
  }

  /** Adds up to `ROWS_PER_STEP_MAX` settlements that are old enough, and their entries, to the sums of their day, and answers how many. */
  rollUpUsage(now: number): Promise<number> {
    return this.#group.run(() => {
      const old = this.#sql.oldSettlements.all({ rows: ROWS_PER_STEP_MAX, until: now - USAGE_LIFE_MS });
      for (const row of old) {
        this.#sql.addToDay.run(bigintOf(row, "seq"));
        const { hold_entry: holdEntry, entry } = row;
        if (typeof entry === "bigint")
          this.#journal.fold(typeof holdEntry === "bigint" ? holdEntry : null, entry, bigintOf(row, "at"));
        this.#sql.deleteSettlement.run(bigintOf(row, "seq"));
      }
      return old.length;
    });
  }

  /** Deletes up to `ROWS_PER_STEP_MAX` receipts whose time is over, and answers how many. */
  deleteExpiredReceipts(now: number): Promise<number> {
    return this.#group.run(() => Number(this.#sql.deleteReceipts.run(now, ROWS_PER_STEP_MAX).changes));
  }

  /** Forgets up to `ROWS_PER_STEP_MAX` idempotency keys whose time is over, and answers how many. */
  deleteExpiredKeys(now: number): Promise<number> {
    return this.#group.run(() => this.#keys.deleteExpired(now, ROWS_PER_STEP_MAX));
  }

  /** Commits what still waits for the end of the turn. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#retry);
    this.#closing.abort();
    await this.#checking?.catch(() => undefined);
    for (const [holdId, settlement] of this.#owed) void this.settle(holdId, settlement).catch(() => undefined);
    this.#group.flush();
  }

  #credited(account: AccountId): Credited {
    return {
      account: this.#journal.figures(account).credited,
      network: -this.#journal.figures(OUTSIDE).granted,
    };
  }

  #settleOwed(): void {
    this.#retry = undefined;
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const [holdId, settlement] of owed)
      this.settle(holdId, settlement).catch((error: unknown) => {
        if (isStorageFailure(error)) this.settleLater(holdId, settlement);
      });
  }

  #settle(holdId: HoldId, settlement: Settlement): MicroUsd {
    const row = this.#sql.takeHold.get(holdId);
    if (!row) {
      const settled = this.#sql.chargeOf.get(holdId);
      if (!settled) throw new RangeError("a settlement without a hold");
      return moneyOf(settled, "charge");
    }
    const account = textOf(row, "account") as AccountId;
    const holding: Holding = {
      payer: row["by_platform"] === 1n ? PLATFORM : account,
      parts: { granted: bigintOf(row, "granted"), paid_in: bigintOf(row, "paid_in"), earned: bigintOf(row, "earned") },
    };
    const { dues, entry } = settle(holding, settlement);
    const { charge, earned, paidByPlatform } = dues;
    const { outcome, at, job } = settlement;
    this.#sql.addSettlement.run({
      hold_id: holdId,
      request_id: textOf(row, "request_id"),
      account,
      key_id: textOf(row, "key_id"),
      model: textOf(row, "model"),
      held: holding.payer === account ? partsSum(holding.parts) : 0n,
      held_at: bigintOf(row, "at"),
      outcome,
      charge,
      at,
      job_id: job?.jobId ?? null,
      serial: job?.serial ?? null,
      prompt_tokens: job?.usage.promptTokens ?? null,
      cached_tokens: job?.usage.cachedTokens ?? null,
      completion_tokens: job?.usage.completionTokens ?? null,
      reasoning_tokens: job?.usage.reasoningTokens ?? null,
      earned: job ? earned : null,
      paid_by_platform: paidByPlatform,
      hold_entry: row["entry"] ?? null,
      entry: this.#journal.post(entry, at),
    });
    this.#keys.settled(holdId, outcome, charge);
    if (charge > 0n) this.#journal.flow(account, { charged: charge });
    if (job?.receipt) {
      const packed = packReceipt(job.receipt);
      this.#sql.addReceipt.run(job.jobId, account, packed, job.receiptSha256 ?? null, at + this.#receiptLifeMs);
    }
    return charge;
  }
}

function usageRowOf(row: Row): UsageRow {
  return {
    jobId: textOf(row, "job_id") as JobId,
    requestId: textOf(row, "request_id") as RequestId,
    model: textOf(row, "model") as ModelId,
    usage: {
      promptTokens: Number(bigintOf(row, "prompt_tokens")),
      cachedTokens: Number(bigintOf(row, "cached_tokens")),
      completionTokens: Number(bigintOf(row, "completion_tokens")),
      reasoningTokens: Number(bigintOf(row, "reasoning_tokens")),
    },
    cost: moneyOf(row, "charge"),
    outcome: outcomeOf(textOf(row, "outcome")),
    at: Number(bigintOf(row, "at")),
  };
}

function outcomeOf(word: string): Outcome {
  const outcome = outcomes.find((known) => known === word);
  if (outcome === undefined) throw new TypeError("the database holds an outcome that is not ours");
  return outcome;
}
