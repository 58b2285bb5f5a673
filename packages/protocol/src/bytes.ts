/** Bytes and their spellings. Strict: what another implementation would spell differently is refused. */

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const utf8 = (text: string): Bytes => encoder.encode(text);

/** @throws TypeError for anything that is not UTF-8 */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Four bytes, most significant first. */
export function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** For public values; it takes as long as the first difference is far. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += hexOf[byte];
  return text;
}

/** @throws RangeError for anything but pairs of lower-case hex digits */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new RangeError("not lower-case hex");
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}

/** Native in browsers and from Node 25 on, where it is several times faster than what stands in for it. */
interface NativeBase64 {
  toBase64?: (options?: { alphabet?: "base64url"; omitPadding?: boolean }) => string;
}
interface NativeBase64Constructor {
  fromBase64?: (text: string, options?: { alphabet?: "base64url"; lastChunkHandling?: "strict" }) => Bytes;
}
const { fromBase64: nativeFrom } = Uint8Array as NativeBase64Constructor;

/** Characters that one `String.fromCharCode` takes; more would overflow the stack. */
const CHARACTERS_AT_ONCE_MAX = 8192;

/** With padding, as RFC 4648 §4. */
export function toBase64(bytes: Uint8Array): string {
  const native = bytes as NativeBase64;
  if (native.toBase64) return native.toBase64();
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE_MAX)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHARACTERS_AT_ONCE_MAX));
  return btoa(binary);
}

/** @throws RangeError for anything that `toBase64` would not have written */
export function fromBase64(text: string): Bytes {
  if (text.length % 4 !== 0 || /\s/.test(text)) throw new RangeError("not padded base64");
  try {
    if (nativeFrom) return nativeFrom(text, { lastChunkHandling: "strict" });
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    if (toBase64(bytes.subarray(bytes.length - (bytes.length % 3 || 3))) !== text.slice(-4)) throw new RangeError();
    return bytes;
  } catch {
    throw new RangeError("not padded base64");
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
