import { joinBytes, utf8 } from "@darkbloom/protocol/bytes";
import { ANSWER_WINDOW_BYTES, FRAME_PLAINTEXT_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { Clock, Crypto, Random, Sha256Stream } from "@darkbloom/protocol/ports";
import { AnswerSealer, frameRecordHead, type Hpke, type ResponseSecret } from "@darkbloom/protocol/sealing";
import { LATE, within } from "@darkbloom/protocol/time";

/** What sealing adds at most: padding, lengths, header and tag, and the nonce before the first frame. */
const FRAME_OVERHEAD_BYTES_MAX = 512;
/** In one turn of the loop so much is rendered for one answer; then all others have theirs first. */
export const TURN_CHARS_MAX = 16 * 1024;
const UTF8_BYTES_PER_CHAR_MAX = 3;
/** While nothing is to be said (a plain answer, hidden thoughts), this often a frame says that the model works. */
export const PROGRESS_EVERY_MS = 5_000;

/** Of a sealed stream, frames come no closer than this: hidden thoughts and words of any length look alike. */
const PACED_FRAME_EVERY_MS = 40;

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

  /** Takes credit, where there is enough. @returns whether there was */
  spend(bytes: number): boolean {
    if (!this.allows(bytes)) return false;
    this.#bytes -= bytes;
    return true;
  }

  /** Takes credit, waiting for it if need be. Throws CreditTimeout, or the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (!this.spend(bytes)) {
      const { promise: given, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      try {
        if ((await within(this.#clock, BACKPRESSURE_WAIT_MS, given, signal)) === LATE) throw new CreditTimeout();
      } finally {
        this.#wake = undefined;
      }
    }
  }
}

const withinWindow = (bytes: number): number => Math.min(bytes, ANSWER_WINDOW_BYTES);

/** 32 bytes each. */
export interface Hashes {
  /** SHA-256 of the whole body. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Of a sealed answer, over all frames as records. */
  readonly records?: Uint8Array<ArrayBuffer>;
}
export type TailOf = (bodySha256: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

interface Tools {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly random: Random;
  readonly defer: (act: () => void) => void;
}

/**
 * The way out of one answer's bytes: hashed as rendered, sealed, and sent as credit allows. What is flushed in one turn of
 * the loop is one frame, sealed at the turn's end; longer ones are cut.
 */
export class Outgoing {
  readonly #tools: Tools;
  readonly #sealer: AnswerSealer;
  readonly #credit: Credit;
  readonly #send: (frame: Uint8Array, isLast: boolean) => void;
  readonly #isPaced: boolean;
  readonly #hash: Sha256Stream;
  /** Over all frames as records, where their caller gets them so. */
  readonly #records: Sha256Stream | undefined;
  #hasSent = false;
  /** Rendered; then flushed, for the frame of this turn; then bytes, for which there is no credit yet. */
  #rendered = "";
  #flushed = "";
  #waiting: Uint8Array = new Uint8Array(0);
  /** A frame is wanted at the end of this turn, if only an empty one. */
  #isWanted = false;
  #isDeferred = false;
  /** What went wrong at the end of a turn, for whoever flushes next. */
  #fault: { readonly error: unknown } | undefined;
  #lastFrameAtMs: number;
  #lastTextAtMs: number | undefined;
  #completionTokens = 0;
  /** Frames leave one after the other, also where one waits for credit. */
  #sending: Promise<void> | undefined;

  /** @param send takes each frame; its caller gets them as they are where `isSealed`, and where `isPaced` they tell by their number and time as little as may be: one every so often, whether there is something to say or not */
  constructor(
    tools: Tools,
    secret: ResponseSecret,
    credit: Credit,
    send: (frame: Uint8Array, isLast: boolean) => void,
    { isSealed = false, isPaced = false }: { readonly isSealed?: boolean; readonly isPaced?: boolean } = {},
  ) {
    this.#tools = tools;
    this.#sealer = new AnswerSealer(tools.hpke, secret, tools.random.bytes(32));
    this.#credit = credit;
    this.#send = send;
    this.#isPaced = isPaced;
    this.#hash = tools.crypto.newSha256();
    this.#records = isSealed ? tools.crypto.newSha256() : undefined;
    this.#lastFrameAtMs = tools.clock.monotonicMs();
  }

  /** Part of the body. */
  add(text: string): void {
    if (text === "") return;
    this.#rendered += text;
    this.#lastTextAtMs = this.#tools.clock.monotonicMs();
  }

  /** How long nothing was rendered; undefined before anything was. */
  get silentMs(): number | undefined {
    return this.#lastTextAtMs === undefined ? undefined : this.#tools.clock.monotonicMs() - this.#lastTextAtMs;
  }

  /** Sends words between two events, unless earlier ones still wait to be taken: then nobody is kept waiting by us. */
  comment(text: string): void {
    // What a frame holds that waits for its turn or for credit, if only nothing, is among them.
    if (this.#rendered !== "" || this.#isWanted || this.#waiting.length > 0) return;
    if (!this.#credit.allows(text.length + FRAME_OVERHEAD_BYTES_MAX)) return;
    this.add(text);
    this.#flushRendered();
    this.#sendFlushed();
  }

  /** Has what is rendered so far sent at the end of this turn. What it gives back is to be waited for before more is rendered. */
  flush(completionTokens: number, signal: AbortSignal): Promise<void> | undefined {
    const quietMs = this.#tools.clock.monotonicMs() - this.#lastFrameAtMs;
    const waits = this.#isPaced
      ? quietMs < PACED_FRAME_EVERY_MS && this.#rendered.length < TURN_CHARS_MAX
      : this.#rendered === "" && quietMs < PROGRESS_EVERY_MS;
    return waits ? undefined : this.begin(completionTokens, signal);
  }

  /** The same, though nothing be rendered yet: it says that the first content exists. */
  begin(completionTokens: number, signal: AbortSignal): Promise<void> | undefined {
    if (this.#fault) throw this.#fault.error;
    this.#flushRendered();
    const isEnough = this.#flushed.length >= TURN_CHARS_MAX;
    const bytesMax = this.#flushed.length * UTF8_BYTES_PER_CHAR_MAX + FRAME_OVERHEAD_BYTES_MAX;
    // Others have their turn before this one renders more; and the model waits for credit, as the frame does.
    if (isEnough || this.#sending || !this.#credit.allows(bytesMax))
      return this.#frames(completionTokens, false, signal).then(() => new Promise((go) => this.#tools.defer(go)));
    this.#completionTokens = completionTokens;
    this.#isWanted = true;
    if (!this.#isDeferred) this.#tools.defer(this.#endTurn);
    this.#isDeferred = true;
    return undefined;
  }

  /**
   * Sends the rest, its last frame marked as the last: that one waits for the signature, so what was flushed before goes ahead
   * of it.
   *
   * @param tailOf what the last frame says in place of a piece of the body, where its caller has sealed the request
   */
  async end(completionTokens: number, signal: AbortSignal, tailOf?: TailOf): Promise<Hashes> {
    if (this.#fault) throw this.#fault.error;
    if (this.#flushed !== "") await this.#frames(this.#completionTokens, false, signal);
    if (!tailOf) {
      await this.#frames(completionTokens, true, signal);
      return { body: this.#hash.digest() };
    }
    if (this.#rendered !== "" || this.#waiting.length > 0) {
      this.#flushRendered();
      await this.#frames(completionTokens, false, signal);
    }
    const body = this.#hash.digest();
    this.#waiting = await tailOf(body);
    await this.#frames(completionTokens, true, signal);
    return { body, ...(this.#records && { records: this.#records.digest() }) };
  }

  /** The one frame of an answer that is none; undefined where something was sent. */
  refusal(tail: Uint8Array): Uint8Array | undefined {
    return this.#hasSent ? undefined : this.#sealer.frame(tail, 0, true);
  }

  /** The frame of this turn, unless somebody who waits for credit takes it along. */
  readonly #endTurn = (): void => {
    this.#isDeferred = false;
    if (this.#isWanted) this.#sendFlushed();
  };

  /** In one frame, for which there is credit. */
  #sendFlushed(): void {
    try {
      const plaintext = this.#nextPlaintext();
      if (this.#credit.spend(reservedFor(plaintext))) this.#frame(plaintext, this.#completionTokens, false);
    } catch (error) {
      this.#fault = { error };
    }
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
    for (let isMore = true; isMore;) {
      if (final) this.#flushRendered();
      const plaintext = this.#nextPlaintext();
      await this.#credit.take(reservedFor(plaintext), signal);
      isMore = this.#frame(plaintext, completionTokens, final);
    }
  }

  #flushRendered(): void {
    this.#flushed += this.#rendered;
    this.#rendered = "";
  }

  /** As much of what was flushed as one frame holds. It becomes bytes, and part of the hash. */
  #nextPlaintext(): Uint8Array {
    this.#isWanted = false;
    if (this.#flushed !== "") {
      const bytes = utf8(this.#flushed);
      this.#flushed = "";
      this.#hash.update(bytes);
      this.#waiting = joinBytes([this.#waiting, bytes]);
    }
    return this.#waiting.subarray(0, FRAME_PLAINTEXT_BYTES_MAX);
  }

  /** Sends the front of what waits, for which credit is reserved. @returns whether there is more */
  #frame(plaintext: Uint8Array, completionTokens: number, final: boolean): boolean {
    const rest = this.#waiting.subarray(plaintext.length);
    // What was rendered meanwhile stands behind it.
    const isMore = rest.length > 0 || (final && this.#rendered !== "");
    const isLast = final && !isMore;
    const frame = this.#sealer.frame(plaintext, completionTokens, isLast);
    this.#hasSent = true;
    this.#records?.update(frameRecordHead(frame.length));
    this.#records?.update(frame);
    this.#waiting = rest;
    this.#credit.give(reservedFor(plaintext) - frame.length);
    this.#send(frame, isLast);
    this.#lastFrameAtMs = this.#tools.clock.monotonicMs();
    return isMore;
  }
}

const reservedFor = (plaintext: Uint8Array): number => plaintext.length + FRAME_OVERHEAD_BYTES_MAX;
