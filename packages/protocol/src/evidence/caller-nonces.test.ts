import * as fc from "fast-check";
import { expect, it } from "vitest";
import * as z from "zod";
import { changedBytes, changedJson } from "../../test/changed.ts";
import { fromHex } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { CALLER_NONCE_BYTES, CALLER_NONCES_MAX, nonceTree, rootOfPath } from "./caller-nonces.ts";

const nonceOf = (n: number): Uint8Array => new Uint8Array(CALLER_NONCE_BYTES).fill(n & 0xff).with(0, n >> 8);

/**
 * Goal: the root is RFC 6962's. Method: the tree head of RFC 6962's reference data (Certificate
 * Transparency's Merkle tree tests) for its first one, two and three leaves.
 */
it.each([
  [1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
  [2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
  [3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
])("has a known root of %i", (count, root) => {
  const leaves = [new Uint8Array(0), fromHex("00"), fromHex("10")].slice(0, count);
  expect(nonceTree(nodeCrypto, leaves).root).toBe(root);
});

/** Goal: every caller's path leads to the root, and to no other nonce's. Method: trees of any size, each path with each nonce. */
it("proves each nonce and no other", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), (count) => {
      const nonces = Array.from({ length: count }, (_, n) => nonceOf(n));
      const { root, paths } = nonceTree(nodeCrypto, nonces);
      for (const [at, path] of paths.entries())
        for (const [other, nonce] of nonces.entries())
          expect(rootOfPath(nodeCrypto, nonce, path) === root).toBe(at === other);
    }),
    { numRuns: 20 },
  );
});

/**
 * Goal: no other path and no other nonce leads to the root, and none throws. Method: a tree of any size; one step of a
 * good path changed in any way that the wire lets through, or some bytes of the nonce; and any steps at all.
 */
it("leads from nothing else to the root", () => {
  const steps = z.array(z.object({ side: z.enum(["left", "right"]), sha256: z.string() }));
  const anySteps = fc.array(fc.record({ side: fc.constantFrom("left", "right"), sha256: fc.string() }));
  const leaf = fc.tuple(fc.integer({ min: 2, max: 40 }), fc.nat()).chain(([count, which]) => {
    const nonces = Array.from({ length: count }, (_, n) => nonceOf(n));
    const { root, paths } = nonceTree(nodeCrypto, nonces);
    const [nonce = nonceOf(0), path = []] = [nonces[which % count], paths[which % count]];
    const others = fc.oneof({ arbitrary: changedJson(path), weight: 4 }, anySteps);
    return fc.tuple(fc.constant(root), fc.constant(nonce), fc.constant(path), changedBytes(nonce), others);
  });
  fc.assert(
    fc.property(leaf, ([root, nonce, path, otherNonce, otherPath]) => {
      expect(rootOfPath(nodeCrypto, nonce, path)).toBe(root);
      expect(rootOfPath(nodeCrypto, otherNonce, path)).not.toBe(root);
      const { data } = steps.safeParse(otherPath);
      const same = JSON.stringify(data) === JSON.stringify(path);
      if (data && !same) expect(rootOfPath(nodeCrypto, nonce, data)).not.toBe(root);
    }),
    { numRuns: 200 },
  );
});

/** Goal: a path that is none proves nothing and breaks nothing. Method: junk, one step too many, a flipped side. */
it("refuses what is no path", () => {
  const nonces = Array.from({ length: CALLER_NONCES_MAX }, (_, n) => nonceOf(n));
  const { root, paths } = nonceTree(nodeCrypto, nonces);
  const [nonce = nonceOf(0)] = nonces;
  const [path = []] = paths;
  expect(path).toHaveLength(10);
  expect(rootOfPath(nodeCrypto, nonce, path)).toBe(root);
  expect(rootOfPath(nodeCrypto, nonce, [...path, { side: "left", sha256: root }])).toBeUndefined();
  expect(rootOfPath(nodeCrypto, nonce, [{ side: "left", sha256: "x" }])).toBeUndefined();
  expect(rootOfPath(nodeCrypto, nonce, path.with(0, { side: "left", sha256: path[0]?.sha256 ?? "" }))).not.toBe(root);
  expect(() => nonceTree(nodeCrypto, [])).toThrow(RangeError);
});
