/**
 * Runs a test once for each mutant that it comes by, one after the other in the same process: loading all that a test needs
 * takes longer than most tests do. A test that fails is run once more with nothing on, and only what that undoes counts as
 * seen: what a mutant left behind in the process could fail the next one's turn.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TestRunner, vi, type RunnerTask, type RunnerTestCase } from "vitest";
import { files, isOn, type On, type Switch, type TurnEvent } from "./switch.ts";

const folder = process.env["DARKBLOOM_MUTATION"] ?? "";

export default class TurnRunner extends TestRunner {
  readonly #turns = turnsOf(JSON.parse(readFileSync(join(folder, files.switch), "utf8")) as Switch);
  readonly #seen = new Set<On>();
  /** Whose turns the present test is repeated for: each has one with it on, and one with nothing on where that failed. */
  #ons: readonly On[] = [];
  #step = 0;
  #wasMet = false;
  #hasThrown = false;
  #isSuspected = false;
  #isSpoiled = false;

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    await super.onBeforeRunTask(test);
    if (!this.#turns || test.type !== "test") return;
    this.#ons = this.#isSpoiled ? [] : (this.#turns[test.id] ?? []).filter((on) => !this.#seen.has(on));
    test.repeats = Math.max(0, 2 * this.#ons.length - 1);
  }

  override onBeforeTryTask(test: RunnerTask, options: { retry: number; repeats: number }): void {
    super.onBeforeTryTask(test, options);
    if (!this.#turns) return;
    this.#step = options.repeats;
    this.#wasMet = false;
    this.#hasThrown = false;
    if (!this.#isNeeded) return;
    vi.restoreAllMocks();
    const on = this.#on;
    if (this.#step % 2 === 0 && on !== undefined) this.#tell(test, "begins");
    const is = (what: On): boolean => {
      const isIt = on !== undefined && this.#step % 2 === 0 && isOn(on, what);
      this.#wasMet ||= isIt;
      return isIt;
    };
    globalThis.__mutant = is;
    globalThis.__check = is;
  }

  async runTask(test: RunnerTestCase): Promise<void> {
    if (this.#turns && !this.#isNeeded) return;
    try {
      await TestRunner.getTestFn(test)();
    } catch (error) {
      if (!this.#turns) throw error;
      this.#hasThrown = true;
    }
  }

  override async onAfterRetryTask(test: RunnerTestCase, options: { retry: number; repeats: number }): Promise<void> {
    await super.onAfterRetryTask(test, options);
    if (!this.#turns || !this.#isNeeded) return;
    const { result } = test;
    const hasFailed = this.#hasThrown || result?.state === "fail";
    if (result) {
      // Of all the turns one may fail, and the rest still have theirs.
      result.state = "pass";
      delete result.errors;
    }
    if (this.#step % 2 === 0) {
      this.#isSuspected = hasFailed;
      if (!hasFailed) this.#tell(test, this.#wasMet ? "met" : "missed");
      return;
    }
    this.#isSuspected = false;
    this.#isSpoiled = hasFailed;
    this.#tell(test, hasFailed ? "spoiled" : "seen");
    if (this.#on !== undefined) this.#seen.add(this.#on);
  }

  get #on(): On | undefined {
    return this.#ons[Math.floor(this.#step / 2)];
  }
  get #isNeeded(): boolean {
    if (this.#isSpoiled || this.#on === undefined) return false;
    return this.#step % 2 === 0 || this.#isSuspected;
  }

  #tell(test: RunnerTask, what: TurnEvent["what"]): void {
    if (this.#on === undefined) return;
    const event: TurnEvent = { on: this.#on, id: test.id, what, ...(what === "seen" && { test: test.fullTestName }) };
    appendFileSync(join(folder, files.events), `${JSON.stringify(event)}\n`);
  }
}

const turnsOf = (order: Switch) => ("turns" in order ? order.turns : undefined);
