/** Bytes of request bodies in memory at once, from their first byte to the end of their answer. */
export const BODIES_BYTES_MAX = 512 * 1024 * 1024;

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
      [Symbol.dispose]: () => {
        this.#takenBytes -= shareBytes;
        shareBytes = 0;
      },
    };
  }
}

export interface Share extends Disposable {
  /** @returns false where the budget has no room for so many bytes more, and then takes none */
  grow(bytes: number): boolean;
}
