import type { FailureCode } from "@darkbloom/protocol/failures";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Outcome } from "../ledger/settlement.ts";
import type { Events } from "./events.ts";

/** What is counted together, and how many such spans are remembered: 15 minutes. */
const RECENT_SPAN_MS = 10_000;
const RECENT_SPANS_MAX = 90;
/** How far back the figures go, in minutes. */
export const recentMinutes = [1, 5, 15] as const;

/** How often one thing has happened in the last minutes, each exact to one span. */
export interface RecentCount<What extends string> {
  readonly what: What;
  /** As `recentMinutes` has them. */
  readonly counts: readonly number[];
}

/** Counts things of a closed list over the last minutes. */
export class RecentCounts<What extends string> {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** The oldest first; a span in which nothing happened is not there. */
  readonly #spans: { readonly at: number; readonly counts: Map<What, number> }[] = [];

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  add(what: What): void {
    const at = this.#forget();
    let span = this.#spans.at(-1);
    if (span?.at !== at) {
      span = { at, counts: new Map() };
      this.#spans.push(span);
    }
    span.counts.set(what, (span.counts.get(what) ?? 0) + 1);
  }

  /** What has happened at all, the most frequent first. */
  list(): RecentCount<What>[] {
    const now = this.#forget();
    const all = new Set(this.#spans.flatMap(({ counts }) => [...counts.keys()]));
    const since = (what: What, minutes: number): number =>
      this.#spans
        .filter(({ at }) => at > now - (minutes * 60_000) / RECENT_SPAN_MS)
        .reduce((sum, { counts }) => sum + (counts.get(what) ?? 0), 0);
    return [...all]
      .map((what) => ({ what, counts: recentMinutes.map((minutes) => since(what, minutes)) }))
      .toSorted((one, other) => (other.counts.at(-1) ?? 0) - (one.counts.at(-1) ?? 0));
  }

  /** @returns the present span */
  #forget(): number {
    const now = Math.floor(this.#clock.monotonicMs() / RECENT_SPAN_MS);
    while ((this.#spans[0]?.at ?? now) <= now - RECENT_SPANS_MAX) this.#spans.shift();
    return now;
  }
}

/** What has happened here in the last minutes, for an operator who looks. */
export class Recent {
  /** Requests that were settled, by how they ended. */
  readonly settled: RecentCounts<Outcome>;
  /** Requests that were refused or failed. */
  readonly failures: RecentCounts<FailureCode>;
  /** Attempts of machines that failed, whether or not another answered. */
  readonly attemptFailures: RecentCounts<FailureCode>;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.settled = new RecentCounts(clock);
    this.failures = new RecentCounts(clock);
    this.attemptFailures = new RecentCounts(clock);
  }
}

/** The same events, and what an operator sees of the last minutes is counted. */
export const countingEvents = (events: Events, recent: Recent): Events => ({
  ...events,
  requestSettled(facts) {
    events.requestSettled(facts);
    recent.settled.add(facts.outcome);
  },
  requestFailed(facts) {
    events.requestFailed(facts);
    recent.failures.add(facts.failure.code);
  },
  attemptFailed(facts) {
    events.attemptFailed(facts);
    recent.attemptFailures.add(facts.code);
  },
});
