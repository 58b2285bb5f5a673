import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";
import { assertAllFit, subjectsOf, useOf, type Cap, type Counted, type Use } from "./caps.ts";
import { DaySums, faultsOf } from "./day-sums.ts";
import { earningOf, EarningSums, type EarningsQuery, type EarningsRow } from "./earnings.ts";
import { IdempotencyKeys } from "./idempotency.ts";
import {
  changesOf,
  hold,
  mayStand,
  nothing,
  OUTSIDE,
  partsSum,
  PLATFORM,
  setAside,
  settle,
  sharesOf,
  subAccounts,
  totalsOf,
  type Balances,
  type Dues,
  type Entry,
  type Flows,
  type Holding,
  type Posting,
} from "./journal.ts";
import type { Lease } from "./lease.ts";
import { freezing } from "./freezing.ts";
import { creditedOf, moveOf, newDebtOf, type Credited, type Move } from "./moves.ts";
import type { HoldTerms, LedgerFault, LedgerPart } from "./port.ts";
import type { HoldId, Settlement, Shares, Totals } from "./settlement.ts";
import { dayOf, windowAt } from "./windows.ts";

/** A hold with its end, once it has one. */
export interface HoldState {
  readonly terms: HoldTerms;
  readonly lease: Lease;
  readonly holding: Holding;
  readonly settled: { readonly settlement: Settlement; readonly dues: Dues; readonly use: Use } | undefined;
}

/**
 * The journal with its balances, in memory. The in-memory ledger is this book; the others keep the same in tables and are held
 * to it by `ledgerContract`.
 */
export class LedgerBook {
  readonly #balances = new Map<AccountId, Balances>();
  readonly #flows = new Map<AccountId, Flows>();
  readonly #journal: Entry[] = [];
  readonly #refs = new Set<string>();
  readonly #holds = new Map<HoldId, HoldState>();
  readonly #jobs = new Set<JobId>();
  readonly #keys = new Map<AccountId, IdempotencyKeys>();
  readonly #earnings = new EarningSums();
  readonly #used = new DaySums();
  /** The most that open holds can use. */
  readonly #open = new DaySums();

  get journal(): readonly Entry[] {
    return this.#journal;
  }

