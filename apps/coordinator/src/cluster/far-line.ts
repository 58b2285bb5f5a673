import type { AccountId, JobId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import { ANSWER_WINDOW_BYTES } from "@darkbloom/protocol/limits";
import type { Deadlines } from "@darkbloom/protocol/time";
import { writeRequest } from "@darkbloom/protocol/wire";
import { utf8 } from "@darkbloom/protocol/bytes";
import { Mailbox } from "../machines/connection/mailbox.ts";
import type { Line, LineEvent, MachineView, Sealing } from "../machines/ports.ts";
import type { Beginning, MeasuredAnswer } from "../machines/records/pace.ts";
import { addressed } from "./post.ts";
import type { Of, Words } from "./words.ts";

/** What a line needs of the way to its home. */
export interface Way {
  readonly deadlines: Deadlines;
  say(words: Words): void;
  /** The same, where nobody waits for it. */
  mention(words: Words): void;
  hand(kind: "request", parts: readonly Uint8Array[]): void;
}

/** What a line needs of the machine at its other end. */
export interface LineEnd {
  readonly providerId: ProviderId;
  readonly view: MachineView;
  sealing(): Sealing;
  distrust(): void;
  /** It has closed this attempt: its slot is free again. */
  closed(): void;
}

/**
 * The edge's end of a line to a machine of another coordinator. The slot and the line itself are the home's; this has the events that
 * come from there, in order. Whatever is lost on the way ends it, as if the machine had gone, and is nobody's fault.
 */
export class FarLine implements Line {
  readonly jobId: JobId;
  readonly serial: Serial;
  readonly #way: Way;
  readonly #end: LineEnd;
  readonly #over: () => void;
  readonly #mailbox: Mailbox<LineEvent>;
  readonly #reading: { readonly kind: "reading"; readTokens: number } = { kind: "reading", readTokens: 0 };
  #said = 0;
  #heard = 0;
  #isClosed = false;
  #isLost = false;
  #isLeft = false;

  /** @param over nobody listens any more */
  constructor(way: Way, end: LineEnd, jobId: JobId, over: () => void) {
    this.#way = way;
    this.#end = end;
    this.jobId = jobId;
    this.serial = end.view.serial;
    this.#over = over;
    this.#mailbox = new Mailbox(way.deadlines);
  }

  get providerId(): ProviderId {
    return this.#end.providerId;
  }
  sealing(): Sealing {
    return this.#end.sealing();
  }
  machine(): MachineView {
    return this.#end.view;
  }

  send({ callerRequestId, account, envelope }: Parameters<Line["send"]>[0]): void {
    const of = utf8(account);
    const bytes = writeRequest({ caller_request_id: callerRequestId, envelope, credit_bytes: ANSWER_WINDOW_BYTES });
    this.#way.hand("request", addressed(this.jobId, ++this.#said, Uint8Array.of(of.length), of, bytes));
  }
  take(waitMs: number): Promise<LineEvent | undefined> {
    return this.#mailbox.take(waitMs);
  }
  interrupt(reason: unknown): void {
    this.#mailbox.interrupt(reason);
  }
  credit(bytes: number): void {
    if (!this.#isClosed) this.#way.say({ type: "credit", job: this.jobId, number: ++this.#said, bytes });
  }
  cancel(): void {
    if (!this.#isClosed) this.#way.say({ type: "cancel", job: this.jobId, number: ++this.#said });
  }

  began({ firstContentMs, promptBytes }: Beginning): void {
    this.#way.mention({ type: "began", job: this.jobId, firstContentMs, promptBytes });
  }
  measured(answer?: MeasuredAnswer): void {
    this.#way.mention({ type: "measured", job: this.jobId, ...(answer && { answer }) });
  }
  faulted(): void {
    if (!this.#isLost) this.#learnt("faulted");
  }
  declined(account: AccountId): void {
    this.#way.say({ type: "declined", job: this.jobId, account });
  }
  wasBusy(): void {
    this.#learnt("wasBusy");
  }
  distrust(): void {
    this.#learnt("distrust");
    this.#end.distrust();
  }

  #learnt(what: Of<"learnt">["what"]): void {
    this.#way.say({ type: "learnt", job: this.jobId, what });
  }

  // What its home says.

  /** The number of the last that was said to the home. */
  get said(): number {
    return this.#said;
  }

  frames(number: number, bytes: Uint8Array): void {
    if (!this.#isNext(number)) return;
    this.#mailbox.put({ kind: "frames", bytes: this.#mailbox.isAwaited ? bytes : bytes.slice() });
  }

  hear(words: Of<"reading" | "closed" | "gone">): void {
    if (!this.#isNext(words.number)) return;
    if (words.type === "reading") {
      this.#reading.readTokens = words.readTokens;
      if (this.#mailbox.newest !== this.#reading) this.#mailbox.put(this.#reading);
    } else if (words.type === "gone") this.#close({ kind: "gone", silent: words.silent });
    else if (words.frame.type === "inference_complete") this.#close({ kind: "complete", completion: words.frame });
    else if (words.frame.type === "inference_error") this.#close({ kind: "error", error: words.frame });
    else this.lose();
  }

  /** Its home has said so much on it; nothing of that is on its way any more. */
  compare(said: number): void {
    if (said > this.#heard) this.lose();
  }

  /** Something was lost on the way, or whoever is at the other end of it. */
  lose(): void {
    if (this.#isClosed) return;
    this.#isLost = true;
    this.#close({ kind: "gone", silent: false });
  }

  #isNext(number: number): boolean {
    if (this.#isClosed || number <= this.#heard) return false;
    if (number !== this.#heard + 1) {
      this.lose();
      return false;
    }
    this.#heard = number;
    return true;
  }

  #close(event: LineEvent): void {
    this.#isClosed = true;
    this.#mailbox.put(event);
    this.#end.closed();
  }

  [Symbol.dispose](): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    // A machine that has closed has nothing to stop.
    const release = { type: "release", job: this.jobId } as const;
    if (this.#isClosed && !this.#isLost) this.#way.mention(release);
    else this.#way.say(release);
    this.#isClosed = true;
    this.#over();
  }
}
