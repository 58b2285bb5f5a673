import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import { readRequest } from "@darkbloom/protocol/wire";
import { fromUtf8 } from "@darkbloom/protocol/bytes";
import type { Line, LineEvent, Member } from "../machines/ports.ts";
import { addressed, readAddressed } from "./post.ts";
import { FAR_LINES_MAX, type Of, type Words } from "./words.ts";

/** Lines of one coordinator that are over, and of which it may still tell how their machines did. */
export const LINES_REMEMBERED_MAX = 256;
/** How long the next event of a machine is waited for at once; then it is waited for again. */
const EVENT_WAIT_MS = 60_000;

/** The way to the coordinator that has asked. */
export interface WayBack {
  say(words: Words): void;
  hand(kind: "frames", parts: readonly Uint8Array[]): void;
}

interface Lent {
  readonly line: Line;
  /** Numbers of what was said last, there and here. */
  said: number;
  heard: number;
  isClosed: boolean;
}

const over = new Error("whoever asked for this line is gone");

/**
 * The lines that this coordinator's machines have open for another one. It owns them, as the session behind each does: what the machine
 * says goes there as it came, what comes from there goes to the machine; and once the other has left a line, lost something of it or is gone itself,
 * the line ends here as that of a caller who has left.
 */
export class LentLines {
  readonly #way: WayBack;
  readonly #bug: (error: unknown) => void;
  readonly #lent = new Map<JobId, Lent>();
  /** Asked for, and not yet lent. */
  readonly #asked = new Set<JobId>();
  readonly #remembered = new Map<JobId, Line>();
  #isOver = false;

  constructor(way: WayBack, bug: (error: unknown) => void) {
    this.#way = way;
    this.#bug = bug;
  }

  get size(): number {
    return this.#lent.size + this.#asked.size;
  }

  /** Each with the number of the last that was said on it. */
  get said(): [JobId, number][] {
    return Array.from(this.#lent, ([jobId, { said }]) => [jobId, said]);
  }

  /** @param member undefined where it is not connected here */
  async reserve(jobId: JobId, member: Member | undefined): Promise<void> {
    if (this.#asked.has(jobId) || this.#lent.has(jobId) || this.#remembered.has(jobId)) return;
    if (!member || this.size >= FAR_LINES_MAX) return this.#way.say({ type: "full", job: jobId });
    this.#asked.add(jobId);
    const line = await member.reserve(jobId);
    const isAwaited = this.#asked.delete(jobId);
    if (line === "full") return this.#way.say({ type: "full", job: jobId });
    if (!isAwaited || this.#isOver) return line[Symbol.dispose]();
    const lent = { line, said: 0, heard: 0, isClosed: false };
    this.#lent.set(jobId, lent);
    this.#way.say({ type: "granted", job: jobId });
    void this.#passOn(jobId, lent);
  }

  request(record: Uint8Array): void {
    const { jobId, number, bytes } = readAddressed(record) ?? {};
    const lent = this.#lent.get(jobId as JobId);
    if (!lent || number === undefined || !bytes || !this.#isNext(jobId as JobId, lent, number)) return;
    const at = 1 + (bytes[0] ?? 0);
    // A copy: it waits for its turn behind others, and what it came in is larger.
    const request = readRequest(lent.line.jobId, bytes.slice(at));
    if (!request) return this.#lose(lent.line.jobId, lent);
    const account = fromUtf8(bytes.subarray(1, at)) as AccountId;
    try {
      lent.line.send({ callerRequestId: request.caller_request_id, account, envelope: request.envelope });
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      const isBusy = error.failure.code === "provider_busy";
      const frame = { type: "inference_error", job_id: lent.line.jobId, code: "draining" } as const;
      this.#say(lent, isBusy ? { type: "closed", frame } : { type: "gone", silent: false });
      lent.isClosed = true;
    }
  }

  hear(words: Of<"credit" | "cancel" | "release" | "began" | "measured" | "learnt" | "declined">): void {
    const jobId = words.job;
    if (words.type === "release") return this.#release(jobId);
    const lent = this.#lent.get(jobId);
    if (words.type === "credit" || words.type === "cancel") {
      if (!lent || !this.#isNext(jobId, lent, words.number)) return;
      if (words.type === "credit") lent.line.credit(words.bytes);
      else lent.line.cancel();
      return;
    }
    const line = lent?.line ?? this.#remembered.get(jobId);
    if (line) learn(line, words);
  }

  /** The other one holds these, and has said so much on each: what it does not hold is nobody's, and what was said and not heard is lost. */
  compare(held: ReadonlyMap<JobId, number>): void {
    for (const [jobId, lent] of this.#lent) {
      const said = held.get(jobId);
      if (said === undefined) this.#release(jobId);
      else if (said > lent.heard && !lent.isClosed) this.#lose(jobId, lent);
    }
  }

  /** Whoever asked for them is gone. */
  end(): void {
    this.#isOver = true;
    for (const jobId of this.#lent.keys()) this.#release(jobId);
  }

  async #passOn(jobId: JobId, lent: Lent): Promise<void> {
    try {
      while (!lent.isClosed) {
        const event = await lent.line.take(EVENT_WAIT_MS);
        if (event && !lent.isClosed) this.#tell(jobId, lent, event);
      }
    } catch (error) {
      if (error !== over) this.#bug(error);
    }
  }

  #tell(jobId: JobId, lent: Lent, event: LineEvent): void {
    lent.isClosed = event.kind !== "frames" && event.kind !== "reading";
    switch (event.kind) {
      case "frames":
        return this.#way.hand("frames", addressed(jobId, ++lent.said, event.bytes));
      case "reading":
        return this.#say(lent, { type: "reading", readTokens: event.readTokens });
      case "complete":
        return this.#say(lent, { type: "closed", frame: event.completion });
      case "error":
        return this.#say(lent, { type: "closed", frame: event.error });
      case "gone":
        return this.#say(lent, { type: "gone", silent: event.silent });
    }
  }

  #say(
    lent: Lent,
    words:
      | Omit<Of<"reading">, "job" | "number">
      | Omit<Of<"closed">, "job" | "number">
      | Omit<Of<"gone">, "job" | "number">,
  ): void {
    this.#way.say({ ...words, job: lent.line.jobId, number: ++lent.said });
  }

  #isNext(jobId: JobId, lent: Lent, number: number): boolean {
    if (lent.isClosed || number <= lent.heard) return false;
    if (number !== lent.heard + 1) {
      this.#lose(jobId, lent);
      return false;
    }
    lent.heard = number;
    return true;
  }

  #lose(jobId: JobId, lent: Lent): void {
    lent.isClosed = true;
    this.#way.say({ type: "lost", job: jobId });
    this.#release(jobId);
  }

  /** The machine is told to stop, unless it has closed; what it did may still be learnt. */
  #release(jobId: JobId): void {
    this.#asked.delete(jobId);
    const lent = this.#lent.get(jobId);
    if (!lent) return;
    this.#lent.delete(jobId);
    lent.isClosed = true;
    lent.line.interrupt(over);
    lent.line[Symbol.dispose]();
    this.#remembered.set(jobId, lent.line);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= LINES_REMEMBERED_MAX) break;
      this.#remembered.delete(oldest);
    }
  }
}

function learn(line: Line, words: Of<"began" | "measured" | "learnt" | "declined">): void {
  switch (words.type) {
    case "began":
      return line.began({ firstContentMs: words.firstContentMs, promptBytes: words.promptBytes });
    case "measured":
      return line.measured(words.answer);
    case "declined":
      return line.declined(words.account);
    case "learnt":
      return line[words.what]();
  }
}
