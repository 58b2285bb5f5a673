import type { AccountId, JobId, ModelId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import {
  changesOf,
  nothing,
  OUTSIDE,
  PLATFORM,
  settle,
  settleUnwritten,
  sharesOf,
  totalsOf,
  type Balances,
  type Flows,
} from "../ledger/journal.ts";
import type { Lease, SharedLease } from "../ledger/lease.ts";
import { NetworkError } from "@darkbloom/protocol/failures";
import { CLEARING_DAYS_DEFAULT, firstUnclearedDay, withdrawable } from "../ledger/clearing.ts";
import { creditedOf, creditRoom, moveOf, newDebtOf, type Move } from "../ledger/moves.ts";
import {
  isStorageFailure,
  RECEIPT_LIFE_MS,
  USAGE_LIFE_MS,
  type HoldTerms,
  type Ledger,
  type LedgerFault,
  type LedgerPart,
  type UsageRow,
} from "../ledger/port.ts";
import type { HoldId, Outcome, Settlement, Shares, Totals } from "../ledger/settlement.ts";
import { useOf, type Cap, type Counted } from "../ledger/caps.ts";
import { firstKeptDay } from "../ledger/windows.ts";
import { earningOf, type EarningsQuery, type EarningsRow } from "../ledger/earnings.ts";
import { OwedSettlements } from "./owed-settlements.ts";
import { PostgresEarnings } from "./postgres-earnings.ts";
import { countedBy, holdingOf, HoldLease, PostgresHolds } from "./postgres-holds.ts";
import { PostgresIdempotencyKeys } from "./postgres-idempotency-keys.ts";
import { throwAsUnheard } from "./postgres-failure.ts";
import { STORAGE_RETRY_SEC } from "./storage-failure.ts";
import { postgresCheckSql, postgresLedgerSql as sql } from "./postgres-ledger-sql.ts";
import type { Postgres } from "./postgres.ts";
import { packReceipt, unpackReceipt } from "./receipt-pack.ts";
import { LEDGER_CHECK_MS_MAX, ROWS_PER_STEP_MAX, type LedgerOptions } from "./ledger-options.ts";
import { balancesOf, bigintOf, figuresOf, moneyOf, textOf, type Row } from "./rows.ts";
import { usageRowOf } from "./usage-row.ts";

interface PostgresLedgerOptions extends Omit<LedgerOptions, "lease"> {
  /** One that can be lost to another coordinator, where there are several. */
  readonly lease: Lease | SharedLease;
}

/**
 * The ledger in PostgreSQL, by the rules of `ledger/journal.ts`. A hold is a row, taken by one statement that looks at the
 * account's own row with nobody beside it; a settlement is one statement that takes the hold away, or does nothing. So however
 * calls interleave, and whichever is made twice since its answer was lost, money moves once; and the tables refuse a balance
 * below zero besides. Of several coordinators, one whose lease was taken away holds and settles nothing under it.
 */
export class PostgresLedger implements Ledger, AsyncDisposable {
  readonly #postgres: Postgres;
  readonly #keys = new PostgresIdempotencyKeys();
  readonly #earnings = new PostgresEarnings();
  readonly #lease: HoldLease;
  readonly #holds: PostgresHolds;
  readonly #receiptLifeMs: number;
  readonly #clearingDays: number;
  readonly #owed: OwedSettlements;

  /** @param postgres opened by `openPostgres`; closing it stays with whoever opened it */
  constructor(
    postgres: Postgres,
    { lease, receiptLifeMs = RECEIPT_LIFE_MS, clearingDays = CLEARING_DAYS_DEFAULT }: PostgresLedgerOptions,
  ) {
    this.#clearingDays = clearingDays;
    this.#postgres = postgres;
    this.#lease = new HoldLease(lease);
    this.#holds = new PostgresHolds(postgres, this.#keys, this.#lease);
    this.#receiptLifeMs = receiptLifeMs;
    this.#owed = new OwedSettlements((holdId, settlement) => this.settle(holdId, settlement));
  }

  credit(creditId: string, account: AccountId, amount: MicroUsd, at: number): Promise<void> {
    return this.book(creditId, { kind: "grant", account, amount }, at);
  }

  /** All wait for the row of the world, whose sum bounds what is credited. */
  async book(ref: string, move: Move, at: number): Promise<void> {
    const { kind, account } = move;
    await this.#postgres.transaction(async (query) => {
      const outside = figuresOf((await query(sql.lockedFigures, [OUTSIDE]))[0]);
      if ((await query(sql.knowsEntry, [kind, ref])).length > 0) return;
      await query(sql.openAccount, [account]);
      const figures = figuresOf((await query(sql.lockedFigures, [account]))[0]);
      const sinceDay = firstUnclearedDay(at, this.#clearingDays);
      const uncleared = {
        ownPaid: move.kind === "pass" ? await this.#earnings.unclearedOf(query, account, move.to) : 0n,
        all: move.kind === "withdraw" ? await this.#earnings.uncleared(query, account, sinceDay) : 0n,
      };
      const { entry, credited } = moveOf(move, figures, creditedOf(figures.credited, outside), uncleared);
      const { postings } = entry;
      if (postings.length === 0) return;
      const owed = newDebtOf(account, entry);
      await this.#earnings.freeze(query, ref, { debtor: account, owed, sinceDay });
      if (kind === "reinstate") await this.#earnings.unfreeze(query, ref);
      if (move.kind === "pass") {
        await query(sql.openAccount, [move.to]);
        await query(sql.lockedFigures, [move.to]);
        await this.#earnings.pass(query, account, move.to);
      }
      const changes = changesOf(entry);
      const accounts = [...changes.keys()];
      const moved = [...changes.values()];
      await query(sql.book, [
        kind,
        at,
        ref,
        postings.map((posting) => posting.account),
        postings.map(({ sub }) => sub),
        postings.map(({ amount }) => amount),
        accounts,
        ...(["granted", "paid_in", "earned", "payable", "withdrawing", "debt"] as const).map((sub) =>
          moved.map((change) => change[sub]),
        ),
        accounts.map((one) => (one === account ? credited : 0n)),
      ]);
    });
  }

  async hold(terms: HoldTerms): Promise<void> {
    const { holdId, at } = terms;
    this.#owed.forget(holdId);
    try {
      await this.#holds.take(terms);
    } catch (error) {
      // Its answer may have been lost behind its commit, and who is refused settles nothing.
      if (isStorageFailure(error)) this.settleLater(holdId, { outcome: "refused", charge: microUsd(0n), at });
      throw error;
    }
  }

  settle(holdId: HoldId, settlement: Settlement): Promise<MicroUsd> {
    return this.#settle(holdId, settlement, this.#lease.isShared);
  }

  /** @param isFenced it is one of ours, and nothing happens where its lease is gone */
  async #settle(holdId: HoldId, settlement: Settlement, isFenced: boolean): Promise<MicroUsd> {
    const { outcome, at, job } = settlement;
    const [row] = await this.#postgres.query(sql.openHold, [holdId, job?.earned ? job.earner?.account : null]);
    if (!row) throw new TypeError("PostgreSQL gives no row");
    if (typeof row["charge"] === "bigint") {
      if (row["hold_id"] !== null) await this.#postgres.query(sql.giveBack, [holdId]);
      return chargeOf(row, outcome, isFenced);
    }
    if (row["hold_id"] === null) throw new RangeError("a settlement without a hold");
    const holding = holdingOf(row);
    const changes = changesOf(settle(holding, settlement).entry);
    const { dues, entry } = settleUnwritten(holding, settlement);
    const { charge, earned, paidByPlatform } = dues;
    const account = textOf(row, "account") as AccountId;
    const earning = earningOf({ account, model: textOf(row, "model") as ModelId }, settlement, dues);
    const accounts = [...new Set([...changes.keys(), account])];
    const moved = accounts.map((one) => changes.get(one) ?? nothing);
    const wasOwed = typeof row["is_owed"] === "boolean" ? row["is_owed"] : undefined;
    const values = [
      holdId,
      accounts,
      ...(["granted", "paid_in", "earned", "held"] as const).map((sub) => moved.map((change) => change[sub])),
      accounts.map((one) => (one === account ? charge : 0n)),
      entry.kind,
      at,
      entry.postings.map((posting) => posting.account),
      entry.postings.map(({ sub }) => sub),
      entry.postings.map((posting) => posting.amount),
      outcome,
      charge,
      job?.jobId,
      job?.serial,
      job?.usage.promptTokens,
      job?.usage.cachedTokens,
      job?.usage.completionTokens,
      job?.usage.reasoningTokens,
      job && earned,
      paidByPlatform,
      job?.receipt && packReceipt(job.receipt),
      job?.receiptSha256,
      at + this.#receiptLifeMs,
      this.#keys.settling(holdId, wasOwed, outcome, charge),
      useOf({ tokens: bigintOf(row, "tokens") }, holding.payer === PLATFORM, charge, job?.usage).tokens,
      moved.map(({ payable }) => payable),
      earning?.account,
      earning?.machineId,
      earning?.earned ?? 0n,
      earning?.payable ?? 0n,
      isFenced,
      this.#lease.isShared && this.#keys.carries(holdId) ? this.#lease.current : null,
    ];
    const [done] = await this.#postgres.query(sql.settle, values).catch(throwAsUnheard);
    if (done) return charge;
    const [ended] = await this.#postgres.query(sql.chargeOf, [holdId]);
    if (ended) return chargeOf(ended, outcome, isFenced);
    throw isFenced ? leaseIsGone() : new RangeError("a settlement without a hold");
  }

  settleLater(holdId: HoldId, settlement: Settlement): void {
    this.#owed.add(holdId, settlement);
  }

  async spendKey(holdId: HoldId): Promise<void> {
    await this.#keys.spend(this.#postgres.query, holdId);
  }

  loseAnswer(holdId: HoldId): void {
    const wasOnItsWay = this.#keys.carries(holdId);
    this.#keys.lose(holdId);
    // Where it is not written, its key is that of a request that runs for as long as this lease lives.
    if (wasOnItsWay && this.#lease.isShared) this.#keys.tellLost(this.#postgres.query, holdId).catch(() => undefined);
  }

  async shares(): Promise<Shares> {
    const [row] = await this.#postgres.query(sql.shares);
    if (!row) throw new TypeError("the database has no account of the platform");
    return sharesOf(bigintOf(row, "charged"), balancesOf(row));
  }

  async assertWritable(): Promise<void> {
    await this.#postgres.query(sql.probe);
  }

  async totals(account: AccountId): Promise<Totals> {
    const figures = await this.#figures(account);
    return totalsOf(figures, figures);
  }

  balances(account: AccountId): Promise<Balances> {
    return this.#figures(account);
  }

  async creditRoom(account: AccountId): Promise<MicroUsd> {
    const [one, outside] = await Promise.all([this.#figures(account), this.#figures(OUTSIDE)]);
    return microUsd(creditRoom(creditedOf(one.credited, outside)));
  }

  earnings(account: AccountId, query: EarningsQuery): Promise<EarningsRow[]> {
    return this.#earnings.query(this.#postgres.query, account, query);
  }

  async withdrawable(account: AccountId, now: number): Promise<bigint> {
    const uncleared = await this.uncleared(account, firstUnclearedDay(now, this.#clearingDays));
    return withdrawable(await this.#figures(account), uncleared);
  }

  uncleared(account: AccountId, sinceDay: number): Promise<bigint> {
    return this.#earnings.uncleared(this.#postgres.query, account, sinceDay);
  }

  counted(caps: readonly Pick<Cap, "subject" | "reset">[], at: number): Promise<Counted[]> {
    return countedBy(this.#postgres.query, caps, at);
  }

  async usage(account: AccountId, limit: number): Promise<UsageRow[]> {
    return (await this.#postgres.query(sql.usage, [account, limit])).map(usageRowOf);
  }

  async receipt(account: AccountId, jobId: JobId, now: number): Promise<ReceiptDocument | undefined> {
    const [row] = await this.#postgres.query(sql.receipt, [jobId, account, now]);
    const packed = row?.["packed"];
    return packed instanceof Uint8Array ? unpackReceipt(packed) : undefined;
  }

  async openLeases(): Promise<Lease[]> {
    return (await this.#postgres.query(sql.openLeases)).map((row) => textOf(row, "lease") as Lease);
  }

  /** Leases that still hold something and that nobody has any more. Only among several coordinators: who is alone has no lease in the database. */
  async endedLeases(): Promise<Lease[]> {
    return (await this.#postgres.query(sql.endedLeases)).map((row) => textOf(row, "lease") as Lease);
  }

  async releaseOpenHolds(lease: Lease, at: number): Promise<number> {
    for (let released = 0; ;) {
      const step = await this.#postgres.query(sql.holdsOf, [lease, ROWS_PER_STEP_MAX]);
      const crashed: Settlement = { outcome: "crashed", charge: microUsd(0n), at };
      await Promise.all(step.map((row) => this.#settle(textOf(row, "hold_id") as HoldId, crashed, false)));
      released += step.length;
      if (step.length < ROWS_PER_STEP_MAX) return released;
    }
  }

  /** Sums the journal, the settlements, the grants and deposits, and the open holds again, as they stand at one moment. Requests go on meanwhile. */
  async check(): Promise<LedgerFault[]> {
    const rows = await this.#postgres.transaction((query) => query(postgresCheckSql), LEDGER_CHECK_MS_MAX);
    return rows.map((row) => ({
      account: textOf(row, "account"),
      part: textOf(row, "part") as LedgerPart,
      offBy: bigintOf(row, "off_by"),
    }));
  }

  /** Adds up to `ROWS_PER_STEP_MAX` settlements that are old enough, and their entries, to the sums of their day, and answers how many. */
  rollUpUsage(now: number): Promise<number> {
    return this.#postgres.transaction(async (query) => {
      const old = await query(sql.oldSettlements, [ROWS_PER_STEP_MAX, now - USAGE_LIFE_MS]);
      const numbers = old.map((row) => bigintOf(row, "seq"));
      if (numbers.length === 0) return 0;
      for (const step of [sql.addToDays, sql.openDays, sql.foldEntries]) await query(step, [numbers]);
      for (const step of [sql.deletePostings, sql.deleteEntries, sql.deleteSettlements]) await query(step, [numbers]);
      return numbers.length;
    });
  }

  /** Deletes up to `ROWS_PER_STEP_MAX` receipts whose time is over, and answers how many. */
  async deleteExpiredReceipts(now: number): Promise<number> {
    const [row] = await this.#postgres.query(sql.deleteReceipts, [now, ROWS_PER_STEP_MAX]);
    return Number(row?.["gone"]);
  }

  /** Forgets up to `ROWS_PER_STEP_MAX` idempotency keys whose time is over, and answers how many. */
  deleteExpiredKeys(now: number): Promise<number> {
    return this.#keys.deleteExpired(this.#postgres.query, now, ROWS_PER_STEP_MAX);
  }

  /** Adds up to `ROWS_PER_STEP_MAX` days of use that are in no window any more, each to its key's sum, and answers how many. */
  async addUpUsed(now: number): Promise<number> {
    const [row] = await this.#postgres.query(sql.addUpUsed, [firstKeptDay(now), ROWS_PER_STEP_MAX]);
    return Number(row?.["gone"]);
  }

  /** Forgets up to `ROWS_PER_STEP_MAX` days of earnings of which all has cleared, whatever the operator says, and answers how many. */
  deleteCleared(now: number): Promise<number> {
    return this.#earnings.deleteCleared(this.#postgres.query, now, ROWS_PER_STEP_MAX);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owed.end();
  }

  async #figures(account: AccountId): Promise<Balances & Flows> {
    return figuresOf((await this.#postgres.query(sql.figures, [account]))[0]);
  }
}

/**
 * What a hold was charged when it ended first.
 *
 * @throws NetworkError where another coordinator has given it back, and an answer is to be paid
 */
function chargeOf(ended: Row, asked: Outcome, isFenced: boolean): MicroUsd {
  if (isFenced && ended["outcome"] === "crashed" && asked === "finished") throw leaseIsGone();
  return moneyOf(ended, "charge");
}

const leaseIsGone = (): NetworkError =>
  new NetworkError({ code: "storage_unavailable", fault: "away", retryAfterSec: STORAGE_RETRY_SEC });
