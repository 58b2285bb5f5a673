import { NetworkError, type Clock, type JobId, type ProviderId, type Random } from "@darkbloom/protocol";
import type { Fleet } from "../fleet/fleet.ts";
import type { Line } from "../session/line.ts";
import { choose, type Choice, type Want } from "./choose.ts";

/** Requests that may wait for a slot, per model. */
export const WAITING_PER_MODEL_MAX = 256;
/** Bodies that may wait for a slot, all models together: what waiting can cost in memory. */
export const WAITING_BYTES_MAX = 512 * 1024 * 1024;
/** How long one waits, and then gets a 429. */
export const SLOT_WAIT_MS = 30_000;
/** What a 429 for want of a slot tells the caller to wait. */
export const FULL_RETRY_AFTER_SEC = 5;

interface Waiter {
  readonly want: Want;
  readonly tried: ReadonlySet<ProviderId>;
  readonly jobId: JobId;
  readonly bytes: number;
  readonly give: (line: Line) => void;
}

/**
 * Gives out the fleet's slots: at once where one is free, else first come, first served. Nobody
 * overtakes those who wait for the same model, unless those cannot use what is free.
 */
export class Slots implements Disposable {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiting: Waiter[] = [];
  readonly #watch: Disposable;
  #bytes = 0;

  constructor(fleet: Fleet, clock: Clock, random: Random) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#random = random;
    this.#watch = fleet.watch(() => this.#serveWaiting());
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * A slot on the best machine, as the line to it.
   *
   * Throws `no_provider` where none may serve this, `capacity_full` where all stay full, and the
   * signal's reason when the caller leaves.
   */
  async acquire(
    want: Want,
    tried: ReadonlySet<ProviderId>,
    jobId: JobId,
    bytes: number,
    hangUp: AbortSignal,
  ): Promise<Line> {
    hangUp.throwIfAborted();
    this.#serveWaiting();
    const first = this.#choose(want, tried);
    if ("refused" in first) throw this.#refusal(want, first);
    if ("chosen" in first) return this.#open(first.chosen, jobId);

    const startedMs = this.#clock.monotonicMs();
    const sameModel = this.#waiting.filter(({ want: other }) => other.entry.id === want.entry.id).length;
    if (sameModel >= WAITING_PER_MODEL_MAX || this.#bytes + bytes > WAITING_BYTES_MAX) throw this.#full(want, 0);

    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    const waiter: Waiter = { want, tried, jobId, bytes, give: resolve };
    // Whoever gives up is out of the queue in the same turn, so that no slot is given to nobody.
    const giveUp = (error: unknown) => {
      this.#remove(waiter);
      reject(error);
    };
    const leave = () => giveUp(hangUp.reason);
    const timer = new AbortController();
    this.#waiting.push(waiter);
    this.#bytes += bytes;
    hangUp.addEventListener("abort", leave, { once: true });
    void this.#afterWait(timer.signal, () => {
      const last = this.#choose(want, tried);
      giveUp("refused" in last ? this.#refusal(want, last) : this.#full(want, this.#clock.monotonicMs() - startedMs));
    });
    try {
      return await promise;
    } finally {
      timer.abort();
      hangUp.removeEventListener("abort", leave);
    }
  }

  async #afterWait(given: AbortSignal, act: () => void): Promise<void> {
    try {
      await this.#clock.sleep(SLOT_WAIT_MS, given);
    } catch {
      return;
    }
    act();
  }

  #serveWaiting(): void {
    if (this.#waiting.length === 0) return;
    if (!this.#fleet.candidates().some(({ running, slots }) => running < slots)) return;
    for (const waiter of this.#waiting.slice()) {
      const choice = this.#choose(waiter.want, waiter.tried);
      if (!("chosen" in choice)) continue;
      this.#remove(waiter);
      waiter.give(this.#open(choice.chosen, waiter.jobId));
    }
  }

  #remove(waiter: Waiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#bytes -= waiter.bytes;
  }

  #choose(want: Want, tried: ReadonlySet<ProviderId>): Choice {
    return choose(want, this.#fleet.candidates(), tried, this.#random.fraction());
  }

  #open(providerId: ProviderId, jobId: JobId): Line {
    const member = this.#fleet.get(providerId);
    if (!member) throw new RangeError("a chosen provider left in the turn in which it was chosen");
    return member.open(jobId);
  }

  #refusal(want: Want, choice: Extract<Choice, { refused: unknown }>): NetworkError {
    const connected = this.#fleet.candidates().length;
    return new NetworkError({ code: "no_provider", model: want.entry.id, connected, gates: choice.refused });
  }

  #full(want: Want, waitedMs: number): NetworkError {
    return new NetworkError({
      code: "capacity_full",
      model: want.entry.id,
      retryAfterSec: FULL_RETRY_AFTER_SEC,
      waitedMs,
    });
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}
