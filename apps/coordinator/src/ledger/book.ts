import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { IdempotencyKeys } from "./idempotency.ts";
import type { HoldId, HoldTerms, Settlement, Shares, Totals } from "./port.ts";

/**
 * The most that an account can be credited over its life: 100 billion USD. No sum over an account then
 * leaves a signed 64-bit integer, which is what databases keep.
 */
export const ACCOUNT_CREDIT_MICRO_USD_MAX = 100_000_000_000_000_000n;

/** What a settlement moves once the hold bounds it. */
export interface Dues {
  readonly charge: MicroUsd;
  /** Goes back to the balance. */
  readonly rest: MicroUsd;
  /** The provider's part of the charge. */
  readonly earned: MicroUsd;
  /** The provider's part where the caller pays nothing. */
  readonly paidByPlatform: MicroUsd;
}

/** What is set aside for one request, and by whom. */
export interface SetAside {
  readonly byCaller: bigint;
  readonly byPlatform: bigint;
}

/** Where an answer is owed, the platform sets aside what the caller would have. */
export const setAside = (amount: bigint, isFree: boolean): SetAside =>
  isFree ? { byCaller: 0n, byPlatform: amount } : { byCaller: amount, byPlatform: 0n };

/**
 * The charge never exceeds the hold, and the provider's part never exceeds the charge; where the platform
 * pays, nothing is charged and that part is bounded by what the platform set aside.
 *
 * @throws RangeError for figures that no story of ours can have computed
 */
export function duesOf({ byCaller, byPlatform }: SetAside, settlement: Settlement): Dues {
  const asked = settlement.charge;
  const share = settlement.job?.earned ?? 0n;
  if (share < 0n || share > asked)
    throw new RangeError("a charge is negative, or a provider earns less than nothing or more than it");
  const charge = lesser(asked, byCaller);
  return {
    charge: microUsd(charge),
    rest: microUsd(byCaller - charge),
    earned: microUsd(lesser(share, charge)),
    paidByPlatform: microUsd(lesser(share, byPlatform)),
  };
}

const lesser = (one: bigint, other: bigint): bigint => (one < other ? one : other);

/** @throws RangeError where a hold sets aside less than nothing */
export function assertHoldable(amount: bigint): void {
  if (amount < 0n) throw new RangeError("a hold is negative");
}

/** @throws RangeError where a credit is not positive, or lifts the account over its bound */
export function assertCreditable(amount: bigint, creditedBefore: bigint): void {
  if (amount <= 0n) throw new RangeError("a credit is not positive");
  if (creditedBefore + amount > ACCOUNT_CREDIT_MICRO_USD_MAX)
    throw new RangeError("an account is credited more than its bound");
}

export function insufficientFunds(needed: bigint, available: bigint): NetworkError {
  return new NetworkError({ code: "insufficient_funds", neededMicroUsd: needed, availableMicroUsd: available });
}

/** Whether the storage took nothing, so that the same call may do better later. */
export function isStorageFailure(error: unknown): boolean {
  return error instanceof NetworkError && error.failure.code === "storage_unavailable";
}

/** A hold with its end, once it has one. */
export interface HoldState {
  readonly terms: HoldTerms;
  readonly aside: SetAside;
  readonly settled: { readonly settlement: Settlement; readonly dues: Dues } | undefined;
}

/**
 * The ledger's one reducer: what each entry does to the figures. The in-memory adapter is this book; the
 * others say the same in SQL and are held to it by `ledgerContract`.
 */
export class LedgerBook {
  readonly #accounts = new Map<AccountId, Totals>();
  readonly #credits = new Set<string>();
  readonly #holds = new Map<HoldId, HoldState>();
  readonly #jobs = new Set<JobId>();
  readonly #keys = new Map<AccountId, IdempotencyKeys>();

  totals(account: AccountId): Totals {
    const nothing = microUsd(0n);
    return this.#accounts.get(account) ?? { balance: nothing, held: nothing, charged: nothing, credited: nothing };
  }

  get accounts(): readonly AccountId[] {
    return [...this.#accounts.keys()];
  }

  /** Settled ones stand in the order of their settlement. */
  get holds(): readonly HoldState[] {
    return [...this.#holds.values()];
  }

  credit(creditId: string, account: AccountId, amount: MicroUsd): void {
    if (this.#credits.has(creditId)) return;
    const { balance, credited } = this.totals(account);
    assertCreditable(amount, credited);
    this.#credits.add(creditId);
    this.#set(account, { balance: balance + amount, credited: credited + amount });
  }

  hold(terms: HoldTerms): void {
    if (this.#holds.has(terms.holdId)) return;
    const { holdId, account, amount, at, idempotency } = terms;
    assertHoldable(amount);
    const keys = this.#keys.get(account) ?? new IdempotencyKeys();
    const isFree = idempotency !== undefined && keys.isFree(idempotency, at);
    const aside = setAside(amount, isFree);
    const { balance, held } = this.totals(account);
    if (balance < aside.byCaller) throw insufficientFunds(aside.byCaller, balance);
    if (idempotency) {
      this.#keys.set(account, keys);
      keys.begin(idempotency, holdId, at, isFree);
    }
    this.#holds.set(holdId, { terms, aside, settled: undefined });
    this.#set(account, { balance: balance - aside.byCaller, held: held + aside.byCaller });
  }

  settle(holdId: HoldId, settlement: Settlement): MicroUsd {
    const hold = this.#holds.get(holdId);
    if (!hold) throw new RangeError("a settlement without a hold");
    if (hold.settled) return hold.settled.dues.charge;
    const dues = duesOf(hold.aside, settlement);
    if (settlement.job) {
      if (this.#jobs.has(settlement.job.jobId)) throw new RangeError("a job is settled under two holds");
      this.#jobs.add(settlement.job.jobId);
    }
    this.#holds.delete(holdId);
    this.#holds.set(holdId, { ...hold, settled: { settlement, dues } });
    const { account } = hold.terms;
    this.#keys.get(account)?.settled(holdId, settlement.outcome, dues.charge);
    const { balance, held, charged } = this.totals(account);
    this.#set(account, {
      balance: balance + dues.rest,
      held: held - hold.aside.byCaller,
      charged: charged + dues.charge,
    });
    return dues.charge;
  }

  spendKey(holdId: HoldId): void {
    this.#keysOf(holdId)?.spend(holdId);
  }

  loseAnswer(holdId: HoldId): void {
    this.#keysOf(holdId)?.lose(holdId);
  }

  shares(): Shares {
    let [machines, charged] = [0n, 0n];
    for (const { settled } of this.#holds.values()) {
      if (!settled) continue;
      machines += settled.dues.earned + settled.dues.paidByPlatform;
      charged += settled.dues.charge;
    }
    return { machines: microUsd(machines), platform: charged - machines };
  }

  #keysOf(holdId: HoldId): IdempotencyKeys | undefined {
    const hold = this.#holds.get(holdId);
    return hold && this.#keys.get(hold.terms.account);
  }

  #set(account: AccountId, figures: { readonly [Figure in keyof Totals]?: bigint }): void {
    const now = this.totals(account);
    this.#accounts.set(account, {
      balance: microUsd(figures.balance ?? now.balance),
      held: microUsd(figures.held ?? now.held),
      charged: microUsd(figures.charged ?? now.charged),
      credited: microUsd(figures.credited ?? now.credited),
    });
  }
}
