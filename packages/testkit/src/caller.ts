import type { AnswerFacts, Closing, Reply } from "@darkbloom/coordinator/testing";
import { joinBytes } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";

/** A caller who keeps what it is sent, and who may leave after so many writes or read only when told to. */
export class Caller implements Reply {
  readonly #hangUp = new AbortController();
  readonly #leavesAfter: number;
  readonly #parts: Uint8Array[] = [];
  readonly #mayRead: () => Promise<void>;
  #facts: AnswerFacts | undefined;
  #closing: Closing | undefined;
  writes = 0;

  constructor({ leavesAfter = Infinity, mayRead = () => Promise.resolve() } = {}) {
    this.#leavesAfter = leavesAfter;
    this.#mayRead = mayRead;
  }

  get signal(): AbortSignal {
    return this.#hangUp.signal;
  }
  get facts(): AnswerFacts | undefined {
    return this.#facts;
  }
  get closing(): Closing | undefined {
    return this.#closing;
  }
  get body(): Uint8Array<ArrayBuffer> {
    return joinBytes(this.#parts);
  }

  leave(reason = new Error("the caller left")): void {
    this.#hangUp.abort(reason);
  }

  begin(facts: AnswerFacts): void {
    this.#facts = facts;
    this.#parts.length = 0;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#mayRead();
    if (this.writes++ >= this.#leavesAfter) this.leave();
    if (this.signal.aborted) throw new NetworkError({ code: "caller_gone", phase: "after_content" });
    this.#parts.push(bytes);
  }

  async end(closing: Closing, delivered?: () => void): Promise<void> {
    this.#closing = closing;
    delivered?.();
  }
}

/** How a request ended: `whole`, or the code of its failure. */
export const codeOf = (served: Promise<void>): Promise<string> =>
  served.then(
    () => "whole",
    (error: unknown) => (error instanceof NetworkError ? error.failure.code : "bug"),
  );
