import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  readProfile,
  readReady,
  readUsage,
  type CpuProfile,
  type Question,
  type Ready,
  type Usage,
} from "./channel.ts";

/** From the start of a process to its word that it is ready: the slowest opens a database and is attested. */
const READY_MS_MAX = 20_000;
/** An answer over the channel; a busy process is slow to give one. */
const ANSWER_MS_MAX = 20_000;
/** Between the request to stop and the kill. */
const STOP_MS_MAX = 5_000;
const LOG_TAIL_CHARS = 2_000;

export interface ProcessOptions {
  /** Also the name of its file in `contenders/`. */
  readonly name: string;
  /** What it is called where there are several of that file. */
  readonly as?: string;
  /** The root of the checkout that it is of; this one where nothing is said. */
  readonly checkout?: string | undefined;
  readonly arguments: readonly string[];
  /** Where its log goes. */
  readonly folder: string;
  /** Whether it counts what it does; that makes it slower. */
  readonly isCounting?: boolean;
}

/** One process that is measured. It ends with the scope, with the benchmark, and when the benchmark dies. */
export class MeasuredProcess implements AsyncDisposable {
  readonly name: string;
  readonly ready: Ready;
  readonly #child: ChildProcess;
  readonly #logPath: string;

  private constructor(name: string, child: ChildProcess, logPath: string, ready: Ready) {
    this.name = name;
    this.#child = child;
    this.#logPath = logPath;
    this.ready = ready;
  }

  /** @throws Error with the end of the process's log, where it did not get ready */
  static async start({
    name: file,
    as: name = file,
    checkout,
    arguments: given,
    folder,
    isCounting = false,
  }: ProcessOptions): Promise<MeasuredProcess> {
    const logPath = join(folder, `${name}${checkout === undefined ? "" : "-earlier"}.log`);
    const sources = checkout === undefined ? import.meta.dirname : join(checkout, "bench/src");
    const log = openSync(logPath, "w");
    const child = fork(join(sources, "contenders", `${file}.ts`), given, {
      execPath: process.execPath,
      execArgv: [
        "--expose-gc",
        ...(isCounting ? ["--import", join(import.meta.dirname, "contenders", "counting.ts")] : []),
      ],
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    process.once("exit", () => child.kill("SIGKILL"));
    try {
      return new MeasuredProcess(name, child, logPath, readReady(await nextMessage(child, READY_MS_MAX)));
    } catch (cause) {
      child.kill("SIGKILL");
      throw new Error(`${name} did not get ready. Its log ends:\n${tailOf(logPath)}`, { cause });
    }
  }

  usage(): Promise<Usage> {
    return this.#ask("usage");
  }

  /** The usage after a garbage collection. */
  collect(): Promise<Usage> {
    return this.#ask("collect");
  }

  /** Has it write down where its main thread is, until it is asked for that. */
  startProfile(): Promise<Usage> {
    return this.#ask("profile");
  }

  async endProfile(): Promise<CpuProfile> {
    return readProfile(await this.#answerTo("profiled"));
  }

  /** What a process answers to an order of its own kind. */
  told(order: object): Promise<unknown> {
    return this.#answerTo(order);
  }

  async #ask(question: Question): Promise<Usage> {
    return readUsage(await this.#answerTo(question));
  }

  async #answerTo(question: Question | object): Promise<unknown> {
    try {
      const answer = nextMessage(this.#child, ANSWER_MS_MAX);
      this.#child.send(question);
      return await answer;
    } catch (cause) {
      throw new Error(`${this.name} does not answer. Its log ends:\n${tailOf(this.#logPath)}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    if (child.connected) child.send("stop" satisfies Question);
    else child.kill("SIGKILL");
    await exited;
    clearTimeout(late);
  }
}

/** One message at a time is expected of a process. Rejects when it ends first, or takes too long. */
async function nextMessage(child: ChildProcess, waitMs: number): Promise<unknown> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(waitMs)]);
  const ended = once(child, "exit", { signal }).then(() => {
    throw new Error("it ended");
  });
  try {
    const [message]: unknown[] = await Promise.race([once(child, "message", { signal }), ended]);
    return message;
  } finally {
    over.abort();
    // Nobody waits for it any longer, so that its end or the abort is no unhandled rejection.
    ended.catch(() => undefined);
  }
}

const tailOf = (path: string): string => readFileSync(path, "utf8").slice(-LOG_TAIL_CHARS);
