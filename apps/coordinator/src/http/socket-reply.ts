import { utf8 } from "@darkbloom/protocol/bytes";
import { endsResponse, type Dialect } from "@darkbloom/protocol/dialects";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { Clock } from "@darkbloom/protocol/ports";
import { withProof } from "@darkbloom/protocol/receipts";
import { LATE, within } from "@darkbloom/protocol/time";
import type { WebSocket } from "ws";
import type { AnswerFacts, Closing } from "../inference/reply.ts";
import { failureHeaders } from "./failure.ts";
import { answerHeaders, CALLER_STALL_MS_MAX, type HttpReply } from "./reply.ts";

/** Above this, what a response says waits until the caller has taken some of it. */
const SOCKET_BUFFERED_BYTES_MAX = 64 * 1024;

interface Caller {
  readonly ws: WebSocket;
  readonly clock: Clock;
  readonly dialect: Dialect;
  /** Aborts when the caller hangs up. */
  readonly hangUp: AbortSignal;
  /** Aborts when this coordinator ends and can wait for nobody. */
  readonly shutdown: AbortSignal;
}

/**
 * One response over a WebSocket: each event of the provider's is a message, its line feed included, so that the messages put
 * together are what was hashed. The last has one more member: the receipt, and what an HTTP answer has in headers. A message
 * of its own would come where a client waits for the next response, and some take no events that they do not know.
 */
export class SocketReply implements HttpReply {
  readonly #caller: Caller;
  #facts: AnswerFacts | undefined;
  #ended = false;
  #last = "";
  #sent = Promise.resolve();

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  get ended(): boolean {
    return this.#ended || this.#isOver;
  }

  get hasBegun(): boolean {
    return this.#facts !== undefined;
  }

  /** The event that ended the response, as the machine wrote it. */
  get lastLine(): Uint8Array<ArrayBuffer> {
    return utf8(this.#last);
  }

  begin(facts: AnswerFacts): void {
    if (this.#facts) throw new RangeError("a stream begins once");
    this.#facts = facts;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#facts) throw new RangeError("write before begin");
    const lines = new TextDecoder().decode(bytes).match(/.*\n/g) ?? [];
    for (const line of lines) {
      if (this.#isOver) throw callerGone();
      // It says how the response was proved, which is known when all of it has come.
      if (endsResponse(line)) {
        this.#last = line;
        continue;
      }
      const sent = this.#send(line);
      if (this.#caller.ws.bufferedAmount > SOCKET_BUFFERED_BYTES_MAX) await this.#taken(sent);
    }
  }

  async end({ responseHash, responseSignature, receipt }: Closing, delivered = (): void => undefined): Promise<void> {
    if (!this.#facts) throw new RangeError("end before begin");
    if (this.#isOver) return;
    this.#ended = true;
    const headers = answerHeaders(this.#facts);
    const told = withProof(this.#last, { responseHash, responseSignature, receipt, headers });
    void this.#send(told).then(delivered, () => undefined);
  }

  fail(failure: Failure): void {
    if (this.ended) return;
    this.#ended = true;
    const { dialect } = this.#caller;
    const { "content-type": _, ...headers } = failureHeaders(failure);
    void this.#send(dialect.errorLine?.(failure, headers) ?? "").catch(() => undefined);
  }

  /** Resolves when the caller has taken enough of what was said for another response to begin, or is dropped. */
  async taken(): Promise<void> {
    if (this.#caller.ws.bufferedAmount > SOCKET_BUFFERED_BYTES_MAX)
      await this.#taken(this.#sent).catch(() => undefined);
  }

  get #isOver(): boolean {
    const { ws, hangUp } = this.#caller;
    return hangUp.aborted || ws.readyState !== ws.OPEN;
  }

  /** Resolves when it has left this program. */
  #send(text: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#caller.ws.send(text, (error) => (error ? reject(error) : resolve()));
    promise.catch(() => undefined);
    this.#sent = promise;
    return promise;
  }

  async #taken(sent: Promise<void>): Promise<void> {
    const { ws, clock, hangUp, shutdown } = this.#caller;
    const over = AbortSignal.any([hangUp, shutdown]);
    const taken = await within(clock, CALLER_STALL_MS_MAX, sent, over).catch(() => {
      if (!hangUp.aborted) shutdown.throwIfAborted();
      throw callerGone();
    });
    if (taken !== LATE) return;
    ws.terminate();
    throw callerGone();
  }
}

const callerGone = (): NetworkError => new NetworkError({ code: "caller_gone", phase: "after_content" });
