import { microUsd, NetworkError, type AccountId, type JobId, type MicroUsd } from "@darkbloom/protocol";
import type { HoldId, HoldTerms, Settlement, Totals } from "./port.ts";

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
}

/**
 * The charge never exceeds the hold, and the provider's part never exceeds the charge.
 *
 * @throws RangeError for figures that no story of ours can have computed
 */
export function duesOf(held: bigint, settlement: Settlement): Dues {
  const asked = settlement.charge;
  const share = settlement.job?.earned ?? 0n;
  if (asked < 0n) throw new RangeError("a charge is negative");
  if (share < 0n || share > asked) throw new RangeError("a provider earns less than nothing or more than the charge");
  const charge = asked < held ? asked : held;
  return { charge: microUsd(charge), rest: microUsd(held - charge), earned: microUsd(share < charge ? share : charge) };
}

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
    assertHoldable(terms.amount);
    const { balance, held } = this.totals(terms.account);
    if (balance < terms.amount) throw insufficientFunds(terms.amount, balance);
    this.#holds.set(terms.holdId, { terms, settled: undefined });
    this.#set(terms.account, { balance: balance - terms.amount, held: held + terms.amount });
  }

  settle(holdId: HoldId, settlement: Settlement): MicroUsd {
    const hold = this.#holds.get(holdId);
    if (!hold) throw new RangeError("a settlement without a hold");
    if (hold.settled) return hold.settled.dues.charge;
    const dues = duesOf(hold.terms.amount, settlement);
    if (settlement.job) {
      if (this.#jobs.has(settlement.job.jobId)) throw new RangeError("a job is settled under two holds");
      this.#jobs.add(settlement.job.jobId);
    }
    this.#holds.delete(holdId);
    this.#holds.set(holdId, { terms: hold.terms, settled: { settlement, dues } });
    const { account, amount } = hold.terms;
    const { balance, held, charged } = this.totals(account);
    this.#set(account, { balance: balance + dues.rest, held: held - amount, charged: charged + dues.charge });
    return dues.charge;
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
