import { concatBytes } from "../bytes.ts";
import type { Crypto } from "../ports.ts";

/** Prefixes keep a leaf from being taken for a node (RFC 6962 §2.1). */
const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

export type Hash = Uint8Array<ArrayBuffer>;

export const leafHash = (crypto: Crypto, entry: Uint8Array): Hash => crypto.sha256(concatBytes(leafPrefix, entry));
export const nodeHash = (crypto: Crypto, left: Uint8Array, right: Uint8Array): Hash =>
  crypto.sha256(concatBytes(nodePrefix, left, right));

/** Of no leaves at all. */
export const emptyRoot = (crypto: Crypto): Hash => crypto.sha256();

/** The largest power of two below `size`, which is at least 2. */
export function splitOf(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
