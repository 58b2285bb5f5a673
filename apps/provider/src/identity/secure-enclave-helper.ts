import { spawn, type ChildProcess } from "node:child_process";
import type { Clock } from "@darkbloom/protocol/ports";
import { LATE, within } from "@darkbloom/protocol/time";
import {
  HELPER_LINE_BYTES_MAX,
  helperAnswers,
  helperEnvelope,
  type HelperAnswer,
  type HelperError,
  type HelperRequest,
} from "./secure-enclave-protocol.ts";

/** An enclave signs within hundredths of a second; a helper that is silent for so long is ended. */
export const HELPER_ANSWER_MS = 5_000;
/** More than so many at once wait for nothing: the machine's slots are far fewer. */
export const HELPER_REQUESTS_WAITING_MAX = 256;

/** How a helper failed: by its own word, or by not keeping to the protocol. */
export type HelperFault = HelperError | "not_started" | "ended" | "silent" | "junk" | "oversize" | "busy" | "closed";

export class HelperFailure extends Error {
  override readonly name = "HelperFailure";
  readonly fault: HelperFault;

  constructor(fault: HelperFault) {
    super(`the helper failed: ${fault}`);
    this.fault = fault;
  }
}

/** Faults after which another process may do better: the helper's own words are not among them. */
const curable: ReadonlySet<HelperFault> = new Set(["ended", "silent", "junk", "oversize"]);

/**
 * The helper program as a process of its own, asked one thing at a time. Whatever it does wrong ends it, and
 * the next request starts another; a request that fell into such an end is asked once more. Disposing ends it.
 */
export class SecureEnclaveHelper implements AsyncDisposable {
  readonly #command: readonly string[];
  readonly #clock: Clock;
  /** What a new process must be told before anything else, e.g. to load the key. */
  #greeting: readonly HelperRequest[] = [];
  #process: HelperProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isClosed = false;

  /** @param command a program by its absolute path, and its arguments */
  constructor(command: readonly string[], clock: Clock) {
    this.#command = command;
    this.#clock = clock;
  }

  /** From here on every new process is first asked this. */
  greetWith(...greeting: readonly HelperRequest[]): void {
    this.#greeting = greeting;
  }

  /** @throws HelperFailure */
  async ask<Do extends HelperRequest["do"]>(request: Extract<HelperRequest, { do: Do }>): Promise<HelperAnswer<Do>> {
    if (this.#waiting >= HELPER_REQUESTS_WAITING_MAX) throw new HelperFailure("busy");
    this.#waiting++;
    const before = this.#last;
    const own = before.then(() => this.#askPatiently(request)).finally(() => this.#waiting--);
    this.#last = own.catch(() => undefined);
    return own as Promise<HelperAnswer<Do>>;
  }

  async #askPatiently(request: HelperRequest): Promise<unknown> {
    try {
      return await this.#askOnce(request);
    } catch (error) {
      if (!(error instanceof HelperFailure) || !curable.has(error.fault)) throw error;
      return await this.#askOnce(request);
    }
  }

  async #askOnce(request: HelperRequest): Promise<unknown> {
    if (this.#isClosed) throw new HelperFailure("closed");
    this.#process = this.#process?.isOver === false ? this.#process : await this.#started();
    return await this.#process.ask(request);
  }

  async #started(): Promise<HelperProcess> {
    const started = new HelperProcess(this.#command, this.#clock);
    // Owned from its first moment, so that it can be ended while it is being greeted.
    this.#process = started;
    try {
      for (const first of this.#greeting) await started.ask(first);
      return started;
    } catch (error) {
      await started.end("ended");
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#process?.end("closed");
    await this.#last;
  }
}

/** One life of the program. */
class HelperProcess {
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #ended = Promise.withResolvers<void>();
  #open: { readonly id: number; readonly answer: PromiseWithResolvers<string> } | undefined;
  #fault: HelperFault | undefined;
  #heard = "";
  #id = 0;

  constructor([program = "", ...args]: readonly string[], clock: Clock) {
    this.#clock = clock;
    // It needs nothing of our environment, and what it says on stderr is nothing for us.
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"], env: {} });
    this.#child.once("error", () => this.#over("not_started"));
    this.#child.once("close", () => this.#over("ended"));
    // Writing to a process that has just ended fails; that it ended is told by `close`.
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#hear(text));
  }

  get isOver(): boolean {
    return this.#fault !== undefined;
  }

  async ask(request: HelperRequest): Promise<unknown> {
    if (this.#fault !== undefined) throw new HelperFailure(this.#fault);
    const id = ++this.#id;
    const line = `${JSON.stringify({ id, ...request })}\n`;
    if (line.length > HELPER_LINE_BYTES_MAX) throw new HelperFailure("bad_request");
    const open = { id, answer: Promise.withResolvers<string>() };
    this.#open = open;
    this.#child.stdin?.write(line);
    try {
      const answer = await within(this.#clock, HELPER_ANSWER_MS, open.answer.promise);
      if (answer === LATE) throw this.#fail("silent");
      return this.#read(request.do, id, answer);
    } finally {
      this.#open = undefined;
    }
  }

  /** Closes its stdin, at which it ends, and kills it where it does not. */
  async end(fault: HelperFault): Promise<void> {
    this.#giveUp(fault);
    this.#child.stdin?.end();
    if ((await within(this.#clock, HELPER_ANSWER_MS, this.#ended.promise)) === LATE) this.#child.kill("SIGKILL");
    await this.#ended.promise;
  }

  #read(asked: HelperRequest["do"], id: number, line: string): unknown {
    const answer = helperEnvelope.safeParse(jsonIn(line)).data;
    if (answer?.id !== id) throw this.#fail("junk");
    if ("error" in answer) throw new HelperFailure(answer.error);
    const ok = helperAnswers[asked].safeParse(answer.ok);
    if (!ok.success) throw this.#fail("junk");
    return ok.data;
  }

  #hear(text: string): void {
    this.#heard += text;
    const end = this.#heard.indexOf("\n");
    if (end < 0 ? this.#heard.length >= HELPER_LINE_BYTES_MAX : end >= HELPER_LINE_BYTES_MAX)
      return void this.#fail("oversize");
    if (end < 0) return;
    const line = this.#heard.slice(0, end);
    const rest = this.#heard.slice(end + 1);
    this.#heard = "";
    // One answer for one request: a word that nobody asked for may belong to anything.
    if (!this.#open || rest !== "") return void this.#fail("junk");
    this.#open.answer.resolve(line);
    // Until the next request is written, whatever else comes is unasked.
    this.#open = undefined;
  }

  #fail(fault: HelperFault): HelperFailure {
    this.#giveUp(fault);
    this.#child.kill("SIGKILL");
    return new HelperFailure(this.#fault ?? fault);
  }

  #over(fault: HelperFault): void {
    this.#giveUp(fault);
    this.#ended.resolve();
  }

  #giveUp(fault: HelperFault): void {
    this.#fault ??= fault;
    this.#open?.answer.reject(new HelperFailure(this.#fault));
    this.#open = undefined;
  }
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
