import { concatBytes, u32be, utf8 } from "../bytes.ts";
import { FRAME_PADDING_BYTES, FRAME_PLAINTEXT_BYTES_MAX } from "../limits.ts";
import type { ResponseSecret } from "./envelope.ts";
import type { Hpke } from "./hpke.ts";

/**
 * The sealed answer: 32 random bytes, then frames of
 * `u32 length ‖ u32 counter ‖ u8 flags ‖ u32 completion tokens so far ‖ ciphertext`.
 *
 * The keys follow RFC 9458 §4.4; the nine clear bytes after the length are authenticated. Reordering,
 * dropping, splicing and cutting off are noticed: counters rise by one and the last frame says that it
 * is the last. Plaintext is `u32 length ‖ bytes ‖ zeros`, padded so that sizes tell less.
 */

const NONCE_BYTES = 32;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 9;
const TAG_BYTES = 16;
const FINAL_FLAG = 1;
/** Of a frame that says nothing and pads nothing. */
const FRAME_BYTES_MIN = HEADER_BYTES + LENGTH_BYTES + TAG_BYTES;
const CIPHERTEXT_BYTES_MAX = padded(LENGTH_BYTES + FRAME_PLAINTEXT_BYTES_MAX) + TAG_BYTES;

type Bytes = Uint8Array<ArrayBuffer>;

export interface OpenedFrame {
  /** Empty in a frame that only tells how far the model is. */
  readonly plaintext: Bytes;
  /** So far, hidden ones included. */
  readonly completionTokens: number;
  readonly final: boolean;
}

/** An answer's bytes are not what its provider sealed, or not in that order. Says no more on purpose. */
export class AnswerTampered extends Error {
  override readonly name = "AnswerTampered";
}

function padded(length: number): number {
  return Math.ceil(length / FRAME_PADDING_BYTES) * FRAME_PADDING_BYTES;
}

/** The key and the per-frame nonces of one answer. */
class AnswerKeys {
  readonly key: Bytes;
  readonly #baseNonce: Bytes;

  constructor(hpke: Hpke, { secret, enc }: ResponseSecret, responseNonce: Uint8Array) {
    const salt = concatBytes(enc, responseNonce);
    this.key = hpke.hkdf(secret, salt, utf8("key"), 32);
    this.#baseNonce = hpke.hkdf(secret, salt, utf8("nonce"), 12);
  }

  nonceAt(counter: number): Bytes {
    const nonce = this.#baseNonce.slice();
    const view = new DataView(nonce.buffer);
    view.setUint32(8, view.getUint32(8) ^ counter);
    return nonce;
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
    // A counter of more than 32 bits, which would use a nonce twice, is refused here.
    const header = concatBytes(u32be(this.#counter), Uint8Array.of(final ? FINAL_FLAG : 0), u32be(completionTokens));
    const padding = new Uint8Array(padded(LENGTH_BYTES + plaintext.length));
    padding.set(u32be(plaintext.length));
    padding.set(plaintext, LENGTH_BYTES);
    const ciphertext = this.#hpke.seal(this.#keys.key, this.#keys.nonceAt(this.#counter), header, padding);
    const frame = concatBytes(this.#prefix, u32be(HEADER_BYTES + ciphertext.length), header, ciphertext);
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
  #keys: AnswerKeys | undefined;
  #counter = 0;
  #tokens = 0;
  #finished = false;
  #tampered = false;
  /** Bytes of a nonce or frame that is not whole yet; never more than one frame. */
  #rest: Bytes = new Uint8Array(0);

  constructor(hpke: Hpke, secret: ResponseSecret) {
    this.#hpke = hpke;
    this.#secret = secret;
  }

  /** Whether the final frame was opened; an answer that ends without it was cut off. */
  get finished(): boolean {
    return this.#finished && !this.#tampered;
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
    const frames = this.#read(bytes);
    this.#tampered = false;
    return frames;
  }

  #read(bytes: Uint8Array): OpenedFrame[] {
    let rest: Uint8Array = concatBytes(this.#rest, bytes);
    if (!this.#keys) {
      if (rest.length < NONCE_BYTES) return this.#keep(rest, []);
      this.#keys = new AnswerKeys(this.#hpke, this.#secret, rest.subarray(0, NONCE_BYTES));
      rest = rest.subarray(NONCE_BYTES);
    }
    const frames: OpenedFrame[] = [];
    while (rest.length >= LENGTH_BYTES) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      if (length < FRAME_BYTES_MIN || length > HEADER_BYTES + CIPHERTEXT_BYTES_MAX) throw new AnswerTampered();
      if (rest.length < LENGTH_BYTES + length) break;
      frames.push(this.#openFrame(this.#keys, rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length)));
      rest = rest.subarray(LENGTH_BYTES + length);
    }
    if (this.#finished && rest.length > 0) throw new AnswerTampered();
    return this.#keep(rest, frames);
  }

  #keep(rest: Uint8Array, frames: OpenedFrame[]): OpenedFrame[] {
    this.#rest = rest.slice();
    return frames;
  }

  #openFrame(keys: AnswerKeys, frame: Uint8Array): OpenedFrame {
    const header = frame.subarray(0, HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset);
    const flags = view.getUint8(4);
    const tokens = view.getUint32(5);
    if (this.#finished || view.getUint32(0) !== this.#counter || flags > FINAL_FLAG || tokens < this.#tokens)
      throw new AnswerTampered();
    const padding = this.#hpke.open(keys.key, keys.nonceAt(this.#counter), header, frame.subarray(HEADER_BYTES));
    if (!padding) throw new AnswerTampered();
    const length = new DataView(padding.buffer, padding.byteOffset).getUint32(0);
    if (length > padding.length - LENGTH_BYTES) throw new AnswerTampered();
    this.#counter++;
    this.#tokens = tokens;
    this.#finished = flags === FINAL_FLAG;
    return {
      plaintext: padding.slice(LENGTH_BYTES, LENGTH_BYTES + length),
      completionTokens: tokens,
      final: this.#finished,
    };
  }
}
