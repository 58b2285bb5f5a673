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

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
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

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const from = this.#take(length);
    return this.#bytes.slice(from, from + length);
  }

  /** A TPM2B of at most so many bytes. */
  sized(lengthMax: number): Uint8Array<ArrayBuffer> {
    const length = this.u16();
    return this.bytes(length <= lengthMax ? length : malformed());
  }

  #take(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) malformed();
    this.#at += length;
    return from;
  }
}

class Malformed extends Error {
  override readonly name = "Malformed";
}

/** Ends the reading from within `readWhole`. */
export function malformed(): never {
  throw new Malformed();
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
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
