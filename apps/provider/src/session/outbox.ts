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
 * have to send in one turn of the loop goes out as one message.
 */
export class Outbox {
  readonly #wire: Wire;
  readonly #defer: (act: () => void) => void;
  /** Records as bytes, ends as text. */
  readonly #answers: (Uint8Array<ArrayBuffer> | string)[] = [];
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
    this.#answers.push(text);
    this.flush();
  }

  /** Whole frames of a sealed answer. */
  sendFrames(jobId: string, bytes: Uint8Array): void {
    this.#answers.push(writeRecord({ kind: "answer", jobId, bytes }));
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#defer(() => {
      this.#isDeferred = false;
      this.flush();
    });
  }

  /** To be called when the socket has written something. */
  flush(): void {
    while (this.#answers.length > 0 && this.#wire.bufferedBytes < COORDINATOR_BUFFERED_BYTES_MAX)
      this.#wire.send(this.#next());
  }

  /** An end, or all records that are ready before the next end. */
  #next(): string | Uint8Array<ArrayBuffer> {
    const records: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    for (const waiting of this.#answers) {
      if (typeof waiting === "string" || bytes >= JOINED_RECORDS_BYTES) break;
      records.push(waiting);
      bytes += waiting.length;
    }
    if (records.length === 0) {
      this.#endsWaiting--;
      return this.#answers.shift() ?? "";
    }
    this.#answers.splice(0, records.length);
    const [first, ...more] = records;
    return first && more.length === 0 ? first : joinRecords(records);
  }
}

/** An answer's end must not overtake its frames. */
function isEndOfAnswer({ type }: FromProvider): boolean {
  return type === "inference_complete" || type === "inference_error";
}
