import { concatBytes } from "../bytes.ts";
import { FRAME_PADDING_BYTES, FRAME_PLAINTEXT_BYTES_MAX } from "../limits.ts";

/**
 * The sealed answer as whoever passes it on sees it: 32 random bytes, then frames of
 * `u32 length ‖ u32 counter ‖ u8 flags ‖ u32 completion tokens so far ‖ ciphertext`.
 *
 * The nine clear bytes after the length are authenticated: what stands in them is believed by who has the key, and read by
 * who has not. Plaintext is `u32 length ‖ bytes ‖ zeros`, padded so that sizes tell less.
 */

export const NONCE_BYTES = 32;
export const LENGTH_BYTES = 4;
export const HEADER_BYTES = 9;
const TAG_BYTES = 16;
export const FINAL_FLAG = 1;
/** Of a frame that says nothing and pads nothing. */
const FRAME_BYTES_MIN = HEADER_BYTES + LENGTH_BYTES + TAG_BYTES;
const FRAME_BYTES_MAX = HEADER_BYTES + padded(LENGTH_BYTES + FRAME_PLAINTEXT_BYTES_MAX) + TAG_BYTES;
/** The first one, with the nonce in front. */
export const WHOLE_FRAME_BYTES_MAX = NONCE_BYTES + LENGTH_BYTES + FRAME_BYTES_MAX;

export function padded(length: number): number {
  return Math.ceil(length / FRAME_PADDING_BYTES) * FRAME_PADDING_BYTES;
}

/** An answer's bytes are not what its provider sealed, or not in that order. Says no more on purpose. */
export class AnswerTampered extends Error {
  override readonly name = "AnswerTampered";
}

/** A frame without what it says. */
export interface SealedFrame {
  /** As it came; the first one has the response nonce in front. */
  readonly bytes: Uint8Array;
  /** The authenticated clear bytes, and what they are in front of. */
  readonly header: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly counter: number;
  /** So far, hidden ones included. */
  readonly completionTokens: number;
  readonly final: boolean;
}

/**
 * Parts an answer into its frames, without its key: whatever its clear bytes show of reordering, dropping and cutting off
 * is noticed.
 */
export class FrameReader {
  #counter = 0;
  #tokens = 0;
  #finished = false;
  #tampered = false;
  /** Bytes of a frame that is not whole yet; never more than one. */
  #rest: Uint8Array = new Uint8Array(0);

  /** Whether the final frame came; an answer that ends without it was cut off. */
  get finished(): boolean {
    return this.#finished && !this.#tampered;
  }

  /**
   * The frames that are whole now; the bytes may be cut anywhere.
   *
   * @throws AnswerTampered, then and at every later call
   */
  push(bytes: Uint8Array): SealedFrame[] {
    if (this.#tampered) throw new AnswerTampered();
    // Until proven otherwise: whatever throws below leaves it so.
    this.#tampered = true;
    let rest: Uint8Array = this.#rest.length > 0 ? concatBytes(this.#rest, bytes) : bytes;
    const frames: SealedFrame[] = [];
    for (;;) {
      const frame = this.#next(rest);
      if (!frame) break;
      frames.push(frame);
      rest = rest.subarray(frame.bytes.length);
    }
    if (this.#finished && rest.length > 0) throw new AnswerTampered();
    this.#rest = new Uint8Array(rest);
    this.#tampered = false;
    return frames;
  }

  #next(rest: Uint8Array): SealedFrame | undefined {
    const lengthAt = this.#counter === 0 ? NONCE_BYTES : 0;
    const at = lengthAt + LENGTH_BYTES;
    if (rest.length < at) return undefined;
    if (this.#finished) throw new AnswerTampered();
    const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
    const length = view.getUint32(lengthAt);
    if (length < FRAME_BYTES_MIN || length > FRAME_BYTES_MAX) throw new AnswerTampered();
    if (rest.length < at + length) return undefined;
    const flags = view.getUint8(at + 4);
    const completionTokens = view.getUint32(at + 5);
    const counter = view.getUint32(at);
    if (counter !== this.#counter || flags > FINAL_FLAG || completionTokens < this.#tokens) throw new AnswerTampered();
    this.#counter++;
    this.#tokens = completionTokens;
    this.#finished = flags === FINAL_FLAG;
    return {
      bytes: rest.subarray(0, at + length),
      header: rest.subarray(at, at + HEADER_BYTES),
      ciphertext: rest.subarray(at + HEADER_BYTES, at + length),
      counter,
      completionTokens,
      final: this.#finished,
    };
  }
}
