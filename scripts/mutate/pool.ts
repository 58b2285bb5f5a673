/** The runners: hands them tests, kills those that hang, and starts new ones in their place. */
import { fork, type ChildProcess } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Order, Outcome } from "./runner.ts";
import { files, isOn, type On, type Reached, type TurnEvent, type Turns } from "./switch.ts";

export interface Verdict {
  /** The test that failed, or that the run was too long or died; missing where nobody saw. */
  readonly seenBy?: string;
  readonly reached: boolean;
}

/** A run that takes so much longer than it did without a change hangs; the machine may be busy with other things. */
const PATIENCE_MS = 25_000;
const PATIENCE_FACTOR = 5;
const RECORD_MS_MAX = 600_000;
/** A file whose tests fail so often after another's turn is run once for each change instead. */
const SPOILED_MAX = 3;

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
   * Runs the tests that come by each of what is switched on, until one of them fails: one file after the other, and a
   * file's notes of what its tests come by are taken when it is first needed.
   */
  async judge(ons: readonly On[], tests: readonly string[]): Promise<Map<On, Verdict>> {
    const verdicts = new Map<On, Verdict>(ons.map((on) => [on, { reached: false }]));
    for (const test of tests) {
      const waiting = ons.filter((on) => verdicts.get(on)?.seenBy === undefined);
      if (waiting.length === 0) break;
      const record = await (this.#records[test] ??= this.#record(test));
      if (!record) continue;
      const come = waiting.map((on) => [on, comeBy(on, record.reached)] as const).filter(([, ids]) => ids.length > 0);
      for (const [on] of come) verdicts.set(on, { reached: true });
      const inTurn = come.filter(([, ids]) => !ids.includes("outside"));
      const seen = await this.#inTurn(test, inTurn, record);
      for (const [on, ids] of come) {
        const seenBy = seen.has(on) ? seen.get(on) : await this.#alone(on, test, ids, record);
        if (seenBy !== undefined) verdicts.set(on, { reached: true, seenBy });
      }
    }
    return verdicts;
  }

  /** Runs the tests that come by it in a process that has seen no other change. @returns which one sees it */
  async #alone(on: On, test: string, ids: readonly string[], record: Record): Promise<string | undefined> {
    // Code outside of its tests comes by it: all of the file.
    const order: Order = { on, test, ...(!ids.includes("outside") && { ids }) };
    const outcome = await this.#with((runner) => runner.run(order, patienceMs(record)));
    if (outcome === "hung") return `${test}: hung`;
    if (outcome.failed !== undefined) return outcome.failed;
    if (outcome.ran === 0) throw new Error(`${test} ran nothing`);
    return undefined;
  }

  /** Many at once, in turn. @returns which test sees each, or that none does; missing where that must be found out alone */
  async #inTurn(
    test: string,
    come: readonly (readonly [on: On, ids: readonly string[]])[],
    record: Record,
  ): Promise<Map<On, string | undefined>> {
    const seen = new Map<On, string | undefined>();
    if (record.isSpoiled || come.length < 2) return seen;
    const left = new Map(come.map(([on, ids]) => [on, new Set(ids)]));
    const met = new Set<On>();
    let isSure = true;
    while (left.size > 0) {
      const { outcome, events } = await this.#with(async (runner) => {
        const turns = turnsOf(left);
        const order = { turns, test, ids: Object.keys(turns) };
        return { outcome: await runner.run(order, patienceMs(record)), events: runner.events() };
      });
      const before = [...left.values()].reduce((sum, ids) => sum + ids.size, 0);
      for (const { on, id, what, test: by } of events) {
        if (what === "begins") continue;
        if (what === "met") met.add(on);
        if (what === "met" || what === "missed") left.get(on)?.delete(id);
        else left.delete(on);
        if (what === "seen") seen.set(on, by ?? test);
      }
      const last = events.at(-1);
      if (outcome === "hung" && last?.what === "begins") {
        seen.set(last.on, `${test}: hung`);
        left.delete(last.on);
      }
      for (const [on, ids] of left) if (ids.size === 0 || seen.has(on)) left.delete(on);
      const after = [...left.values()].reduce((sum, ids) => sum + ids.size, 0);
      record.isSpoiled ||=
        events.filter(({ what }) => what === "spoiled").length > 0 && ++record.spoiled >= SPOILED_MAX;
      // An error that nobody caught is some mutant's: each must show it alone.
      if (outcome !== "hung" && outcome.failed !== undefined) isSure = false;
      if (after >= before || record.isSpoiled || !isSure) break;
    }
    if (isSure) for (const [on] of come) if (met.has(on) && !left.has(on) && !seen.has(on)) seen.set(on, undefined);
    return seen;
  }

  end(): void {
    for (const runner of this.#all) runner.kill();
  }

  /** Runs a test file once, unchanged; undefined where it fails. */
  async #record(test: string): Promise<Record | undefined> {
    const outcome = await this.#with((runner) => runner.run({ record: true, test }, RECORD_MS_MAX));
    if (outcome === "hung" || outcome.failed !== undefined || !outcome.reached) {
      this.broken.set(test, outcome === "hung" ? outcome : (outcome.failed ?? "notes nothing"));
      return undefined;
    }
    return { reached: outcome.reached, durationMs: outcome.durationMs, spoiled: 0, isSpoiled: false };
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
  /** How often a test failed without a mutant after a mutant's turn, and whether that is too often. */
  spoiled: number;
  isSpoiled: boolean;
}

const patienceMs = ({ durationMs }: Record): number => PATIENCE_MS + PATIENCE_FACTOR * durationMs;

/** The tests that come by what is switched on, and "outside" where other code of the file does. */
const comeBy = (on: On, reached: Reached): string[] =>
  Object.entries(reached)
    .filter(([, what]) => what.some((one) => isOn(on, one)))
    .map(([by]) => by);

function turnsOf(left: ReadonlyMap<On, ReadonlySet<string>>): Turns {
  const turns: { [id: string]: On[] } = {};
  for (const [on, ids] of left) for (const id of ids) (turns[id] ??= []).push(on);
  return turns;
}

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
    // In a run of many turns each that ends shows that it does not hang.
    let began = performance.now();
    let told = 0;
    const timer = setInterval(() => {
      const size = statSync(join(this.#state, files.events), { throwIfNoEntry: false })?.size ?? 0;
      if (size !== told) [told, began] = [size, performance.now()];
      if (performance.now() - began > msMax) resolve("hung");
    }, 500);
    const answered = (message: unknown) => resolve(message as Outcome);
    const died = () => resolve("hung");
    child.once("message", answered).once("exit", died);
    child.send(order);
    try {
      const outcome = await promise;
      if (outcome === "hung") this.kill();
      return outcome;
    } finally {
      clearInterval(timer);
      child.off("message", answered).off("exit", died);
    }
  }

  /** What the last run told of its turns. */
  events(): TurnEvent[] {
    const path = join(this.#state, files.events);
    if (!statSync(path, { throwIfNoEntry: false })) return [];
    const lines = readFileSync(path, "utf8").split("\n");
    // A process that was killed may have left half a line.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as TurnEvent);
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
