import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { SUPERVISED_VARIABLE } from "./environment.ts";
import { note } from "./output.ts";
import { STOP_WORD } from "./stop.ts";

/** After a crash, doubling from the first to the second. */
const RESTART_PAUSE_FIRST_MS = 1_000;
const RESTART_PAUSE_MAX_MS = 30_000;
/** A process that ran for so long crashed anew, rather than again. */
const STEADY_MS = 60_000;
/** What a process may take beyond its drain before it is killed. */
const STOP_GRACE_MS = 3_000;

/**
 * No core dump of a child from its first moment on: its memory holds prompts. The hard limit stays, so that
 * a provider can set the one that stops dumps to programs too.
 */
const WITHOUT_CORE_DUMPS = 'ulimit -S -c 0 2>/dev/null; exec "$@"';

/** The launcher, as `npx darkbloom` runs it. */
export const BINARY = join(import.meta.dirname, "../bin/darkbloom.js");

/** How long a process that lived for so long stays away. @param lastMs its pause before that life, where it had one */
export const pauseAfter = (livedMs: number, lastMs: number | undefined): number =>
  lastMs === undefined || livedMs > STEADY_MS ? RESTART_PAUSE_FIRST_MS : Math.min(lastMs * 2, RESTART_PAUSE_MAX_MS);

/** One line of a child's `--json` output. */
export type ChildEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** A child ended before it was ever ready; it has said why on stderr. */
export class ChildEndedEarly extends Error {
  override readonly name = "ChildEndedEarly";
}

export interface ChildOptions {
  /** For the person who reads, e.g. `provider-1`. */
  readonly name: string;
  /** The command line after `darkbloom`; asked again at every start. */
  args(): readonly string[];
  /** What it may know of our own environment; all of it unless said. */
  readonly inherited?: Readonly<Record<string, string>>;
  /** Said to it beyond that. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long it may take to end what it has begun. */
  readonly drainMs: number;
  onEvent(event: ChildEvent): void;
  /** It ended and is started again after the pause. */
  onRestart?(facts: { readonly how: string; readonly pauseMs: number }): void;
}

/**
 * One of our own long-running commands as a process of its own: started again when it crashes, stopped by
 * a word over the IPC channel, which also ends it when this process dies. Disposing stops it.
 */
export class Child implements AsyncDisposable {
  /** The first ready line. Rejects with `ChildEndedEarly` if the process ends before it. */
  readonly ready: Promise<ChildEvent>;
  readonly #options: ChildOptions;
  readonly #halt = new AbortController();
  readonly #ended: Promise<void>;
  readonly #firstReady = Promise.withResolvers<ChildEvent>();
  #process: ChildProcess | undefined;
  #hasBeenReady = false;
  /** Why it is being ended by us, to be started again. */
  #replacedFor: string | undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.ready = this.#firstReady.promise;
    // Whoever awaits `ready` sees the failure; nobody has to.
    void this.ready.catch(() => undefined);
    process.once("exit", this.#kill);
    this.#ended = this.#keepRunning();
  }

  /** Asks the process to drain, waits for its end, and kills it where that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#halt.abort();
    if (this.#process?.connected) this.#process.send(STOP_WORD);
    const deadline = setTimeout(this.#kill, this.#options.drainMs + STOP_GRACE_MS);
    await this.#ended;
    clearTimeout(deadline);
    process.off("exit", this.#kill);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Ends a process that does not answer, and starts it again. @param how what is told of it */
  replace(how: string): void {
    this.#replacedFor = how;
    this.#kill();
  }

  async #keepRunning(): Promise<void> {
    let pauseMs: number | undefined;
    while (!this.#halt.signal.aborted) {
      const startedAt = performance.now();
      const ended = await this.#run();
      const how = this.#replacedFor ?? ended;
      this.#replacedFor = undefined;
      if (this.#halt.signal.aborted) return;
      if (!this.#hasBeenReady) return this.#firstReady.reject(new ChildEndedEarly());
      pauseMs = pauseAfter(performance.now() - startedAt, pauseMs);
      note(`${this.#options.name} ${how}; it starts again in ${pauseMs / 1000} s.`);
      this.#options.onRestart?.({ how, pauseMs });
      await sleep(pauseMs, undefined, { signal: this.#halt.signal }).catch(() => undefined);
    }
  }

  /** One life of the process; answers how it ended. */
  #run(): Promise<string> {
    const { inherited = process.env, environment } = this.#options;
    const command = [process.execPath, BINARY, ...this.#options.args()];
    const child = spawn("/bin/sh", ["-c", WITHOUT_CORE_DUMPS, "sh", ...command], {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      env: { ...inherited, ...environment, [SUPERVISED_VARIABLE]: "1" },
    });
    this.#process = child;
    if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    child.once("error", () => resolve("could not be started"));
    child.once("exit", (code, signal) =>
      resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
    return ended;
  }

  #hear(line: string): void {
    const event = eventIn(line);
    if (!event) return;
    if (event.event === "ready") {
      this.#hasBeenReady = true;
      this.#firstReady.resolve(event);
    }
    this.#options.onEvent(event);
  }

  readonly #kill = (): void => {
    this.#process?.kill("SIGKILL");
  };
}

/** A text field of an event. Both ends are the same program, so that one is missing is a fault in it. */
export function textIn(event: ChildEvent, field: string): string {
  const value = event[field];
  if (typeof value !== "string") throw new TypeError(`a ${event.event} line without ${field}`);
  return value;
}

function eventIn(line: string): ChildEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value && typeof value.event === "string"
      ? { ...value, event: value.event }
      : undefined;
  } catch {
    // A library that prints to stdout on its own; nothing for us.
    return undefined;
  }
}
