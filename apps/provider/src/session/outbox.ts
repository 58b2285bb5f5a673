import type { FromProvider } from "@darkbloom/protocol/wire";
import type { Wire } from "./wire.ts";

/** An answer is handed to the socket only while less than this waits there, so that a heartbeat or a challenge's answer behind it is soon sent. */
export const COORDINATOR_BUFFERED_BYTES_MAX = 256 * 1024;

/**
 * What goes out on one connection. Control frames are handed to the socket at once; answers, with the
 * frame that ends each, wait in their order while it is full. Their credit bounds how many wait.
 */
export class Outbox {
  readonly #wire: Wire;
  readonly #answers: string[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  send(message: FromProvider): void {
    const text = JSON.stringify(message);
    if (!isPartOfAnswer(message)) return this.#wire.send(text);
    this.#answers.push(text);
    this.flush();
  }

  /** To be called when the socket has written something. */
  flush(): void {
    let sent = 0;
    for (const text of this.#answers) {
      if (this.#wire.bufferedBytes >= COORDINATOR_BUFFERED_BYTES_MAX) break;
      this.#wire.send(text);
      sent++;
    }
    this.#answers.splice(0, sent);
  }
}

/** An answer's end must not overtake its frames. */
function isPartOfAnswer({ type }: FromProvider): boolean {
  return type === "inference_response_chunk" || type === "inference_complete" || type === "inference_error";
}
