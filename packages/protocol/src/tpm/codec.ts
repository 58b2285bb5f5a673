import { concatBytes, joinBytes, u32be } from "../bytes.ts";
import { tpmAlgorithm } from "./constants.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export const u16be = (value: number): Bytes => Uint8Array.of((value >> 8) & 0xff, value & 0xff);

/** Some two-byte values in a row, as algorithm lists are. */
export const u16s = (...values: readonly number[]): Bytes => joinBytes(values.map(u16be));

/** A TPM2B: two bytes of length, then the bytes. */
export const sized = (bytes: Uint8Array): Bytes => concatBytes(u16be(bytes.length), bytes);

/** The SHA-256 bank's PCRs in a TPML_PCR_SELECTION, with three bytes of bits, which is what PC clients have (24 PCRs). */
export function pcrSelection(indexes: readonly number[]): Bytes {
  const bits = new Uint8Array(3);
  for (const index of indexes) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  return concatBytes(u32be(1), u16be(tpmAlgorithm.sha256), Uint8Array.of(bits.length), bits);
}

/**
 * TPM structures are fields one after the other, most significant byte first; a TPM2B has its length in
 * 16 bits in front (TPM 2.0 Library, Part 2, 10.4; clauses here and beside are those of revision 1.59). The firmware's event log is the same with the
 * least significant byte first.
 */
export class TpmReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, littleEndian = false) {
    // Of a Buffer too, whose own `slice` is no copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  u8 = (): number => this.#view.getUint8(this.#take(1));
  u16 = (): number => this.#view.getUint16(this.#take(2), this.#littleEndian);
  u32 = (): number => this.#view.getUint32(this.#take(4), this.#littleEndian);
  u64 = (): bigint => this.#view.getBigUint64(this.#take(8), this.#littleEndian);

  bytes(length: number): Bytes {
    const from = this.#take(length);
    return this.#bytes.slice(from, from + length);
  }

  /** A TPM2B of at most so many bytes. */
  sized(lengthMax = 0xffff): Bytes {
    const length = this.u16();
    return this.bytes(length <= lengthMax ? length : malformed());
  }

  /** The content of a TPML: a count, believed as far as there are bytes for it, then so many of at least `leastBytes`. */
  list<Item>(leastBytes: number, read: (reader: this) => Item): Item[] {
    const count = this.u32();
    if (count * leastBytes > this.#bytes.length - this.#at) malformed();
    return Array.from({ length: count }, () => read(this));
  }

  /** Everything up to the end. */
  rest(): Bytes {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** Everything was read. */
  end(): void {
    if (!this.ended) malformed();
  }

  #take(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) malformed();
    this.#at += length;
    return from;
  }
}

/** A structure is cut off, or is none. */
export class TpmMalformed extends Error {
  override readonly name = "TpmMalformed";
}

/** Ends the reading. */
export function malformed(): never {
  throw new TpmMalformed();
}

/** What the parser makes of all the bytes; undefined for anything malformed, and for bytes behind the end. */
export function readWhole<T>(
  bytes: Uint8Array,
  parse: (reader: TpmReader) => T,
  order: "big-endian" | "little-endian" = "big-endian",
): T | undefined {
  const reader = new TpmReader(bytes, order === "little-endian");
  try {
    const value = parse(reader);
    return reader.ended ? value : undefined;
  } catch (error) {
    if (error instanceof TpmMalformed) return undefined;
    throw error;
  }
}
