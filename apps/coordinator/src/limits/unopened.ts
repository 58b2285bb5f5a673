import type { AccountId } from "@darkbloom/protocol/ids";
import type { Clock } from "@darkbloom/protocol/ports";
import { RateLimiter } from "./rate.ts";

/** Sealed requests of one account that two machines could not open and nobody could: so many at once, then one in so many seconds. 429 above it. */
export const UNOPENED_BURST = 20;
const UNOPENED_EVERY_SEC = 3;
/** Those that one machine alone says it cannot open: above it that machine is asked for nothing sealed of that account. */
export const UNOPENED_BY_ONE_BURST = 5;
const UNOPENED_BY_ONE_EVERY_SEC = 60;

type Pair = `${AccountId} ${string}`;

/**
 * Whose sealed requests cannot be opened. One machine's word on that may be false, and its caller's request may be: neither is
 * believed alone, so that it costs the two of them each other. Two machines' word on an envelope that nobody opens is its caller's
 * doing.
 *
 * A machine that opens what it is sent says nothing here, so that only words can be counted and no asking: those of whom several
 * were asked at once are all counted, and what they come to above the bound has to be waited out as well.
 */
export class Unopened {
  readonly #byAccount: RateLimiter;
  readonly #byPair: RateLimiter<Pair>;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#byAccount = new RateLimiter(clock, {
      requestsPerSec: 1 / UNOPENED_EVERY_SEC,
      requestsBurst: UNOPENED_BURST,
    });
    this.#byPair = new RateLimiter<Pair>(clock, {
      requestsPerSec: 1 / UNOPENED_BY_ONE_EVERY_SEC,
      requestsBurst: UNOPENED_BY_ONE_BURST,
    });
  }

  /** How long until this account may send one more; undefined where it may now. */
  waitSec(account: AccountId): number | undefined {
    return this.#byAccount.waitSec(account);
  }

  /** The same of one machine, by its identity key. */
  waitSecAt(account: AccountId, identityKey: string): number | undefined {
    return this.#byPair.waitSec(`${account} ${identityKey}`);
  }

  /** Of these machines, those that are asked for nothing now that this account seals. */
  passedOver<Id>(
    account: AccountId,
    machines: Iterable<{ readonly providerId: Id; readonly identityKey: string }>,
  ): Set<Id> {
    const over = new Set<Id>();
    for (const { providerId, identityKey } of machines)
      if (this.waitSecAt(account, identityKey) !== undefined) over.add(providerId);
    return over;
  }

  /** What machines say of one envelope; leaving its scope ends that. */
  wordsOn(account: AccountId): Words {
    return new Words(this.#byAccount, this.#byPair, account);
  }
}

/** An envelope that somebody could not open counts against its caller, until it turns out that it should not. */
export class Words implements Disposable {
  readonly #byAccount: RateLimiter;
  readonly #byPair: RateLimiter<Pair>;
  readonly #account: AccountId;
  /** Identity keys of those who said so. */
  readonly #said = new Set<string>();
  #isOpened = false;

  constructor(byAccount: RateLimiter, byPair: RateLimiter<Pair>, account: AccountId) {
    this.#byAccount = byAccount;
    this.#byPair = byPair;
    this.#account = account;
  }

  /** A machine has signed that it cannot open it. */
  said(identityKey: string): void {
    this.#byPair.spend(`${this.#account} ${identityKey}`);
    if (this.#said.size === 0) this.#byAccount.spend(this.#account);
    this.#said.add(identityKey);
  }

  /** A machine has opened it: it was sealed well, for that one at least. */
  opened(): void {
    this.#isOpened = true;
  }

  [Symbol.dispose](): void {
    if (this.#said.size === 1 || (this.#isOpened && this.#said.size > 0)) this.#byAccount.restore(this.#account);
  }
}
