import type { AccountId } from "@darkbloom/protocol/ids";
import { noParts, nothing, partsSum, PLATFORM, sources, type Balances, type Holding, type Parts } from "./journal.ts";
import type { Lease } from "./lease.ts";
import { subjectsOf, type Subject, type Use } from "./caps.ts";
import { DaySums, faultsOf } from "./day-sums.ts";
import type { HoldTerms, LedgerFault } from "./port.ts";
import type { HoldId } from "./settlement.ts";
import { dayOf, type Window } from "./windows.ts";

/** Money that is set aside for a request that runs. */
export interface OpenHold {
  readonly terms: HoldTerms;
  readonly lease: Lease;
  readonly holding: Holding;
}

/** An account from which something is set aside. */
interface Payer {
  /** As they are written, with what is set aside in them. */
  written: Balances;
  readonly taken: { -readonly [Source in keyof Parts]: bigint };
  holds: number;
}

/**
 * Holds in memory, of a ledger that one process alone writes: its end is theirs, and charges nobody. An account is known
 * here for as long as it has a hold, so that there are no more of them than requests that run.
 */
export class OpenHolds {
  readonly #holds = new Map<HoldId, OpenHold>();
  readonly #payers = new Map<AccountId, Payer>();
  readonly #uses = new DaySums();

  get(holdId: HoldId): OpenHold | undefined {
    return this.#holds.get(holdId);
  }

  /** What is left to an account of what is written of it; undefined where nothing is set aside, and what is written is not known here. */
  left(account: AccountId): Balances | undefined {
    const payer = this.#payers.get(account);
    return payer && withoutTaken(payer.written, payer.taken);
  }

  /** What is left of these figures, and how much is held. */
  overlay(account: AccountId, written: Balances): Balances {
    const payer = this.#payers.get(account);
    return payer ? withoutTaken(written, payer.taken) : written;
  }

  /** @param writtenOf is asked for an account that has no hold yet */
  take(hold: OpenHold, writtenOf: (account: AccountId) => Balances): void {
    const { payer: account, parts } = hold.holding;
    let payer = this.#payers.get(account);
    if (!payer) {
      payer = { written: writtenOf(account), taken: { ...noParts }, holds: 0 };
      this.#payers.set(account, payer);
    }
    move(payer.taken, parts, 1n);
    payer.holds += 1;
    this.#holds.set(hold.terms.holdId, hold);
    for (const [subject, day, most] of mostOf(hold)) this.#uses.add(subject, day, most);
  }

  /** @returns what is written of the one that pays @throws RangeError for one that is not open */
  end(hold: OpenHold): Balances {
    const { terms, holding } = hold;
    const payer = this.#payers.get(holding.payer);
    if (!this.#holds.delete(terms.holdId) || !payer) throw new RangeError("what is not held cannot end");
    move(payer.taken, holding.parts, -1n);
    payer.holds -= 1;
    for (const [subject, day, most] of mostOf(hold)) this.#uses.take(subject, day, most);
    if (payer.holds === 0) this.#payers.delete(holding.payer);
    return payer.written;
  }

  /** The most that a subject's holds of this window can use. */
  most(subject: Subject, window: Window): Use {
    return this.#uses.within(subject, window);
  }

  /** What is written of an account is another thing now. */
  rewritten(account: AccountId, written: Balances): void {
    const payer = this.#payers.get(account);
    if (payer) payer.written = written;
  }

  leases(): Lease[] {
    return [...new Set(this.#holds.values().map(({ lease }) => lease))];
  }

  /** Some that carry this lease, `most` of them. */
  of(lease: Lease, most: number): OpenHold[] {
    return [
      ...this.#holds
        .values()
        .filter((hold) => hold.lease === lease)
        .take(most),
    ];
  }

  /**
   * Sums up again what is set aside, and compares what is known here with what is written.
   *
   * @param writtenOf reads it
   */
  faults(writtenOf: (account: AccountId) => Balances): LedgerFault[] {
    const faults: LedgerFault[] = [];
    const compare = (account: AccountId, part: LedgerFault["part"], kept: bigint, summed: bigint): void => {
      if (kept !== summed) faults.push({ account, part, offBy: kept - summed });
    };
    const held = new Map<AccountId, bigint>();
    for (const { holding } of this.#holds.values())
      held.set(holding.payer, (held.get(holding.payer) ?? 0n) + partsSum(holding.parts));
    for (const account of new Set([...held.keys(), ...this.#payers.keys()])) {
      const { written, taken } = this.#payers.get(account) ?? { written: nothing, taken: nothing };
      compare(account, "open holds", partsSum(taken), held.get(account) ?? 0n);
      const now = writtenOf(account);
      for (const sub of sources) compare(account, sub, written[sub], now[sub]);
    }
    const uses = new DaySums();
    for (const [subject, day, use] of this.#uses.all()) uses.add(subject, day, use);
    for (const hold of this.#holds.values())
      for (const [subject, day, most] of mostOf(hold)) uses.take(subject, day, most);
    return [...faults, ...faultsOf(uses)];
  }
}

/** What a hold counts for until its end. What the platform pays counts for nobody. */
function mostOf({ terms, holding }: OpenHold): (readonly [Subject, day: number, Use])[] {
  if (holding.payer === PLATFORM) return [];
  const most: Use = { microUsd: terms.amount, tokens: terms.tokens };
  return subjectsOf(terms).map((subject) => [subject, dayOf(terms.at), most]);
}

const withoutTaken = (written: Balances, taken: Parts): Balances => ({
  ...written,
  granted: written.granted - taken.granted,
  paid_in: written.paid_in - taken.paid_in,
  earned: written.earned - taken.earned,
  payable: written.payable - taken.payable,
  held: written.held + partsSum(taken),
});

function move(taken: Payer["taken"], parts: Parts, times: 1n | -1n): void {
  for (const source of sources) taken[source] += times * parts[source];
}
