import { equalBytes } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { emptyRoot, nodeHash, splitOf, type Hash } from "./merkle.ts";

/**
 * A hash that the tree holds: of the `2 ** height` leaves from `index * 2 ** height` on. Asked only for such as are full.
 */
export type ReadHash = (height: number, index: number) => Promise<Hash>;

/** A tree of `size` leaves, over the hashes that somebody keeps of it (RFC 6962 §2.1). */
export class Tree {
  readonly #crypto: Crypto;
  readonly #read: ReadHash;
  readonly size: number;

  constructor(crypto: Crypto, size: number, read: ReadHash) {
    this.#crypto = crypto;
    this.#read = read;
    this.size = size;
  }

  async root(): Promise<Hash> {
    return this.size === 0 ? emptyRoot(this.#crypto) : await this.#rangeRoot(0, this.size);
  }

  /** @param index below the size */
  inclusionProof(index: number): Promise<Hash[]> {
    return this.#path(index, 0, this.size);
  }

  /** That a tree of the first `earlier` leaves is the beginning of this one. @param earlier from 1 to the size */
  consistencyProof(earlier: number): Promise<Hash[]> {
    return this.#subproof(earlier, 0, this.size, true);
  }

  async #rangeRoot(from: number, to: number): Promise<Hash> {
    const height = Math.log2(to - from);
    // Ranges come of splits at powers of two, so that a full subtree begins at a multiple of its width.
    if (Number.isInteger(height)) return this.#read(height, from / (to - from));
    const middle = from + splitOf(to - from);
    const [left, right] = await Promise.all([this.#rangeRoot(from, middle), this.#rangeRoot(middle, to)]);
    return nodeHash(this.#crypto, left, right);
  }

  async #path(index: number, from: number, to: number): Promise<Hash[]> {
    if (to - from === 1) return [];
    const middle = from + splitOf(to - from);
    return index < middle
      ? [...(await this.#path(index, from, middle)), await this.#rangeRoot(middle, to)]
      : [...(await this.#path(index, middle, to)), await this.#rangeRoot(from, middle)];
  }

  async #subproof(earlier: number, from: number, to: number, isWhole: boolean): Promise<Hash[]> {
    if (from + earlier === to) return isWhole ? [] : [await this.#rangeRoot(from, to)];
    const split = splitOf(to - from);
    const middle = from + split;
    return earlier <= split
      ? [...(await this.#subproof(earlier, from, middle, isWhole)), await this.#rangeRoot(middle, to)]
      : [...(await this.#subproof(earlier - split, middle, to, false)), await this.#rangeRoot(from, middle)];
  }
}

/** Whether a leaf stands at `index` in the tree of this size and root (RFC 9162 §2.1.3.2). */
export function isIncluded(
  crypto: Crypto,
  { index, size, root }: { readonly index: number; readonly size: number; readonly root: Uint8Array },
  leaf: Hash,
  proof: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  let [at, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(crypto, sibling, hash);
      while (at % 2 === 0) [at, last] = [half(at), half(last)];
    } else {
      hash = nodeHash(crypto, hash, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** Whether the earlier tree is the beginning of the later one (RFC 9162 §2.1.4.2). */
export function isConsistent(
  crypto: Crypto,
  earlier: { readonly size: number; readonly root: Uint8Array },
  later: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && equalBytes(earlier.root, later.root);
  if (earlier.size === 0) return proof.length === 0 && equalBytes(earlier.root, emptyRoot(crypto));
  // A whole subtree's own root is not sent: the verifier has it.
  const path = Number.isInteger(Math.log2(earlier.size)) ? [earlier.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (!first) return false;
  let [at, last] = [earlier.size - 1, later.size - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  let [before, after] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      before = nodeHash(crypto, hash, before);
      after = nodeHash(crypto, hash, after);
      while (at % 2 === 0) [at, last] = [half(at), half(last)];
    } else {
      after = nodeHash(crypto, after, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(before, earlier.root) && equalBytes(after, later.root);
}

/** Bit operations of JavaScript end at 32 bits. */
const half = (number: number): number => Math.floor(number / 2);
