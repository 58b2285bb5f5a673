import { concatBytes, putU32be, utf8 } from "../bytes.ts";
import { FRAME_PLAINTEXT_BYTES_MAX } from "../limits.ts";
import type { ResponseSecret } from "./envelope.ts";
import {
  AnswerTampered,
  FINAL_FLAG,
  FrameReader,
  HEADER_BYTES,
  LENGTH_BYTES,
  NONCE_BYTES,
  padded,
  type SealedFrame,
} from "./frames.ts";
import type { Hpke } from "./hpke.ts";

/**
 * Sealing and opening the frames of an answer. The keys follow RFC 9458 §4.4. Reordering, dropping, splicing and cutting
 * off are noticed: counters rise by one and the last frame says that it is the last.
 */

type Bytes = Uint8Array<ArrayBuffer>;

export interface OpenedFrame {
  /** Empty in a frame that only tells how far the model is. */
  readonly plaintext: Bytes;
  /** So far, hidden ones included. */
  readonly completionTokens: number;
  readonly final: boolean;
}

/** The last four bytes of a nonce are the base's, combined with the frame's counter. */
const COUNTER_AT = 8;

/** The key and the per-frame nonces of one answer. */
class AnswerKeys {
  readonly key: Bytes;
  readonly #nonce: Bytes;
  readonly #baseCounter: number;

  constructor(hpke: Hpke, { secret, enc }: ResponseSecret, responseNonce: Uint8Array) {
    const salt = concatBytes(enc, responseNonce);
    this.key = hpke.hkdf(secret, salt, utf8("key"), 32);
    this.#nonce = hpke.hkdf(secret, salt, utf8("nonce"), 12);
    this.#baseCounter = new DataView(this.#nonce.buffer, this.#nonce.byteOffset).getUint32(COUNTER_AT);
  }

  /** To be used at once: the next one is written over it. */
  nonceAt(counter: number): Bytes {
    putU32be(this.#nonce, COUNTER_AT, (this.#baseCounter ^ counter) >>> 0);
    return this.#nonce;
  }
}

export class AnswerSealer {
  readonly #hpke: Hpke;
  readonly #keys: AnswerKeys;
  #counter = 0;
  #tokens = 0;
  #finished = false;
  #prefix: Bytes;

  /** @param responseNonce 32 fresh random bytes */
  constructor(hpke: Hpke, secret: ResponseSecret, responseNonce: Bytes) {
    if (responseNonce.length !== NONCE_BYTES) throw new RangeError(`a response nonce has ${NONCE_BYTES} bytes`);
    this.#hpke = hpke;
    this.#keys = new AnswerKeys(hpke, secret, responseNonce);
    this.#prefix = responseNonce;
  }

  /**
   * The next frame; the first one carries the response nonce in front.
   *
   * @param plaintext at most `FRAME_PLAINTEXT_BYTES_MAX`; may be empty
   * @param completionTokens so far; never fewer than before
   * @throws RangeError if that is not so, or after the final frame
   */
  frame(plaintext: Uint8Array, completionTokens: number, final: boolean): Bytes {
    if (plaintext.length > FRAME_PLAINTEXT_BYTES_MAX) throw new RangeError("a frame's plaintext is too long");
    if (this.#finished) throw new RangeError("this answer has ended");
    if (completionTokens < this.#tokens) throw new RangeError("completion tokens went down");
    const header = new Uint8Array(HEADER_BYTES);
    // A counter of more than 32 bits, which would use a nonce twice, is refused here.
    putU32be(header, 0, this.#counter);
    header[LENGTH_BYTES] = final ? FINAL_FLAG : 0;
    putU32be(header, LENGTH_BYTES + 1, completionTokens);
    const padding = new Uint8Array(padded(LENGTH_BYTES + plaintext.length));
    putU32be(padding, 0, plaintext.length);
    padding.set(plaintext, LENGTH_BYTES);
    const headerAt = this.#prefix.length + LENGTH_BYTES;
    const nonce = this.#keys.nonceAt(this.#counter);
    const frame = this.#hpke.seal(this.#keys.key, nonce, header, padding, headerAt + HEADER_BYTES);
    frame.set(this.#prefix);
    putU32be(frame, this.#prefix.length, frame.length - headerAt);
    frame.set(header, headerAt);
    this.#prefix = new Uint8Array(0);
    this.#counter++;
    this.#tokens = completionTokens;
    this.#finished = final;
    return frame;
  }
}

export class AnswerOpener {
  readonly #hpke: Hpke;
  readonly #secret: ResponseSecret;
  readonly #reader = new FrameReader();
  #keys: AnswerKeys | undefined;
  #tampered = false;

  constructor(hpke: Hpke, secret: ResponseSecret) {
    this.#hpke = hpke;
    this.#secret = secret;
  }

  /** Whether the final frame was opened; an answer that ends without it was cut off. */
  get finished(): boolean {
    return this.#reader.finished && !this.#tampered;
  }

  /**
   * The frames that are whole now; the bytes may be cut anywhere.
   *
   * @throws AnswerTampered, then and at every later call: nothing of this answer may be used further
   */
  push(bytes: Uint8Array): OpenedFrame[] {
    if (this.#tampered) throw new AnswerTampered();
    // Until proven otherwise: whatever throws below leaves it so.
    this.#tampered = true;
    const frames = this.#reader.push(bytes).map((frame) => this.#open(frame));
    this.#tampered = false;
    return frames;
  }

  #open({ bytes, header, ciphertext, counter, completionTokens, final }: SealedFrame): OpenedFrame {
    this.#keys ??= new AnswerKeys(this.#hpke, this.#secret, bytes.subarray(0, NONCE_BYTES));
    const padding = this.#hpke.open(this.#keys.key, this.#keys.nonceAt(counter), header, ciphertext);
    if (!padding) throw new AnswerTampered();
    const length = new DataView(padding.buffer, padding.byteOffset).getUint32(0);
    if (length > padding.length - LENGTH_BYTES) throw new AnswerTampered();
    return { plaintext: padding.subarray(LENGTH_BYTES, LENGTH_BYTES + length), completionTokens, final };
  }
}
