/** Bytes of request bodies in memory at once, from their first byte to the end of their answer. */
export const BODIES_BYTES_MAX = 512 * 1024 * 1024;

/** What a caller is told to wait where a budget has no room. */
export const OVERLOADED_RETRY_SEC = 5;

/**
 * A sum that many share and that never exceeds its bound. No owner, which is an account or a stranger's address, takes
 * more of it than it leaves to all others, so that there is always some left.
 */
export class Budget {
  readonly maxBytes: number;
  #takenBytes = 0;
  readonly #bytesByOwner = new Map<string, number>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** One taker's share, empty at first; it is given back when the scope is left. */
  share(owner: string): Share {
    let shareBytes = 0;
    const add = (bytes: number): void => {
      shareBytes += bytes;
      this.#takenBytes += bytes;
      const ownerBytes = this.#bytesOf(owner) + bytes;
      if (ownerBytes > 0) this.#bytesByOwner.set(owner, ownerBytes);
      else this.#bytesByOwner.delete(owner);
    };
    return {
      grow: (bytes) => {
        if (this.#bytesOf(owner) + bytes > this.maxBytes - this.#takenBytes - bytes) return false;
        add(bytes);
        return true;
      },
      shrink: (bytes) => add(-Math.min(bytes, shareBytes)),
      [Symbol.dispose]: () => add(-shareBytes),
    };
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** How many have something of it; nothing is kept of who has not. */
  get owners(): number {
    return this.#bytesByOwner.size;
  }

  #bytesOf(owner: string): number {
    return this.#bytesByOwner.get(owner) ?? 0;
  }
}

/** Bytes of answers that are kept until they may go out: plain ones until they are whole, of streams the event that is not. */
export const ANSWERS_BYTES_MAX = 256 * 1024 * 1024;

/** Bytes that all WebSockets together keep of their latest responses; what finds no room is not kept. */
export const CONVERSATIONS_BYTES_MAX = 128 * 1024 * 1024;

export interface Share extends Disposable {
  /** @returns false where the budget has no room for so many bytes more, or not for this owner, and then takes none */
  grow(bytes: number): boolean;
  /** Gives back so many of the bytes that were taken. */
  shrink(bytes: number): void;
}
