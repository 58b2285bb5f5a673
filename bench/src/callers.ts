import { Agent } from "node:http";
import { BadAnswer, exchange, questionOf, type Question, type Target, type Timing } from "./client.ts";
import type { Workload } from "./plan.ts";

/** After so many failures of one round it ends: it measures nothing any more. */
const FAILURES_PER_ROUND_MAX = 100;

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

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
