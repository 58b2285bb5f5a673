import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId, KeyId, ModelId, RequestId } from "@darkbloom/protocol/ids";
import type { MicroUsd, Usage } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Cap, Counted } from "./caps.ts";
import type { EarningsQuery, EarningsRow } from "./earnings.ts";
import type { Idempotency } from "./idempotency.ts";
import { subAccounts, type Balances } from "./journal.ts";
import type { Lease } from "./lease.ts";
import type { Move } from "./moves.ts";
import type { HoldId, Outcome, Settlement, Shares, Totals } from "./settlement.ts";

export interface HoldTerms {
  readonly holdId: HoldId;
  readonly requestId: RequestId;
  readonly account: AccountId;
  readonly keyId: KeyId;
  readonly model: ModelId;
  /** The most that this request can cost. */
  readonly amount: MicroUsd;
  /** The most that it can use, prompt and answer together. */
  readonly tokens: bigint;
  /** What bounds its key, or whoever else: it has to fit all of them. Its key's use is counted also where nothing does. */
  readonly caps: readonly Cap[];
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Where the caller sent an `Idempotency-Key`. */
  readonly idempotency?: Idempotency;
}

export interface UsageRow {
  readonly jobId: JobId;
  readonly requestId: RequestId;
  readonly model: ModelId;
  readonly usage: Usage;
  readonly cost: MicroUsd;
  readonly outcome: Outcome;
  readonly at: number;
}

/**
 * What an account's kept figures are compared with: each sub-account with the journal, and these with the rows that they sum up.
 * What was used, in money and in tokens, is a key's; earnings, those of all accounts together, are a model's.
 */
export const ledgerParts = [
  ...subAccounts,
  "open holds",
  "charged",
  "credited",
  "journal",
  "used",
  "used tokens",
  "earnings",
] as const;
export type LedgerPart = (typeof ledgerParts)[number];

export interface LedgerFault {
  /** Or a key, or a model; or the entry of the journal that does not add up to zero; or the number of an account that is not there. */
  readonly account: string;
  readonly part: LedgerPart;
  /** The kept figure above what the rows come to: micro-USD, or tokens. */
  readonly offBy: bigint;
}

/**
 * Where money lives. An adapter passes `ledgerContract` before it is used anywhere.
 *
 * - `book` is idempotent on its kind and reference; the second call moves nothing. `credit` books a grant.
 *   Where a refund or a dispute makes a debt, what was earned with that money and has not cleared never does, in the same step;
 *   where that is reinstated, it clears again as it would have.
 * - `hold` moves money from balance to held, or throws `insufficient_funds` or `account_in_debt` and moves nothing.
 *   An account that was never credited has nothing.
 *   Under an idempotency key it is refused, with nothing moved, while another request under that key runs, or where its body was
 *   another. Where an answer is owed under the key, the account is asked for nothing: the platform pays the machine's share,
 *   and no cap counts it.
 *   Or it throws `key_limit_reached`, with nothing moved, where it does not fit what is left of a cap in the window of this
 *   moment. Hold and settlement count in that window, whenever the settlement comes; what is not used is left again at once.
 * - `settle` charges at most what was held, returns the rest to the balance, and writes usage, what the machine earned and
 *   receipt, all in one durable step. It answers what was charged.
 * - Both are idempotent on the hold id: the second call changes nothing and gives the first answer.
 * - `settleLater` settles as soon as the storage takes it, and never throws: for money that goes back. Where the
 *   process ends first, the hold is released at the next start.
 * - An answer that is owed is on its way from its settlement on: until `loseAnswer`, `spendKey` or the end of this process its
 *   key is that of a request that runs.
 * - `loseAnswer` says that the answer has not left and no longer will. Only now may what is owed be asked for.
 * - `spendKey` ends what is owed under the key of this request, whether it still runs or not: its answer was delivered, or
 *   its caller left. Without a key it does nothing.
 * - `assertWritable` writes; it throws `storage_unavailable` where nothing can be written, as every other call does then.
 * - An answered call survives a crash of the process or the machine.
 * - A hold carries the lease that its ledger was made with. After `releaseOpenHolds` no hold of that lease is open; each one
 *   found was settled as `crashed`, charging nothing.
 */
export interface Ledger {
  credit(creditId: string, account: AccountId, amount: MicroUsd, at: number): Promise<void>;
  book(ref: string, move: Move, at: number): Promise<void>;
  hold(terms: HoldTerms): Promise<void>;
  settle(holdId: HoldId, settlement: Settlement): Promise<MicroUsd>;
  settleLater(holdId: HoldId, settlement: Settlement): void;
  spendKey(holdId: HoldId): Promise<void>;
  loseAnswer(holdId: HoldId): void;
  assertWritable(): Promise<void>;
  totals(account: AccountId): Promise<Totals>;
  /** Where its money stands; what is held is apart. */
  balances(account: AccountId): Promise<Balances>;
  /** The most that may be granted or paid in to it now. */
  creditRoom(account: AccountId): Promise<MicroUsd>;
  shares(): Promise<Shares>;
  /** What an account earned, by machine, model or day: days newest first, the others by what they earned, `EARNINGS_ROWS_MAX` at most. */
  earnings(account: AccountId, query: EarningsQuery): Promise<EarningsRow[]>;
  /** What it earned since that UTC day and may be withdrawn when it has cleared. */
  uncleared(account: AccountId, sinceDay: number): Promise<bigint>;
  /** What may be withdrawn of it now: 0 while something is owed. */
  withdrawable(account: AccountId, now: number): Promise<bigint>;
  /** What counts against caps in their windows of this moment, each for itself. */
  counted(caps: readonly Pick<Cap, "subject" | "reset">[], at: number): Promise<Counted[]>;
  /** Newest first. */
  usage(account: AccountId, limit: number): Promise<UsageRow[]>;
  /** Only for the account that paid; undefined once its time has passed. */
  receipt(account: AccountId, jobId: JobId, now: number): Promise<ReceiptDocument | undefined>;
  /** Every lease that holds something, also of coordinators that live. */
  openLeases(): Promise<Lease[]>;
  releaseOpenHolds(lease: Lease, at: number): Promise<number>;
  /** Sums the journal and the rows again; every figure that differs. Empty is the only good answer. */
  check(): Promise<LedgerFault[]>;
}

/** Whether the storage took nothing, so that the same call may do better later. */
export function isStorageFailure(error: unknown): boolean {
  return error instanceof NetworkError && error.failure.code === "storage_unavailable";
}

/** How long a receipt is kept where the operator says nothing. */
export const RECEIPT_LIFE_MS = 90 * 24 * 60 * 60_000;
/** After this a settlement is added to the sums of its day, and no longer listed. */
export const USAGE_LIFE_MS = 400 * 24 * 60 * 60_000;
