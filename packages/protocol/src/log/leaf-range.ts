import type { Crypto } from "../ports.ts";
import { emptyRoot, nodeHash, type Hash } from "./merkle.ts";

/** The root over leaves that come one after the other. Keeps one hash for each size of subtree, however many come. */
export class LeafRange {
  readonly #crypto: Crypto;
  /** Roots of full subtrees, the widest first. */
  readonly #roots: { readonly leaves: number; readonly hash: Hash }[] = [];
  #size = 0;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get size(): number {
    return this.#size;
  }

  add(leaf: Hash): void {
    this.#size += 1;
    let [leaves, hash] = [1, leaf];
    for (let left = this.#roots.at(-1); left?.leaves === leaves; left = this.#roots.at(-1)) {
      this.#roots.pop();
      hash = nodeHash(this.#crypto, left.hash, hash);
      leaves *= 2;
    }
    this.#roots.push({ leaves, hash });
  }

  root(): Hash {
    const hashes = this.#roots.map(({ hash }) => hash);
    return hashes.length === 0
      ? emptyRoot(this.#crypto)
      : hashes.reduceRight((right, left) => nodeHash(this.#crypto, left, right));
  }
}
