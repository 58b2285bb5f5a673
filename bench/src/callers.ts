import { Agent } from "node:http";
import { BadAnswer, exchange, questionOf, type Question, type Target, type Timing } from "./client.ts";
import type { Plan, Workload } from "./plan.ts";

/** After so many failures of one round it ends: it measures nothing any more. */
const FAILURES_PER_ROUND_MAX = 100;
/** However slow a contender is, it is warmed up for no longer. */
const WARM_UP_MS_MAX = 15_000;
const WARM_UP_STEP_MS = 500;

export interface Served {
  readonly timings: readonly Timing[];
  /** From the first request to the end of the last answer. */
  readonly elapsedMs: number;
}

/** Counts what went wrong, by contender, workload and reason. */
export class Failures {
  readonly #counts = new Map<string, number>();

  add(target: Target, workload: Workload, reason: string): void {
    const what = `${target.name}, ${workload.name}: ${reason}`;
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  get isHopeless(): boolean {
    return this.total > FAILURES_PER_ROUND_MAX;
  }

  get total(): number {
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

/**
 * As many callers as the workload has connections, each with a connection of its own that stays open:
 * a caller asks, takes the whole answer, and asks again.
 */
export class Callers implements Disposable {
  readonly #target: Target;
  readonly #workload: Workload;
  readonly #failures: Failures;
  readonly #question: Promise<Question>;
  readonly #agent: Agent;

  constructor(target: Target, workload: Workload, failures: Failures) {
    this.#target = target;
    this.#workload = workload;
    this.#failures = failures;
    this.#question = questionOf(workload);
    this.#agent = new Agent({ keepAlive: true, maxSockets: workload.connections });
  }

  /** Everybody asks for so long, at least once; answers under way then are still taken. */
  async ask(durationMs: number): Promise<Served> {
    const timings: Timing[] = [];
    let failed = 0;
    const question = await this.#question;
    const startedMs = performance.now();
    const caller = async (): Promise<void> => {
      do {
        try {
          timings.push(await exchange(this.#target, this.#agent, question));
        } catch (error) {
          if (!(error instanceof BadAnswer)) throw error;
          failed++;
          this.#failures.add(this.#target, this.#workload, error.message);
        }
      } while (performance.now() - startedMs < durationMs && failed < FAILURES_PER_ROUND_MAX);
    };
    await Promise.all(Array.from({ length: this.#workload.connections }, caller));
    return { timings, elapsedMs: performance.now() - startedMs };
  }

  /** Until whoever answers is warm. */
  async warmUp({ warmUpMs, warmUpPieces }: Plan): Promise<void> {
    const startedMs = performance.now();
    let pieces = 0;
    do {
      const { timings } = await this.ask(Math.min(warmUpMs, WARM_UP_STEP_MS));
      pieces += timings.length * this.#workload.pieces;
      const passedMs = performance.now() - startedMs;
      if (passedMs > WARM_UP_MS_MAX || (passedMs >= warmUpMs && pieces >= warmUpPieces)) return;
    } while (!this.#failures.isHopeless);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
