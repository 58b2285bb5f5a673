import * as fc from "fast-check";
import { expect, it } from "vitest";
import { fromHex } from "../bytes.ts";
import { nodeHpke } from "../node/hpke.ts";
import { SEAL_INFO } from "./envelope.ts";
import { isSmallOrder } from "./small-order.ts";

const p = 2n ** 255n - 19n;
/** RFC 7748 §5: least significant byte first. */
const spelled = (number: bigint): string =>
  number.toString(16).padStart(64, "0").match(/../g)?.toReversed().join("") ?? "";

const byNode = (key: Uint8Array): boolean => {
  try {
    nodeHpke.sealContext("x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm", key, SEAL_INFO);
    return false;
  } catch {
    return true;
  }
};

/**
 * Goal: a key is told from one to which nobody can seal, as OpenSSL tells it. Method: the seven of them with and without
 * their topmost bit, their neighbours, and any others.
 */
it("knows the keys with which nothing is agreed", () => {
  const order8 = [
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  ];
  const bad = [...[0n, 1n, p - 1n, p, p + 1n].map(spelled), ...order8].map(fromHex);
  for (const key of bad)
    for (const top of [0, 0x80]) {
      const either = key.with(31, (key[31] ?? 0) | top);
      expect({ key: either, node: byNode(either), own: isSmallOrder(either) }).toEqual({
        key: either,
        node: true,
        own: true,
      });
    }
  const near = fc
    .constantFrom(...bad)
    .chain((key) => fc.nat(255).map((bit) => key.with(bit >> 3, (key[bit >> 3] ?? 0) ^ (1 << (bit & 7)))));
  const any = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(
      fc.oneof(
        near,
        any,
        fc
          .bigInt({ min: p - 4n, max: 2n ** 255n - 1n })
          .map(spelled)
          .map(fromHex),
      ),
      (key) => {
        expect(isSmallOrder(key)).toBe(byNode(key));
      },
    ),
    { numRuns: 300 },
  );
});
