import { toBase64 } from "@darkbloom/protocol/bytes";
import { readAnswer, type TpmQuote } from "@darkbloom/protocol/evidence";
import type { Clock } from "@darkbloom/protocol/ports";
import { LATE, within } from "@darkbloom/protocol/time";

export interface ChallengeReply {
  readonly answer: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly quote?: TpmQuote;
  /** What was in the credential. */
  readonly secret?: Uint8Array;
}

/** Nonces by which a late reply is known; more challenges than may go unanswered before a machine is closed. */
const PAST_NONCES_MAX = 8;

/**
 * Where the reply to the one open challenge arrives. Nothing is kept: a reply without a challenge is nobody's,
 * and one to a challenge of before is late, which is no sign of bad behaviour.
 */
export class Replies {
  readonly #clock: Clock;
  #open: ((reply: ChallengeReply) => void) | undefined;
  #nonces: readonly string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(reply: ChallengeReply): void {
    if (!this.#open) return;
    const nonce = readAnswer(reply.answer)?.nonce ?? "";
    // Another than was ever sent is for the verdict to refuse.
    if (this.#nonces.slice(0, -1).includes(nonce)) return;
    this.#open(reply);
  }

  /**
   * The reply to this challenge, or undefined after `waitMs` without one. Throws the signal's reason when it aborts.
   *
   * @param nonce of the challenge that is being sent
   */
  async to(nonce: Uint8Array, waitMs: number, signal: AbortSignal): Promise<ChallengeReply | undefined> {
    this.#nonces = [...this.#nonces, toBase64(nonce)].slice(-PAST_NONCES_MAX);
    const { promise, resolve } = Promise.withResolvers<ChallengeReply>();
    this.#open = resolve;
    try {
      const reply = await within(this.#clock, waitMs, promise, signal);
      return reply === LATE ? undefined : reply;
    } finally {
      this.#open = undefined;
    }
  }
}
