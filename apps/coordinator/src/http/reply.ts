import type { Dialect } from "@darkbloom/protocol/dialects";
import { failures, NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { responseHeaders } from "@darkbloom/protocol/headers";
import type { RequestId } from "@darkbloom/protocol/ids";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AnswerFacts, Closing, Reply } from "../inference/reply.ts";
import { OVERLOADED_RETRY_SEC, type Share } from "../limits/budget.ts";
import type { AnswerForm } from "./answer-form.ts";
import { EventCounter } from "./event-counter.ts";
import { failureHeaders } from "./failure.ts";

/**
 * A signal that aborts, with `caller_gone`, when the connection is lost before the response was finished.
 * The socket is watched too: in older Nodes (20 does so, 26 no longer) the response to a pipelined request
 * hears of no close before its turn has come.
 */
export function watchHangUp({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const hangUp = new AbortController();
  const closed = () => {
    socket.off("close", closed);
    if (response.writableFinished) return;
    const phase = response.headersSent ? "after_content" : "before_content";
    hangUp.abort(new NetworkError({ code: "caller_gone", phase }));
  };
  socket.once("close", closed);
  response.once("close", closed);
  // A write to a connection that was just lost; `close` follows.
  response.on("error", () => {});
  return hangUp.signal;
}

/** Leaving the scope gives room back once the response has left this program: what its caller has not read is still here. */
export function untilWritten(response: ServerResponse, room: Share): Disposable {
  return {
    [Symbol.dispose]: () => {
      if (response.writableEnded && !response.writableFinished && !response.destroyed)
        response.once("close", () => room[Symbol.dispose]());
      else room[Symbol.dispose]();
    },
  };
}

/** A caller who takes nothing for this long, while there is something to take, has left. */
export const CALLER_STALL_MS_MAX = 60_000;

/** A reply that the edge itself can end, whatever the state it was left in. */
export interface HttpReply extends Reply {
  /** Whether the response has been ended, properly or not, or its caller has left. */
  readonly ended: boolean;
  /** Ends the response with a failure: an HTTP error while that is possible, else the dialect's error event. */
  fail(failure: Failure, told?: ToldFailure): void;
}

/** A body in place of the dialect's own, where a failure is told as an HTTP error. */
export interface ToldFailure {
  readonly contentType: string;
  readonly body: Uint8Array;
}

interface Caller {
  readonly response: ServerResponse;
  readonly dialect: Dialect;
  readonly form: AnswerForm;
  readonly requestId: RequestId;
  /** Room for what of the answer may not go out yet. */
  readonly answerRoom: Share;
  /** Aborts when the caller hangs up. */
  readonly hangUp: AbortSignal;
  /** Aborts when this coordinator ends and can wait for nobody. */
  readonly shutdown: AbortSignal;
}

/**
 * Server-sent events. The status goes out with `begin`; every byte of the provider's goes out as it is;
 * the receipt comment is the last of the body, and hash and signature follow as trailers where the
 * protocol has them (HTTP/1.1: RFC 9112 §7.1.2).
 */
export class StreamReply implements HttpReply {
  readonly #caller: Caller;
  readonly #events: EventCounter | undefined;
  #facts: AnswerFacts | undefined;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#events = caller.dialect.numbersEvents ? new EventCounter() : undefined;
  }

  get ended(): boolean {
    return isOver(this.#caller);
  }

  begin(facts: AnswerFacts): void {
    if (this.#facts) throw new RangeError("a stream begins once");
    this.#facts = facts;
    const { response, form } = this.#caller;
    if (isOver(this.#caller)) return;
    response.writeHead(200, {
      ...answerHeaders(facts),
      "content-type": form.streamType,
      // Tells nginx and its like to pass events on as they come.
      "x-accel-buffering": "no",
      ...(hasTrailers(this.#caller) && { trailer: `${responseHeaders.responseHash}, ${responseHeaders.signature}` }),
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#facts) throw new RangeError("write before begin");
    const { response, hangUp, shutdown } = this.#caller;
    if (isOver(this.#caller)) throw callerGone();
    this.#events?.push(bytes);
    if (response.write(bytes)) return;
    response.socket?.setTimeout(CALLER_STALL_MS_MAX);
    await this.#drained();
    if (hangUp.aborted) throw callerGone();
    shutdown.throwIfAborted();
    response.socket?.setTimeout(0);
  }

  /** The caller has taken what waited, or takes nothing more. */
  async #drained(): Promise<void> {
    const { response, hangUp, shutdown } = this.#caller;
    const { promise, resolve } = Promise.withResolvers<void>();
    const goOn = () => resolve();
    response.once("drain", goOn);
    for (const over of [hangUp, shutdown]) over.addEventListener("abort", goOn, { once: true });
    await promise;
    response.off("drain", goOn);
    for (const over of [hangUp, shutdown]) over.removeEventListener("abort", goOn);
  }

  async end({ responseHash, responseSignature, receipt }: Closing, delivered = (): void => undefined): Promise<void> {
    if (!this.#facts) throw new RangeError("end before begin");
    const { response, form } = this.#caller;
    if (isOver(this.#caller)) return;
    if (hasTrailers(this.#caller))
      response.addTrailers({
        [responseHeaders.responseHash]: responseHash,
        [responseHeaders.signature]: responseSignature,
      });
    response.once("finish", delivered);
    finish(response, form.streamEnd(receipt));
  }

  fail(failure: Failure, told?: ToldFailure): void {
    const { response, form, requestId } = this.#caller;
    if (isOver(this.#caller)) return;
    if (this.#facts) finish(response, form.brokenEnd(failure, requestId, this.#events?.count ?? 0));
    else sendFailureRaw(this.#caller, failure, told);
  }
}

/**
 * One JSON body. Nothing is sent before `end`, so that until then any failure is an ordinary HTTP error,
 * and another machine may begin anew: what the one before it wrote is forgotten.
 */
export class PlainReply implements HttpReply {
  readonly #caller: Caller;
  #facts: AnswerFacts | undefined;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  get ended(): boolean {
    return isOver(this.#caller);
  }

  begin(facts: AnswerFacts): void {
    this.#facts = facts;
    this.#caller.answerRoom.shrink(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#facts) throw new RangeError("write before begin");
    if (isOver(this.#caller)) throw callerGone();
    if (!this.#caller.answerRoom.grow(bytes.length))
      throw new NetworkError({ code: "overloaded", retryAfterSec: OVERLOADED_RETRY_SEC });
    this.#bytes += bytes.length;
    this.#pieces.push(bytes);
  }

  async end(closing: Closing, delivered = (): void => undefined): Promise<void> {
    if (!this.#facts) throw new RangeError("end before begin");
    const { response, form } = this.#caller;
    if (isOver(this.#caller)) return;
    const last = form.plainEnd(closing.receipt);
    response.writeHead(200, {
      ...answerHeaders(this.#facts),
      "content-type": form.plainType,
      "content-length": this.#bytes + last.length,
      ...form.proofHeaders(closing),
    });
    response.once("finish", delivered);
    finish(response, Buffer.concat([...this.#pieces, last], this.#bytes + last.length));
  }

  fail(failure: Failure, told?: ToldFailure): void {
    if (!isOver(this.#caller)) sendFailureRaw(this.#caller, failure, told);
  }
}

/** Wire contract §1: the headers of every successful inference, but for those that only its end knows. */
export function answerHeaders(facts: AnswerFacts): Record<string, string> {
  const { holdMs, queueMs, sealMs, firstContentMs } = facts.timing;
  const stages = { hold: holdMs, queue: queueMs, seal: sealMs, first_content: firstContentMs };
  return {
    [responseHeaders.attested]: String(facts.attested),
    [responseHeaders.trustLevel]: facts.trustLevel,
    [responseHeaders.chip]: headerText(facts.chip),
    ...(facts.serial !== undefined && { [responseHeaders.serial]: headerText(facts.serial) }),
    [responseHeaders.providerId]: headerText(facts.providerId),
    [responseHeaders.jobId]: headerText(facts.jobId),
    [responseHeaders.privacy]: facts.privacy,
    [responseHeaders.timing]: Object.entries(stages)
      .flatMap(([stage, ms]) => (ms === undefined ? [] : [`${stage};dur=${Number(ms.toFixed(3))}`]))
      .join(", "),
  };
}

/** A provider chose its chip's name and serial; neither may break a header (RFC 9110 §5.5) or be empty. */
const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?").trim() || "unknown";

/** HTTP/1.0 has no chunks and so no trailers. */
const hasTrailers = ({ form, response: { req } }: Caller): boolean =>
  form.hasTrailers && (req.httpVersionMajor > 1 || req.httpVersionMinor > 0);

const isOver = ({ response, hangUp }: Caller): boolean =>
  hangUp.aborted || response.writableEnded || response.destroyed;

const callerGone = (): NetworkError => new NetworkError({ code: "caller_gone", phase: "after_content" });

/** The last bytes. A caller who does not take them is not waited for here; the socket's own timeout ends it. */
function finish(response: ServerResponse, last: string | Uint8Array): void {
  response.socket?.setTimeout(CALLER_STALL_MS_MAX);
  response.end(last);
}

function sendFailureRaw({ response, dialect, requestId }: Caller, failure: Failure, told?: ToldFailure): void {
  const body = Buffer.from(told?.body ?? dialect.errorBody(failure, requestId));
  response.writeHead(failures[failure.code].status, {
    ...failureHeaders(failure),
    ...(told && { "content-type": told.contentType }),
    "content-length": body.length,
  });
  finish(response, body);
}
