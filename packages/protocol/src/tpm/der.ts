import { joinBytes, concatBytes, fromHex } from "../bytes.ts";

/** The few pieces of DER (X.690) that keys and signatures are written in. */
type Bytes = Uint8Array<ArrayBuffer>;

function tagged(tag: number, content: Uint8Array): Bytes {
  const { length } = content;
  // 8.1.3: one byte below 128; else the count of length bytes, then those.
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes(Uint8Array.of(tag, ...lengthBytes), content);
}

export const derSequence = (...parts: readonly Uint8Array[]): Bytes => tagged(0x30, joinBytes(parts));
export const derBitString = (bytes: Uint8Array): Bytes => tagged(0x03, concatBytes(Uint8Array.of(0), bytes));
/** @param content of the identifier, lower-case hex */
export const derOid = (content: string): Bytes => tagged(0x06, fromHex(content));
export const derNull: Bytes = Uint8Array.of(0x05, 0x00);

/** A number that is not negative, most significant byte first; leading zeros do not matter. */
export function derInteger(magnitude: Uint8Array): Bytes {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : magnitude.subarray(first);
  const signByte = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return tagged(0x02, concatBytes(signByte, digits));
}
