/** The runners: hands them tests, kills those that hang, and starts new ones in their place. */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { Order, Outcome, Reached } from "./runner.ts";

export interface Verdict {
  /** The test that failed, or that the run was too long or died; missing where nobody saw. */
  readonly seenBy?: string;
  readonly reached: boolean;
}

/** A run that takes so much longer than it did without a change hangs; the machine may be busy with other things. */
const PATIENCE_MS = 25_000;
const PATIENCE_FACTOR = 5;
const RECORD_MS_MAX = 600_000;

export class Pool {
  readonly size: number;
  readonly #all: readonly Runner[];
  readonly #free: Runner[];
  readonly #waiting: ((runner: Runner) => void)[] = [];
  readonly #records: { [test: string]: Promise<Record | undefined> } = {};
  /** Test files that fail without any change, and what failed; they can see nothing. */
  readonly broken = new Map<string, string>();

  constructor(root: string, size: number) {
    this.size = size;
    this.#all = Array.from({ length: size }, (_, index) => new Runner(root, join(root, `.runner-${index}`)));
    this.#free = [...this.#all];
  }

  /**
   * Runs the tests that come by what is switched on, until one of them fails: one file after the other, and a
   * file's notes of what its tests come by are taken when it is first needed.
   */
  async judge(on: number | string, tests: readonly string[]): Promise<Verdict> {
    let reached = false;
    for (const test of tests) {
      const record = await (this.#records[test] ??= this.#record(test));
      if (!record) continue;
      const order = orderFor(on, test, record.reached);
      if (!order) continue;
      reached = true;
      const patienceMs = PATIENCE_MS + PATIENCE_FACTOR * record.durationMs;
      const outcome = await this.#with((runner) => runner.run(order, patienceMs));
      if (outcome === "hung") return { reached, seenBy: `${test}: hung` };
      if (outcome.failed !== undefined) return { reached, seenBy: outcome.failed };
      if (outcome.ran === 0) throw new Error(`${test} ran nothing`);
    }
    return { reached };
  }

  end(): void {
    for (const runner of this.#all) runner.kill();
  }

  /** Runs a test file once, unchanged; undefined where it fails. */
  async #record(test: string): Promise<Record | undefined> {
    const outcome = await this.#with((runner) => runner.run({ on: "record", test }, RECORD_MS_MAX));
    if (outcome === "hung" || outcome.failed !== undefined || !outcome.reached) {
      this.broken.set(test, outcome === "hung" ? outcome : (outcome.failed ?? "notes nothing"));
      return undefined;
    }
    return { reached: outcome.reached, durationMs: outcome.durationMs };
  }

  async #with<T>(use: (runner: Runner) => Promise<T>): Promise<T> {
    const runner = this.#free.pop() ?? (await new Promise<Runner>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(runner);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(runner);
      else this.#free.push(runner);
    }
  }
}

interface Record {
  readonly reached: Reached;
  readonly durationMs: number;
}

/** The tests of a file that come by what is switched on; all of it where code outside of its tests does. */
function orderFor(on: number | string, test: string, reached: Reached): Order | undefined {
  const cameBy = Object.entries(reached)
    .filter(([, what]) => what.some((one) => one === on || (isBeginning(on) && String(one).startsWith(on))))
    .map(([by]) => by);
  if (cameBy.length === 0) return undefined;
  return { on, test, ...(!cameBy.includes("outside") && { ids: cameBy }) };
}

const isBeginning = (on: number | string): on is string => typeof on === "string" && on.endsWith(".");

class Runner {
  readonly #root: string;
  readonly #state: string;
  #child: ChildProcess | undefined;

  constructor(root: string, state: string) {
    this.#root = root;
    this.#state = state;
  }

  async run(order: Order, msMax: number): Promise<Outcome | "hung"> {
    const child = (this.#child ??= this.#start());
    const { promise, resolve } = Promise.withResolvers<Outcome | "hung">();
    const timer = setTimeout(() => resolve("hung"), msMax);
    const answered = (message: unknown) => resolve(message as Outcome);
    const died = () => resolve("hung");
    child.once("message", answered).once("exit", died);
    child.send(order);
    try {
      const outcome = await promise;
      if (outcome === "hung") this.kill();
      return outcome;
    } finally {
      clearTimeout(timer);
      child.off("message", answered).off("exit", died);
    }
  }

  kill(): void {
    const pid = this.#child?.pid;
    this.#child = undefined;
    if (pid === undefined) return;
    try {
      // The group: vitest's own workers hang, not the runner.
      process.kill(-pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  }

  #start(): ChildProcess {
    return fork(join(this.#root, "scripts/mutate/runner.ts"), [this.#root, this.#state], {
      cwd: this.#root,
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  }
}
