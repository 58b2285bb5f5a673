/** Bytes of request bodies in memory at once, from their first byte to the end of their answer. */
export const BODIES_BYTES_MAX = 512 * 1024 * 1024;

/** What a caller is told to wait where a budget has no room. */
export const OVERLOADED_RETRY_SEC = 5;

/** A sum that many share and that never exceeds its bound. */
export class Budget {
  readonly #maxBytes: number;
  #takenBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** One taker's share, empty at first; it is given back when the scope is left. */
  share(): Share {
    let shareBytes = 0;
    return {
      grow: (bytes) => {
        if (this.#takenBytes + bytes > this.#maxBytes) return false;
        this.#takenBytes += bytes;
        shareBytes += bytes;
        return true;
      },
      shrink: (bytes) => {
        const givenBytes = Math.min(bytes, shareBytes);
        this.#takenBytes -= givenBytes;
        shareBytes -= givenBytes;
      },
      [Symbol.dispose]: () => {
        this.#takenBytes -= shareBytes;
        shareBytes = 0;
      },
    };
  }
}

/** Bytes of answers that are kept until they may go out: plain ones until they are whole, of streams the event that is not. */
export const ANSWERS_BYTES_MAX = 256 * 1024 * 1024;

export interface Share extends Disposable {
  /** @returns false where the budget has no room for so many bytes more, and then takes none */
  grow(bytes: number): boolean;
  /** Gives back so many of the bytes that were taken. */
  shrink(bytes: number): void;
}
