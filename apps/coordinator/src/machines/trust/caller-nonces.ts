import { CALLER_NONCES_MAX, nonceTree, type NoncePath } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { Crypto } from "@darkbloom/protocol/ports";

/** After too many nonces: about when the next challenge has taken those that wait. */
const FULL_RETRY_SEC = 10;

interface Waiting {
  readonly nonce: Uint8Array;
  readonly answered: (path: NoncePath | undefined) => void;
}

/** Nonces of callers that go together into the next one. */
export interface NonceBatch {
  /** Null where no caller waits. */
  readonly root: string | null;
  /** The machine has answered over the root, or it has not: every caller is told. */
  close(answered: boolean): void;
}

/** Owns the callers who wait for one machine to answer over their nonces. Each is told exactly once. */
export class CallerNonces {
  readonly #crypto: Crypto;
  #waiting: Waiting[] = [];
  #over = false;
  #wake = () => {};

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** What to do when the first caller comes. */
  onFirst(wake: () => void): void {
    this.#wake = wake;
  }

  /**
   * @returns the nonce's path; undefined where the machine did not answer, or is gone
   * @throws NetworkError `overloaded`
   */
  include(nonce: Uint8Array): Promise<NoncePath | undefined> {
    if (this.#over) return Promise.resolve(undefined);
    if (this.#waiting.length >= CALLER_NONCES_MAX)
      throw new NetworkError({ code: "overloaded", retryAfterSec: FULL_RETRY_SEC });
    const { promise, resolve } = Promise.withResolvers<NoncePath | undefined>();
    this.#waiting.push({ nonce, answered: resolve });
    if (this.#waiting.length === 1) this.#wake();
    return promise;
  }

  /** All that wait, for one challenge. */
  take(): NonceBatch {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return { root: null, close: () => {} };
    const { root, paths } = nonceTree(
      this.#crypto,
      batch.map(({ nonce }) => nonce),
    );
    return {
      root,
      close: (answered) => {
        for (const [at, caller] of batch.entries()) caller.answered(answered ? paths[at] : undefined);
      },
    };
  }

  /** The machine is gone; nobody waits for it any longer. */
  end(): void {
    this.#over = true;
    this.take().close(false);
  }
}
