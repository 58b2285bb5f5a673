import { StreamEnd } from "@darkbloom/protocol/stream-end";
import { fromUtf8, toHex } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/endpoints";
import type { Crypto, Sha256Stream } from "@darkbloom/protocol/ports";
import { splitReceiptComment, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { DarkbloomError } from "./errors.ts";
import { CLIENT_ANSWER_BYTES_MAX } from "./limits.ts";

/** How a stream came to its end. */
export type StreamEnding =
  | {
      readonly kind: "whole";
      readonly last: Uint8Array;
      readonly sha256: string;
      readonly document: ReceiptDocument | undefined;
    }
  /** The coordinator ended it with its dialect's error event. */
  | { readonly kind: "failed"; readonly last: Uint8Array };

/** A stream of events on its way to a program: all but its end, which waits until it was checked. */
export class AnswerStream {
  readonly #end = new StreamEnd();
  readonly #hash: Sha256Stream;
  #lastEvents: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** How many have gone out, comments not counted. */
  events = 0;

  readonly #endpoint: Endpoint;

  constructor(crypto: Pick<Crypto, "newSha256">, endpoint: Endpoint) {
    this.#hash = crypto.newSha256();
    this.#endpoint = endpoint;
  }

  /** @returns what may go out now. @throws DarkbloomError */
  push(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const passed = mustBeEvents(() => this.#end.push(bytes));
    if (this.#end.heldBytes > CLIENT_ANSWER_BYTES_MAX)
      throw new DarkbloomError("answer_too_large", "An event of this stream is longer than any may be.");
    if (passed.length > 0) {
      this.#lastEvents = passed;
      this.events += eventsIn(passed).length;
    }
    this.#hash.update(passed);
    return passed;
  }

  /** No more comes. @throws DarkbloomError where that is no end */
  end(): StreamEnding {
    let last: Uint8Array<ArrayBuffer>;
    try {
      last = this.#end.end();
    } catch {
      if (endsInError(this.#lastEvents, this.#endpoint)) return { kind: "failed", last: new Uint8Array(0) };
      throw cutOff();
    }
    const split = splitReceiptComment(last);
    if (!split && endsInError(last, this.#endpoint)) return { kind: "failed", last };
    this.#hash.update(split?.hashed ?? last);
    return { kind: "whole", last, sha256: toHex(this.#hash.digest()), document: split?.document };
  }
}

export const cutOff = (cause?: unknown): DarkbloomError =>
  new DarkbloomError("answer_cut_off", "The answer ended before its end. What came of it was not verified.", { cause });

function mustBeEvents<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw new DarkbloomError("answer_false", "The stream is none that a machine of this network writes.", { cause });
  }
}

/**
 * The last event tells of a failure, as this endpoint's dialect does: any client throws at it, and takes the answer for no whole
 * one. One that only looks so would be a way around the check, since many clients take a stream that just ends for finished.
 */
function endsInError(events: Uint8Array<ArrayBuffer>, endpoint: Endpoint): boolean {
  const [, name, data = ""] = /^(?:event: ([a-z_.]+)\n)?data: (\{.*\})$/.exec(eventsIn(events).at(-1) ?? "") ?? [];
  const said = jsonIn(data);
  if (namesEvents.has(endpoint)) return failed.has(name) && said["type"] === name;
  return name === undefined && typeof said["error"] === "object" && said["error"] !== null;
}

const namesEvents: ReadonlySet<Endpoint> = new Set(["/v1/messages", "/v1/responses"]);
const failed: ReadonlySet<string | undefined> = new Set(["error", "response.failed"]);

function jsonIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const eventsIn = (bytes: Uint8Array): string[] =>
  fromUtf8(bytes)
    .split("\n\n")
    .filter((event) => event !== "" && !event.startsWith(":"));
