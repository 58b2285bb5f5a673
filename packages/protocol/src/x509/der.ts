import { fromUtf8 } from "../bytes.ts";

/** Bytes that are not the DER that was asked for. Tells nothing of what they are. */
export class DerFault extends Error {
  override readonly name = "DerFault";
  constructor() {
    super("not the expected DER");
  }
}

/** First bytes of elements: class, primitive or constructed, number (X.690 §8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The constructed tag of a field with this number, e.g. `[3] EXPLICIT`. */
export const explicitTag = (number: number): number => 0xa0 | number;

export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length included. */
  readonly whole: Uint8Array;
}

/** Longer lengths are spelled with at most this many bytes: 16 MiB, far above all that is read here. */
const LENGTH_BYTES_MAX = 3;

/**
 * Elements one after another, as DER has them (X.690 §10): lengths are definite and spelled with the
 * fewest bytes, tags take one byte. It looks at no byte twice and goes into no element by itself, so
 * its cost is that of the bytes. Every method throws `DerFault` for anything else.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next element's tag; undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#at];
  }

  next(): DerElement {
    const from = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerFault();
    const length = this.#length();
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new DerFault();
    this.#at = start + length;
    return { tag, content: this.#bytes.subarray(start, this.#at), whole: this.#bytes.subarray(from, this.#at) };
  }

  element(tag: number): DerElement {
    if (this.tag !== tag) throw new DerFault();
    return this.next();
  }

  content(tag: number): Uint8Array {
    return this.element(tag).content;
  }

  /** What stands inside the next element. */
  into(tag: number): DerReader {
    return new DerReader(this.content(tag));
  }

  /** The content of a field that may be left out. */
  optional(tag: number): Uint8Array | undefined {
    return this.tag === tag ? this.next().content : undefined;
  }

  /** All the rest, each read by `read`. */
  each<T>(read: (reader: DerReader) => T): T[] {
    const found: T[] = [];
    while (this.tag !== undefined) found.push(read(this));
    return found;
  }

  end(): void {
    if (this.tag !== undefined) throw new DerFault();
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new DerFault();
    this.#at += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first - 0x80;
    if (count === 0 || count > LENGTH_BYTES_MAX) throw new DerFault();
    let length = 0;
    for (let n = 0; n < count; n++) length = length * 256 + this.#byte();
    const fewest = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3;
    if (count !== fewest) throw new DerFault();
    return length;
  }
}

/** Reads the one element that the bytes are, with `read`, to the last byte; undefined for anything else. */
export function readDer<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T | undefined {
  const reader = new DerReader(bytes);
  try {
    const value = read(reader);
    reader.end();
    return value;
  } catch (cause) {
    if (cause instanceof DerFault) return undefined;
    throw cause;
  }
}

/** Dotted numbers, e.g. `2.5.29.19` (X.690 §8.19). */
export function oidOf(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let begun = false;
  for (const byte of content) {
    // A number begins with no zero digits, and stays exact in a double.
    if ((!begun && byte === 0x80) || arc > 2 ** 40) throw new DerFault();
    arc = arc * 128 + (byte & 0x7f);
    begun = byte >= 0x80;
    if (begun) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first, ...rest] = arcs;
  if (first === undefined || begun) throw new DerFault();
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...rest].join(".");
}

/** Two's complement, most significant first, in the fewest bytes. */
export function integerOf(content: Uint8Array): Uint8Array {
  const [first, second = 0] = content;
  if (first === undefined) throw new DerFault();
  if (content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw new DerFault();
  return content;
}

/** An integer from 0 to 2^31 - 1. */
export function smallIntegerOf(content: Uint8Array): number {
  const bytes = integerOf(content);
  if (bytes.length > 4 || (bytes[0] ?? 0) >= 0x80) throw new DerFault();
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function booleanOf(content: Uint8Array): boolean {
  const [value] = content;
  if (content.length !== 1 || (value !== 0 && value !== 0xff)) throw new DerFault();
  return value === 0xff;
}

/** A bit string of whole bytes. */
export function wholeBitStringOf(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw new DerFault();
  return content.subarray(1);
}

/** The numbers of the bits that are set, counted from the left (X.680 §22). */
export function bitNumbersOf(content: Uint8Array): ReadonlySet<number> {
  const [unused = 8, ...bytes] = content;
  const last = bytes.at(-1) ?? 0;
  if (unused > 7 || (bytes.length === 0 && unused > 0) || (last & ((1 << unused) - 1)) !== 0) throw new DerFault();
  return new Set(
    bytes.flatMap((byte, at) => bitsOfByte.filter((bit) => byte & (0x80 >> bit)).map((bit) => at * 8 + bit)),
  );
}
const bitsOfByte = [0, 1, 2, 3, 4, 5, 6, 7];

/** @returns milliseconds since 1970, from either of the two forms that RFC 5280 §4.1.2.5 allows */
export function timeOf({ tag, content }: DerElement): number {
  const digits = textOf(content);
  const century = tag === TAG.generalizedTime ? "" : Number(digits.slice(0, 2)) < 50 ? "20" : "19";
  if (tag !== TAG.generalizedTime && tag !== TAG.utcTime) throw new DerFault();
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + digits) ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const ms = Date.parse(iso);
  // A day that the month does not have would otherwise be one of the next month.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw new DerFault();
  return ms;
}

/** Text in UTF-8 or ASCII. */
export function textOf(content: Uint8Array): string {
  try {
    return fromUtf8(content);
  } catch {
    throw new DerFault();
  }
}
