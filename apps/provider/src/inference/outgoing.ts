import { joinBytes, utf8 } from "@darkbloom/protocol/bytes";
import { ANSWER_WINDOW_BYTES, FRAME_PLAINTEXT_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { Clock, Crypto, Random, Sha256Stream } from "@darkbloom/protocol/ports";
import { AnswerSealer, type Hpke, type ResponseSecret } from "@darkbloom/protocol/sealing";
import { LATE, within } from "@darkbloom/protocol/time";

/** What sealing adds at most: padding, lengths, header and tag, and the nonce before the first frame. */
const FRAME_OVERHEAD_BYTES_MAX = 512;
/** While nothing is to be said (a plain answer, hidden thoughts), this often a frame says that the model works. */
export const PROGRESS_EVERY_MS = 5_000;

/** How long an answer waits for a caller who takes nothing. Then it is given up. */
export const BACKPRESSURE_WAIT_MS = 120_000;

/** The caller took nothing for too long. */
export class CreditTimeout extends Error {
  override readonly name = "CreditTimeout";
}

/**
 * How many sealed bytes of one answer may still be sent. The answer runs ahead of its reader by no more
 * than that; then it waits, and the model with it. More than a window is never meant, whatever a coordinator gives.
 */
export class Credit {
  readonly #clock: Clock;
  #bytes: number;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, bytes: number) {
    this.#clock = clock;
    this.#bytes = withinWindow(bytes);
  }

  /** Whether a frame of so many bytes may be sent now. */
  allows(bytes: number): boolean {
    return this.#bytes >= bytes;
  }

  give(bytes: number): void {
    this.#bytes = withinWindow(this.#bytes + bytes);
    this.#wake?.();
  }

  /** Takes credit, waiting for it if need be. Throws CreditTimeout, or the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (!this.allows(bytes)) {
      const { promise: given, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      try {
        if ((await within(this.#clock, BACKPRESSURE_WAIT_MS, given, signal)) === LATE) throw new CreditTimeout();
      } finally {
        this.#wake = undefined;
      }
    }
    this.#bytes -= bytes;
  }
}

const withinWindow = (bytes: number): number => Math.min(bytes, ANSWER_WINDOW_BYTES);

interface Tools {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly random: Random;
}

/**
 * The way out of one answer's bytes: hashed as rendered, cut into frames, sealed, and sent as credit
 * allows. What is rendered while a frame waits for credit goes out together with the next.
 */
export class Outgoing {
  readonly #tools: Tools;
  readonly #sealer: AnswerSealer;
  readonly #credit: Credit;
  readonly #send: (frames: Uint8Array) => void;
  readonly #hash: Sha256Stream;
  #waiting: Uint8Array[] = [];
  #lastFrameAtMs: number;
  #lastTextAtMs: number | undefined;
  #completionTokens = 0;
  /** Frames leave one after the other, also where one waits for credit. */
  #sending: Promise<void> | undefined;

  constructor(tools: Tools, secret: ResponseSecret, credit: Credit, send: (frames: Uint8Array) => void) {
    this.#tools = tools;
    this.#sealer = new AnswerSealer(tools.hpke, secret, tools.random.bytes(32));
    this.#credit = credit;
    this.#send = send;
    this.#hash = tools.crypto.newSha256();
    this.#lastFrameAtMs = tools.clock.monotonicMs();
  }

  /** Part of the body. */
  add(text: string): void {
    if (text === "") return;
    const bytes = utf8(text);
    this.#hash.update(bytes);
    this.#waiting.push(bytes);
    this.#lastTextAtMs = this.#tools.clock.monotonicMs();
  }

  /** How long nothing was rendered; undefined before anything was. */
  get silentMs(): number | undefined {
    return this.#lastTextAtMs === undefined ? undefined : this.#tools.clock.monotonicMs() - this.#lastTextAtMs;
  }

  /** Sends words between two events, unless earlier ones still wait to be taken: then nobody is kept waiting by us. */
  async comment(text: string, signal: AbortSignal): Promise<void> {
    // What a frame holds that waits for credit, if only nothing, is among them.
    if (this.#waiting.length > 0 || !this.#credit.allows(text.length + FRAME_OVERHEAD_BYTES_MAX)) return;
    this.add(text);
    await this.#frames(this.#completionTokens, false, signal);
  }

  /** Sends what waits, in order; waits for credit first where there is none, so that the model waits too. */
  async flush(completionTokens: number, signal: AbortSignal): Promise<void> {
    const quietMs = this.#tools.clock.monotonicMs() - this.#lastFrameAtMs;
    if (this.#waiting.length === 0 && quietMs < PROGRESS_EVERY_MS) return;
    await this.#frames(completionTokens, false, signal);
  }

  /** Says that the first content exists, with what is rendered of it so far, if anything. */
  begin(completionTokens: number, signal: AbortSignal): Promise<void> {
    return this.#frames(completionTokens, false, signal);
  }

  /**
   * Sends the rest, its last frame marked as the last.
   *
   * @returns SHA-256 of the whole body, 32 bytes
   */
  async end(completionTokens: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    await this.#frames(completionTokens, true, signal);
    return this.#hash.digest();
  }

  /** What was not sent when the signal aborts stays and goes out with the end: it is part of the hash. */
  async #frames(completionTokens: number, final: boolean, signal: AbortSignal): Promise<void> {
    while (this.#sending) await this.#sending.catch(() => {});
    this.#completionTokens = completionTokens;
    this.#sending = this.#sendFrames(completionTokens, final, signal);
    try {
      await this.#sending;
    } finally {
      this.#sending = undefined;
    }
  }

  async #sendFrames(completionTokens: number, final: boolean, signal: AbortSignal): Promise<void> {
    let isMore: boolean;
    do {
      const waiting = joinBytes(this.#waiting);
      this.#waiting = [waiting];
      const plaintext = waiting.subarray(0, FRAME_PLAINTEXT_BYTES_MAX);
      const reserved = plaintext.length + FRAME_OVERHEAD_BYTES_MAX;
      await this.#credit.take(reserved, signal);
      const rest = waiting.subarray(plaintext.length);
      // What was rendered meanwhile stands behind it.
      this.#waiting = [...(rest.length > 0 ? [rest] : []), ...this.#waiting.slice(1)];
      const frame = this.#sealer.frame(plaintext, completionTokens, final && this.#waiting.length === 0);
      this.#credit.give(reserved - frame.length);
      this.#send(frame);
      isMore = rest.length > 0 || (final && this.#waiting.length > 0);
    } while (isMore);
    this.#lastFrameAtMs = this.#tools.clock.monotonicMs();
  }
}
