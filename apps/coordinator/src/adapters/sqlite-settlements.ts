import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";
import { receiptDocument, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { subjectsOf, useOf } from "../ledger/caps.ts";
import { earningOf } from "../ledger/earnings.ts";
import { partsSum, PLATFORM, type Dues, type Entry } from "../ledger/journal.ts";
import type { OpenHold } from "../ledger/open-holds.ts";
import { USAGE_LIFE_MS, type UsageRow } from "../ledger/port.ts";
import type { HoldId, Settlement } from "../ledger/settlement.ts";
import { dayOf } from "../ledger/windows.ts";
import { ROWS_PER_STEP_MAX } from "./ledger-options.ts";
import { packReceipt, unpackReceipt } from "./receipt-pack.ts";
import { bigintOf, moneyOf, textOf } from "./rows.ts";
import type { SqliteEarnings } from "./sqlite-earnings.ts";
import type { SqliteIdempotencyKeys } from "./sqlite-idempotency-keys.ts";
import type { SqliteJournal } from "./sqlite-journal.ts";
import type { ledgerSql } from "./sqlite-ledger-sql.ts";
import type { Prepared } from "./sqlite-statements.ts";
import type { SqliteUsed } from "./sqlite-used.ts";
import { usageRowOf } from "./usage-row.ts";

interface Books {
  readonly sql: Prepared<keyof typeof ledgerSql>;
  readonly journal: SqliteJournal;
  readonly keys: SqliteIdempotencyKeys;
  readonly used: SqliteUsed;
  readonly earnings: SqliteEarnings;
  readonly receiptLifeMs: number;
}

/** How requests ended, and their receipts: a row each, which old ones are added up from. Whoever writes here has a transaction open. */
export class SqliteSettlements {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  isSettled(holdId: HoldId): boolean {
    return this.#books.sql.chargeOf.get(holdId) !== undefined;
  }

  /** @throws RangeError where it is not settled */
  chargeOf(holdId: HoldId): MicroUsd {
    const settled = this.#books.sql.chargeOf.get(holdId);
    if (!settled) throw new RangeError("a settlement without a hold");
    return moneyOf(settled, "charge");
  }

  usage(account: AccountId, limit: number): UsageRow[] {
    return this.#books.sql.usage.all(account, limit).map(usageRowOf);
  }

  receipt(account: AccountId, jobId: JobId, now: number): (() => ReceiptDocument) | undefined {
    const row = this.#books.sql.receipt.get(jobId, account, now);
    if (!row) return undefined;
    const { packed } = row;
    return () =>
      packed instanceof Uint8Array ? unpackReceipt(packed) : receiptDocument.parse(JSON.parse(textOf(row, "document")));
  }

  /** What a settlement is in every book. */
  write({ terms, holding }: OpenHold, settlement: Settlement, dues: Dues, entry: Entry): void {
    const { sql, journal, keys, used, earnings, receiptLifeMs } = this.#books;
    const { holdId, requestId, account, keyId, model, at: heldAt } = terms;
    const { outcome, at, job } = settlement;
    const { charge, earned, paidByPlatform } = dues;
    const use = useOf(terms, holding.payer === PLATFORM, charge, job?.usage);
    const held = holding.payer === account ? partsSum(holding.parts) : 0n;
    const usage = job?.usage;
    journal.open(account);
    const named = [holdId, requestId, account, keyId, model, held, heldAt, outcome, charge, at];
    const ofJob = [job?.jobId ?? null, job?.serial ?? null];
    const tokens = [
      usage?.promptTokens ?? null,
      usage?.cachedTokens ?? null,
      usage?.completionTokens ?? null,
      usage?.reasoningTokens ?? null,
    ];
    const booked = [job ? earned : null, paidByPlatform, journal.post(entry, at)];
    const { lastInsertRowid: seq } = sql.addSettlement.run(...named, ...ofJob, ...tokens, ...booked, use.tokens);
    for (const subject of subjectsOf(terms)) used.add(subject, dayOf(heldAt), use);
    const earning = earningOf(terms, settlement, dues);
    if (earning) earnings.add(earning);
    if (terms.idempotency) keys.settled(holdId, outcome, charge);
    if (charge > 0n) journal.flow(account, { charged: charge });
    if (job?.receipt) sql.addReceipt.run(seq, packReceipt(job.receipt), job.receiptSha256 ?? null, at + receiptLifeMs);
  }

  /** Adds up to `ROWS_PER_STEP_MAX` that are old enough, and their entries, to the sums of their day, and answers how many. */
  rollUp(now: number): number {
    const { sql, journal } = this.#books;
    const old = sql.oldSettlements.all({ rows: ROWS_PER_STEP_MAX, until: now - USAGE_LIFE_MS });
    for (const row of old) {
      sql.addToDay.run(bigintOf(row, "seq"));
      const { hold_entry: holdEntry, entry } = row;
      if (typeof entry === "bigint")
        journal.fold(typeof holdEntry === "bigint" ? holdEntry : null, entry, bigintOf(row, "at"));
      sql.deleteSettlement.run(bigintOf(row, "seq"));
    }
    return old.length;
  }

  /** Deletes up to `ROWS_PER_STEP_MAX` receipts whose time is over, and answers how many. */
  deleteExpiredReceipts(now: number): number {
    return Number(this.#books.sql.deleteReceipts.run(now, ROWS_PER_STEP_MAX).changes);
  }
}
