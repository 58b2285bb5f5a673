import { concatBytes, utf8 } from "../src/bytes.ts";
import { explicitTag, TAG } from "../src/x509/index.ts";

/** Writes DER, for certificates that no library would make, and for those that must be the same at every run. */

export type Bytes = Uint8Array<ArrayBuffer>;

export function der(tag: number, ...contents: readonly Uint8Array[]): Bytes {
  const content = concatBytes(...contents);
  const { length } = content;
  const spelled = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes(Uint8Array.of(tag, ...spelled), content);
}

export const sequence = (...contents: readonly Uint8Array[]): Bytes => der(TAG.sequence, ...contents);
export const explicit = (number: number, ...contents: readonly Uint8Array[]): Bytes =>
  der(explicitTag(number), ...contents);
export const boolean = (value: boolean): Bytes => der(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
/** Of one byte, below 128. */
export const integer = (value: number): Bytes => der(TAG.integer, Uint8Array.of(value));
export const octets = (...contents: readonly Uint8Array[]): Bytes => der(TAG.octetString, ...contents);
export const bits = (...contents: readonly Uint8Array[]): Bytes => der(TAG.bitString, Uint8Array.of(0), ...contents);

export function oid(dotted: string): Bytes {
  const [top = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const spell = (arc: number): number[] => {
    const digits = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left & 0x7f) | 0x80);
    return digits;
  };
  return der(TAG.oid, Uint8Array.from([top * 40 + second, ...rest].flatMap(spell)));
}

/** `CN=…`, or no name at all. */
export const nameOf = (common: string): Bytes =>
  common === "" ? sequence() : sequence(der(TAG.set, sequence(oid("2.5.4.3"), der(TAG.utf8String, utf8(common)))));

/** @param ms milliseconds since 1970, before 2050 */
export function time(ms: number): Bytes {
  const digits = new Date(ms).toISOString().replaceAll(/\.\d+|[^\dZ]/g, "");
  return der(TAG.utcTime, utf8(digits.slice(2)));
}

export const extension = (dotted: string, value: Uint8Array, critical = false): Bytes =>
  sequence(oid(dotted), ...(critical ? [boolean(true)] : []), octets(value));
