import { fromHex, toHex } from "../bytes.ts";
import { leafHash, nodeHash } from "../log/merkle.ts";
import type { Crypto } from "../ports.ts";

/** Nonces of callers that go into one challenge, and so the steps of a path: 2¹⁰. */
export const CALLER_NONCES_MAX = 1024;
const PATH_STEPS_MAX = Math.log2(CALLER_NONCES_MAX);
export const CALLER_NONCE_BYTES = 32;

/** From a caller's nonce up to the root: at each step the neighbour's hash, and the side on which it stands. */
export type NoncePath = readonly { readonly side: "left" | "right"; readonly sha256: string }[];

/**
 * The Merkle tree over callers' nonces: a challenge is signed over its root, and each caller gets the
 * path from its own nonce to it, without learning the others'.
 *
 * @param nonces at least one
 * @returns the root in hex, and a path for each nonce in its order
 */
export function nonceTree(
  crypto: Crypto,
  nonces: readonly Uint8Array[],
): { readonly root: string; readonly paths: readonly NoncePath[] } {
  const paths = nonces.map((): NoncePath[number][] => []);
  let level = nonces.map((nonce, index) => ({ hash: leafHash(crypto, nonce), members: [index] }));
  while (level.length > 1) {
    const above: typeof level = [];
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = level.slice(at, at + 2);
      if (!left) break;
      // One that is left over goes up as it is.
      if (!right) {
        above.push(left);
        continue;
      }
      for (const member of left.members) paths[member]?.push({ side: "right", sha256: toHex(right.hash) });
      for (const member of right.members) paths[member]?.push({ side: "left", sha256: toHex(left.hash) });
      above.push({ hash: nodeHash(crypto, left.hash, right.hash), members: [...left.members, ...right.members] });
    }
    level = above;
  }
  const [top] = level;
  if (!top) throw new RangeError("a tree of no nonces has no root");
  return { root: toHex(top.hash), paths };
}

/** The root that a path leads to, in hex; undefined for a path that is none. */
export function rootOfPath(crypto: Crypto, nonce: Uint8Array, path: NoncePath): string | undefined {
  if (path.length > PATH_STEPS_MAX || path.some(({ sha256 }) => !/^[0-9a-f]{64}$/.test(sha256))) return undefined;
  let hash = leafHash(crypto, nonce);
  for (const { side, sha256 } of path)
    hash = side === "left" ? nodeHash(crypto, fromHex(sha256), hash) : nodeHash(crypto, hash, fromHex(sha256));
  return toHex(hash);
}
