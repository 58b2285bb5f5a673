import { joinRecords, writeRecord, type FromProvider } from "@darkbloom/protocol/wire";
import type { Wire } from "./wire.ts";

/** An answer is handed to the socket only while less than this waits there, so that a heartbeat or a challenge's answer behind it is soon sent. */
export const COORDINATOR_BUFFERED_BYTES_MAX = 256 * 1024;
/** Records go into one message until it is as long as this. */
export const JOINED_RECORDS_BYTES = 256 * 1024;
/** Ends of answers, refusals among them, that may wait; above the slots of any machine, so only a coordinator that counts none reaches it. */
export const ENDS_WAITING_MAX = 4096;
/** Control frames go to a socket where less than this waits. One that reaches it reads nothing. */
export const COORDINATOR_UNREAD_BYTES_MAX = 4 * 1024 * 1024;

/**
 * What goes out on one connection. Control frames are handed to the socket at once; answers, with the
 * frame that ends each, wait in their order while it is full. Their credit bounds how many wait. What the answers
 * have to send in one turn of the loop goes out together: all frames as one message, then the ends.
 */
export class Outbox {
  readonly #wire: Wire;
  readonly #defer: (act: () => void) => void;
  /** Frames of answers as records, ends as text. */
  readonly #answers: (Uint8Array<ArrayBuffer> | string)[] = [];
  /** By job. The coordinator keeps an answer's last frame back until its end is checked, so it goes with that. */
  readonly #lastFrames = new Map<string, Uint8Array<ArrayBuffer>>();
  #endsWaiting = 0;
  #isDeferred = false;
  readonly #unread: () => void;

  /**
   * @param defer does it at the end of this turn
   * @param unread the coordinator does not read
   */
  constructor(wire: Wire, defer: (act: () => void) => void, unread: () => void) {
    this.#wire = wire;
    this.#defer = defer;
    this.#unread = unread;
  }

  send(message: FromProvider): void {
    const text = JSON.stringify(message);
    if (!isEndOfAnswer(message))
      return this.#wire.bufferedBytes < COORDINATOR_UNREAD_BYTES_MAX ? this.#wire.send(text) : this.#unread();
    if (this.#endsWaiting >= ENDS_WAITING_MAX) return this.#unread();
    this.#endsWaiting++;
    const lastFrame = this.#lastFrames.get(message.job_id);
    this.#lastFrames.delete(message.job_id);
    if (lastFrame) this.#answers.push(lastFrame);
    this.#answers.push(text);
    this.#flushAtTurnEnd();
  }

  /** A whole frame of a sealed answer. @param isLast its end is next */
  sendFrame(jobId: string, bytes: Uint8Array, isLast: boolean): void {
    const record = writeRecord({ kind: "answer", jobId, bytes });
    if (isLast) return void this.#lastFrames.set(jobId, record);
    this.#answers.push(record);
    this.#flushAtTurnEnd();
  }

  #flushAtTurnEnd(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#defer(() => {
      this.#isDeferred = false;
      this.flush();
    });
  }

  /** To be called when the socket has written something. */
  flush(): void {
    while (this.#answers.length > 0 && this.#wire.bufferedBytes < COORDINATOR_BUFFERED_BYTES_MAX) this.#sendSome();
  }

  /** A message of as many records as there may be in one, and the ends that stand among them behind it. */
  #sendSome(): void {
    const records: Uint8Array<ArrayBuffer>[] = [];
    const ends: string[] = [];
    let length = 0;
    for (const waiting of this.#answers) {
      if (length >= JOINED_RECORDS_BYTES) break;
      if (typeof waiting === "string") ends.push(waiting);
      else records.push(waiting);
      length += waiting.length;
    }
    this.#answers.splice(0, records.length + ends.length);
    this.#endsWaiting -= ends.length;
    const [first, ...more] = records;
    if (first) this.#wire.send(more.length === 0 ? first : joinRecords(records));
    for (const end of ends) this.#wire.send(end);
  }
}

/** An answer's end must not overtake its frames. */
function isEndOfAnswer(
  message: FromProvider,
): message is Extract<FromProvider, { type: "inference_complete" | "inference_error" }> {
  return message.type === "inference_complete" || message.type === "inference_error";
}
