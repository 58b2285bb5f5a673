/** Bytes and their spellings. Strict: what another implementation would spell differently is refused. */

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
/** A byte order mark is kept: bytes → text → bytes gives the same bytes, which hashes rely on. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const bodyDecoder = new TextDecoder("utf-8", { fatal: true });

export const utf8 = (text: string): Bytes => encoder.encode(text);

/** @throws TypeError for anything that is not UTF-8 */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

/**
 * The text of a JSON body. A byte order mark in front is left out, as RFC 8259 §8.1 lets readers do; it stays in
 * what is hashed.
 *
 * @throws TypeError for anything that is not UTF-8
 */
export const fromUtf8Body = (bytes: Uint8Array): string => bodyDecoder.decode(bytes);

/** Of a list whose length somebody else decides; `concatBytes` is for parts that are written down. */
export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const concatBytes = (...parts: readonly Uint8Array[]): Bytes => joinBytes(parts);

/**
 * Four bytes, most significant first.
 *
 * @throws RangeError for anything but a whole number below 2^32
 */
export function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4);
  putU32be(bytes, 0, value);
  return bytes;
}

/** The same, where they belong. @throws RangeError as `u32be` does */
export function putU32be(bytes: Uint8Array, at: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new RangeError("not an unsigned 32-bit number");
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** For public values; it takes as long as the first difference is far. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Native from Node 25 on. */
interface NativeHex {
  toHex?: () => string;
}

export function toHex(bytes: Uint8Array): string {
  const native: NativeHex = bytes;
  return native.toHex ? native.toHex() : toHexByTable(bytes);
}

/** What `toHex` is where the platform has none. */
export function toHexByTable(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += hexOf[byte];
  return text;
}

/** @throws RangeError for anything but pairs of lower-case hex digits */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new RangeError("not lower-case hex");
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}

/**
 * Native in browsers and from Node 25 on. Node 24 takes the tables below: they cost less than a
 * seventh of what `btoa` and `atob` cost there, and every streamed piece comes through here.
 */
interface NativeBase64 {
  toBase64?: () => string;
}
interface NativeBase64Constructor {
  fromBase64?: (text: string, options: { lastChunkHandling: "strict" }) => Bytes;
}

/** With padding, as RFC 4648 §4. */
export function toBase64(bytes: Uint8Array): string {
  const native: NativeBase64 = bytes;
  return native.toBase64 ? native.toBase64() : toBase64ByTable(bytes);
}

/** @throws RangeError for anything that `toBase64` would not have written */
export function fromBase64(text: string): Bytes {
  const native: NativeBase64Constructor = Uint8Array;
  if (text.length % 4 !== 0) throw new RangeError("not padded base64");
  if (!native.fromBase64) return fromBase64ByTable(text);
  let bytes: Bytes;
  try {
    bytes = native.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    throw new RangeError("not padded base64");
  }
  // The native one skips white space, which shows in the length.
  if (bytes.length !== (text.length / 4) * 3 - paddingOf(text)) throw new RangeError("not padded base64");
  return bytes;
}

const paddingOf = (text: string): number => (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);

const letters = utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PAD = 61;
const NO_LETTER = 128;
const valueOf = new Uint8Array(256).fill(NO_LETTER);
for (const [value, letter] of letters.entries()) valueOf[letter] = value;

/** What `toBase64` is where the platform has none. */
export function toBase64ByTable(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  const at = (index: number): number => bytes[index] ?? 0;
  const letter = (value: number): number => letters[value & 63] ?? PAD;
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const three = (at(from) << 16) | (at(from + 1) << 8) | at(from + 2);
    out[to] = letter(three >> 18);
    out[to + 1] = letter(three >> 12);
    out[to + 2] = letter(three >> 6);
    out[to + 3] = letter(three);
  }
  const padding = (3 - (bytes.length % 3)) % 3;
  return decoder.decode(out.fill(PAD, out.length - padding));
}

/** What `fromBase64` is where the platform has none. @throws RangeError as that does */
export function fromBase64ByTable(text: string): Bytes {
  const padding = paddingOf(text);
  const from = utf8(padding > 0 ? text.slice(0, -padding) + "AA".slice(0, padding) : text);
  if (from.length !== text.length || text.length % 4 !== 0) throw new RangeError("not padded base64");
  const out = new Uint8Array((from.length / 4) * 3);
  const value = (index: number): number => valueOf[from[index] ?? 0] ?? NO_LETTER;
  let seen = 0;
  for (let at = 0, to = 0; at < from.length; at += 4, to += 3) {
    const [a, b, c, d] = [value(at), value(at + 1), value(at + 2), value(at + 3)];
    seen |= a | b | c | d;
    const three = (a << 18) | (b << 12) | (c << 6) | d;
    out[to] = three >> 16;
    out[to + 1] = three >> 8;
    out[to + 2] = three;
  }
  const length = out.length - padding;
  // Bits that padding cuts off must be zero, or two texts would mean the same bytes.
  if (seen >= NO_LETTER || out.subarray(length).some((byte) => byte !== 0)) throw new RangeError("not padded base64");
  return out.slice(0, length);
}

/** For what others signed or sent: malformed base64 is no bytes at all, which no check accepts. */
export function fromBase64OrNothing(text: string): Bytes {
  try {
    return fromBase64(text);
  } catch {
    return new Uint8Array(0);
  }
}

/** Without padding, as RFC 4648 §5 and JOSE have it. */
export const toBase64Url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** @throws RangeError for anything that `toBase64Url` would not have written */
export function fromBase64Url(text: string): Bytes {
  if (/[+/=]/.test(text)) throw new RangeError("not unpadded base64url");
  return fromBase64(
    text
      .replaceAll("-", "+")
      .replaceAll("_", "/")
      .padEnd(Math.ceil(text.length / 4) * 4, "="),
  );
}
