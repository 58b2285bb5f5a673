import { toHex } from "../bytes.ts";

/** The points of order 1, 2, 4 and 8 on Curve25519 and its twist, each in every spelling (https://cr.yp.to/ecdh.html#validate). */
const points: ReadonlySet<string> = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

/**
 * Whether nothing can be agreed with this X25519 key, whoever tries: the result would be zero (RFC 7748 §6.1).
 *
 * @param publicKey 32 bytes; the topmost bit is not looked at (§5)
 */
export const isSmallOrder = (publicKey: Uint8Array): boolean =>
  points.has(toHex(publicKey.map((byte, at) => (at === 31 ? byte & 0x7f : byte))));
