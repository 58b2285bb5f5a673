import type { JobId, Serial } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { Clock } from "@darkbloom/protocol/ports";
import { isStorageFailure, type HoldTerms, type Ledger } from "./port.ts";
import type { HoldId, Outcome, Settlement } from "./settlement.ts";

/** The attempt that a request ended with, where nothing was signed. */
export interface UnpaidJob {
  readonly jobId: JobId;
  readonly serial: Serial;
}

const NO_USAGE = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };

/**
 * Money set aside for one request. Exactly one of these exists per request, and exactly one settlement
 * ends it: the one given to `settle`, or, where the scope is left without one, a charge of nothing with
 * the outcome that was noted last. So every path out pays, and only a finished one costs.
 *
 * @example
 * await using hold = await Hold.take(ledger, terms, clock);
 * hold.note("provider_fault", { jobId, serial });   // what it will have been if we leave here
 * await hold.settle({ outcome: "finished", charge, job });
 */
export class Hold implements AsyncDisposable {
  readonly id: HoldId;
  readonly amount: MicroUsd;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #hasKey: boolean;
  #noted: { readonly outcome: Outcome; readonly job: UnpaidJob | undefined } = { outcome: "refused", job: undefined };
  #settling: Promise<MicroUsd> | undefined;
  #isHandedOver = false;

  private constructor(ledger: Ledger, terms: HoldTerms, clock: Clock) {
    this.id = terms.holdId;
    this.amount = terms.amount;
    this.#ledger = ledger;
    this.#clock = clock;
    this.#hasKey = terms.idempotency !== undefined;
  }

  /** @throws NetworkError `insufficient_funds`, `account_in_debt`, `key_limit_reached` or `idempotency_conflict`, and then nothing is held */
  static async take(ledger: Ledger, terms: HoldTerms, clock: Clock): Promise<Hold> {
    await ledger.hold(terms);
    return new Hold(ledger, terms, clock);
  }

  /** How the request will have ended if the scope is left from here on without a settlement. */
  note(outcome: Outcome, job?: UnpaidJob): void {
    this.#noted = { outcome, job };
  }

  /**
   * Settles now; durable once it resolves, so the receipt may be sent then and not before.
   *
   * @returns what was charged, in micro-USD; never above the hold
   * @throws RangeError at the second call
   */
  settle(settlement: Omit<Settlement, "at">): Promise<MicroUsd> {
    if (this.#settling) throw new RangeError("a hold is settled twice");
    this.#settling = this.#ledger.settle(this.id, { ...settlement, at: this.#clock.now() });
    return this.#settling;
  }

  /** Nothing is owed any more under the caller's idempotency key, if they sent one: the answer was delivered, or they left. */
  spendKey(): void {
    // Where it is not written, the worst is that the platform pays for an answer that it did not owe.
    if (this.#hasKey) this.#ledger.spendKey(this.id).catch(() => undefined);
  }

  /** The connection has the whole answer: whether it leaves is told by `spendKey` or `loseAnswer`, also after this scope. */
  handedOver(): void {
    this.#isHandedOver = true;
  }

  /** The answer will not leave this program, by no doing of the caller's. */
  loseAnswer(): void {
    this.#ledger.loseAnswer(this.id);
  }

  /** A settlement that did not reach the disk told nobody anything, so the money goes back: now, or once the disk takes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const settled = await this.#settling?.then(
      () => true,
      () => false,
    );
    if (settled) {
      if (!this.#isHandedOver) this.loseAnswer();
      return;
    }
    const { outcome, job } = this.#noted;
    const settlement: Settlement = {
      outcome,
      charge: microUsd(0n),
      at: this.#clock.now(),
      ...(job && { job: { jobId: job.jobId, serial: job.serial, usage: NO_USAGE, earned: microUsd(0n) } }),
    };
    try {
      await this.#ledger.settle(this.id, settlement);
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.#ledger.settleLater(this.id, settlement);
    }
  }
}