  /** Settled ones stand in the order of their settlement. */
  get holds(): readonly HoldState[] {
    return [...this.#holds.values()];
  }

  balances(account: AccountId): Balances {
    return this.#balances.get(account) ?? nothing;
  }

  totals(account: AccountId): Totals {
    return totalsOf(this.balances(account), this.#flowsOf(account));
  }

  credited(account: AccountId): Credited {
    return creditedOf(this.#flowsOf(account).credited, this.balances(OUTSIDE));
  }

  /** @param sinceDay the first day whose earnings have not cleared */
  move(ref: string, move: Move, sinceDay = 0): void {
    const known = `${move.kind} ${ref}`;
    if (this.#refs.has(known)) return;
    const { account } = move;
    const uncleared = {
      ownPaid: move.kind === "pass" ? this.#earnings.uncleared(account, 0, move.to) : 0n,
      all: this.#earnings.uncleared(account, sinceDay),
    };
    const { entry, credited: more } = moveOf(move, this.balances(account), this.credited(account), uncleared);
    this.#post(entry);
    this.#freeze(ref, account, newDebtOf(account, entry), sinceDay);
    if (move.kind === "reinstate") this.#earnings.unfreeze(ref);
    if (move.kind === "pass") this.#earnings.pass(account, move.to);
    this.#refs.add(known);
    const { charged, credited } = this.#flowsOf(account);
    this.#flows.set(account, { charged, credited: credited + more });
  }

  hold(terms: HoldTerms, lease: Lease): void {
    if (this.#holds.has(terms.holdId)) return;
    const { holdId, account, amount, at, idempotency } = terms;
    const keys = this.#keys.get(account) ?? new IdempotencyKeys();
    const isFree = idempotency !== undefined && keys.isFree(idempotency, at);
    if (!isFree) assertAllFit(terms, (cap) => this.counted(cap, at));
    const holding = setAside(amount, account, this.balances(account), isFree);
    if (idempotency) {
      this.#keys.set(account, keys);
      keys.begin(idempotency, holdId, at, isFree);
    }
    this.#holds.set(holdId, { terms, lease, holding, settled: undefined });
    if (!isFree)
      for (const subject of subjectsOf(terms))
        this.#open.add(subject, dayOf(at), { microUsd: amount, tokens: terms.tokens });
    this.#post(hold(holding));
  }

  settle(holdId: HoldId, settlement: Settlement): MicroUsd {
    const held = this.#holds.get(holdId);
    if (!held) throw new RangeError("a settlement without a hold");
    if (held.settled) return held.settled.dues.charge;
    const { dues, entry } = settle(held.holding, settlement);
    if (settlement.job) {
      if (this.#jobs.has(settlement.job.jobId)) throw new RangeError("a job is settled under two holds");
      this.#jobs.add(settlement.job.jobId);
    }
    const isFree = held.holding.payer === PLATFORM;
    const use = useOf(held.terms, isFree, dues.charge, settlement.job?.usage);
    this.#holds.delete(holdId);
    this.#holds.set(holdId, { ...held, settled: { settlement, dues, use } });
    const { account, amount, tokens, at } = held.terms;
    if (!isFree)
      for (const subject of subjectsOf(held.terms)) {
        this.#open.take(subject, dayOf(at), { microUsd: amount, tokens });
        this.#used.add(subject, dayOf(at), use);
      }
    this.#keys.get(account)?.settled(holdId, settlement.outcome, dues.charge);
    this.#post(entry);
    const earning = earningOf(held.terms, settlement, dues);
    if (earning) this.#earnings.add(earning);
    const { charged, credited } = this.#flowsOf(account);
    this.#flows.set(account, { charged: charged + dues.charge, credited });
    return dues.charge;
  }

  spendKey(holdId: HoldId): void {
    this.#keysOf(holdId)?.spend(holdId);
  }

  loseAnswer(holdId: HoldId): void {
    this.#keysOf(holdId)?.lose(holdId);
  }

  earnings(account: AccountId, query: EarningsQuery): EarningsRow[] {
    return this.#earnings.query(account, query);
  }

  uncleared(account: AccountId, sinceDay: number): bigint {
    return this.#earnings.uncleared(account, sinceDay);
  }

  counted({ subject, reset }: Pick<Cap, "subject" | "reset">, at: number): Counted {
    const window = windowAt(reset, at);
    return { used: this.#used.within(subject, window), open: this.#open.within(subject, window) };
  }

  shares(): Shares {
    const charges = [...this.#flows.values()].map(({ charged }) => charged);
    return sharesOf(sumOf(charges), this.balances(PLATFORM));
  }

  /** Every kept figure that is not what the journal, the open holds, the settlements, the grants and the deposits come to. */
  check(): LedgerFault[] {
    const faults: LedgerFault[] = [];
    const compare = (account: string, part: LedgerPart, kept: bigint, summed: bigint): void => {
      if (kept !== summed) faults.push({ account, part, offBy: kept - summed });
    };
    for (const account of this.#balances.keys()) {
      const balances = this.balances(account);
      for (const sub of subAccounts)
        compare(
          account,
          sub,
          balances[sub],
          this.#posted(account, (posting) => posting.sub === sub),
        );
      const [open, settled] = [this.holds.filter((one) => !one.settled), this.holds.filter((one) => one.settled)];
      const held = open
        .filter(({ holding }) => holding.payer === account)
        .map(({ holding }) => partsSum(holding.parts));
      const charges = settled
        .filter(({ terms }) => terms.account === account)
        .map((one) => one.settled?.dues.charge ?? 0n);
      const { charged, credited } = this.totals(account);
      compare(account, "open holds", balances.held, sumOf(held));
      compare(account, "charged", charged, sumOf(charges));
      const isGiven = (_posting: Posting, { kind }: Entry): boolean => kind === "grant" || kind === "deposit";
      if (account !== OUTSIDE) compare(account, "credited", credited, this.#posted(account, isGiven));
    }
    return [...faults, ...this.#useFaults(), ...this.#earningFaults()];
  }

  #freeze(ref: string, debtor: AccountId, owed: bigint, sinceDay: number): void {
    if (owed === 0n) return;
    const follow = freezing(debtor, owed);
    let asked = follow.next();
    while (asked.done !== true) {
      const { kind, account } = asked.value;
      const { payable } = this.balances(account);
      asked = follow.next(
        kind === "paid_by"
          ? { kind, rows: this.#earnings.paidBy(account, sinceDay) }
          : {
              kind,
              payable: payable + this.#heldPayable(account),
              uncleared: this.#earnings.uncleared(account, sinceDay),
            },
      );
    }
    this.#earnings.freeze(ref, asked.value);
  }

  #heldPayable(account: AccountId): bigint {
    const open = this.holds.filter(({ settled, holding }) => !settled && holding.payer === account);
    return sumOf(open.map(({ holding }) => holding.parts.payable));
  }

  #useFaults(): LedgerFault[] {
    const off = new DaySums();
    for (const [subject, day, use] of this.#used.all()) off.add(subject, day, use);
    for (const { terms, settled } of this.holds)
      if (settled) for (const subject of subjectsOf(terms)) off.take(subject, dayOf(terms.at), settled.use);
    return faultsOf(off);
  }

  #earningFaults(): LedgerFault[] {
    const off = new Map<string, bigint>();
    const add = (model: string, amount: bigint): void => void off.set(model, (off.get(model) ?? 0n) + amount);
    for (const { model, earned, payable } of this.#earnings.earned) add(model, earned + payable);
    for (const { terms, settled } of this.holds)
      if (settled) add(terms.model, 0n - settled.dues.earned - settled.dues.paidByPlatform);
    return [...off]
      .filter(([, offBy]) => offBy !== 0n)
      .map(([account, offBy]) => ({ account, part: "earnings", offBy }));
  }

  #posted(account: AccountId, counts: (posting: Posting, entry: Entry) => boolean): bigint {
    const amounts = this.#journal.flatMap((entry) =>
      entry.postings.filter((one) => one.account === account && counts(one, entry)).map(({ amount }) => amount),
    );
    return sumOf(amounts);
  }

  #post(entry: Entry): void {
    const after = [...changesOf(entry)].map(([account, change]) => {
      const before = this.balances(account);
      const balances: Balances = {
        granted: before.granted + change.granted,
        paid_in: before.paid_in + change.paid_in,
        earned: before.earned + change.earned,
        payable: before.payable + change.payable,
        held: before.held + change.held,
        withdrawing: before.withdrawing + change.withdrawing,
        debt: before.debt + change.debt,
      };
      if (!mayStand(account, balances)) throw new RangeError("an account has less than nothing");
      return [account, balances] as const;
    });
    for (const [account, balances] of after) this.#balances.set(account, balances);
    if (entry.postings.length > 0) this.#journal.push(entry);
  }

  #flowsOf(account: AccountId): Flows {
    return this.#flows.get(account) ?? { charged: 0n, credited: 0n };
  }

  #keysOf(holdId: HoldId): IdempotencyKeys | undefined {
    const held = this.#holds.get(holdId);
    return held && this.#keys.get(held.terms.account);
  }
}

const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n);
