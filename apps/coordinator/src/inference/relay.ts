import { toHex } from "@darkbloom/protocol/bytes";
import { AnswerMalformed, StreamMalformed } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { OpenedFrame } from "@darkbloom/protocol/sealing";
import { OVERLOADED_RETRY_SEC } from "../limits/budget.ts";
import type { Ask } from "./ask.ts";
import type { Attempt } from "./attempt.ts";
import type { Exchange } from "./privacy/content.ts";
import type { Reply } from "./reply.ts";

/** Of one stream, what waits for its event to become whole or for the check; no event of a model comes near this. */
export const STREAM_HELD_BYTES_MAX = 16 * 1024 * 1024;
/** A plain answer is kept until it is whole; no model's output bound comes near this. */
export const PLAIN_ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** What of an attempt its relay needs. */
interface Answering extends Pick<Attempt, "providerId" | "broken" | "next"> {
  readonly exchange: Pick<Exchange, "passage">;
}

/**
 * The way of one machine's answer to the caller: hashed as it comes, passed on as it is. What a client takes for the end of a
 * stream waits for the check, in whatever frame it comes; so does the last frame.
 *
 * When the caller has left, the attempt was told to stop and its remaining frames are still read: its signed closing says what is owed.
 */
export class Relay {
  readonly #ask: Ask;
  readonly #reply: Reply;
  readonly #attempt: Answering;
  readonly #hash: ReturnType<Crypto["newSha256"]>;
  #last: Uint8Array = new Uint8Array(0);
  #heldBytes = 0;
  #generatedTokens = 0;
  #relayedTokens = 0;
  #relayedBytes = 0;

  constructor(crypto: Crypto, ask: Ask, reply: Reply, attempt: Answering) {
    this.#ask = ask;
    this.#reply = reply;
    this.#attempt = attempt;
    this.#hash = crypto.newSha256();
  }

  /** As the last frame that came counted them. */
  get generatedTokens(): number {
    return this.#generatedTokens;
  }
  /** Of the whole answer, as it came. */
  get relayedBytes(): number {
    return this.#relayedBytes;
  }
  /** As the last frame counted them that the caller was still there for: who has left owes for no more. */
  get relayedTokens(): number {
    return this.#relayedTokens;
  }

  /** All frames up to the last one. */
  async all(): Promise<void> {
    for (let frame; !frame?.final;) {
      frame = await this.#attempt.next();
      await this.take(frame);
    }
  }

  /** Passes on what of a frame may go out. The last frame is kept for `finish`. */
  async take(frame: OpenedFrame): Promise<void> {
    const { plaintext, completionTokens, final } = frame;
    this.#hash.update(plaintext);
    this.#generatedTokens = completionTokens;
    this.#relayedBytes += plaintext.length;
    const free = this.#free(frame);
    if (final) this.#last = free;
    else await this.#pass(free);
    if (!this.#ask.hangUp.aborted) this.#relayedTokens = completionTokens;
  }

  /** Lower-case hex, over all bytes that came. */
  sha256(): string {
    return toHex(this.#hash.digest());
  }

  /** The answer is settled, or whole where it is plain: what was kept back goes out. */
  async finish(): Promise<void> {
    await this.#pass(this.#last);
  }

  #free(frame: OpenedFrame): Uint8Array {
    const { providerId, exchange } = this.#attempt;
    const { passage } = exchange;
    try {
      const free = passage.free(frame, this.#ask.hangUp.aborted);
      if (!this.#ask.terms.stream && this.#relayedBytes > PLAIN_ANSWER_BYTES_MAX) throw this.#attempt.broken();
      if (!frame.final) this.#keepBack(passage.heldBytes);
      return free;
    } catch (error) {
      if (error instanceof AnswerMalformed) throw this.#attempt.broken();
      if (!(error instanceof StreamMalformed)) throw error;
      throw new NetworkError({ code: "receipt_mismatch", providerId, phase: "after_content", mismatch: "stream" });
    }
  }

  #keepBack(bytes: number): void {
    if (bytes > STREAM_HELD_BYTES_MAX) throw this.#attempt.broken();
    if (!this.#ask.answerRoom.grow(Math.max(0, bytes - this.#heldBytes)))
      throw new NetworkError({ code: "overloaded", retryAfterSec: OVERLOADED_RETRY_SEC });
    this.#ask.answerRoom.shrink(Math.max(0, this.#heldBytes - bytes));
    this.#heldBytes = bytes;
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    const { hangUp } = this.#ask;
    if (bytes.length === 0 || hangUp.aborted) return;
    await this.#reply.write(bytes).catch((error: unknown) => {
      if (!hangUp.aborted) throw error;
    });
  }
}
