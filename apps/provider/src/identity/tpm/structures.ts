import { joinBytes, concatBytes, u32be } from "@darkbloom/protocol/bytes";
import { tpmAlgorithm } from "@darkbloom/protocol/tpm";
import { TpmError } from "./tpm-error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** TPM_ECC_CURVE, Part 2, 6.4. */
export const CURVE_P256 = 0x0003;

export const u16be = (value: number): Bytes => Uint8Array.of((value >> 8) & 0xff, value & 0xff);

/** A TPM2B: two bytes of length, then the bytes. */
export const sized = (bytes: Uint8Array): Bytes => concatBytes(u16be(bytes.length), bytes);

/** Some two-byte values in a row, as algorithm lists are. */
export const u16s = (...values: readonly number[]): Bytes => joinBytes(values.map(u16be));

/**
 * Reads what a TPM answered: big-endian, lengths first (Part 1, "Structure marshaling"). Every read is
 * inside the answer, or there is no result.
 *
 * @throws TpmError `malformed`
 */
export class TpmReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(length: number): Bytes {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new TpmError("malformed");
    // A copy, also of a Buffer, whose own slice would share its memory.
    const taken = new Uint8Array(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    return taken;
  }

  u8(): number {
    return this.#number(1);
  }
  u16(): number {
    return this.#number(2);
  }
  u32(): number {
    return this.#number(4);
  }

  /** The content of a TPM2B. */
  sized(): Bytes {
    return this.take(this.u16());
  }

  /** The content of a TPML: a count, then so many of them, each of at least `leastBytes`. */
  list<Item>(leastBytes: number, read: (reader: this) => Item): Item[] {
    const count = this.u32();
    // A count is believed only as far as there are bytes for it.
    if (count * leastBytes > this.#bytes.length - this.#at) throw new TpmError("malformed");
    return Array.from({ length: count }, () => read(this));
  }

  /** Everything up to the end. */
  rest(): Bytes {
    return this.take(this.#bytes.length - this.#at);
  }

  /** Everything was read. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new TpmError("malformed");
  }

  #number(length: number): number {
    return this.take(length).reduce((value, byte) => value * 256 + byte, 0);
  }
}

/** One bank's PCRs: TPMS_PCR_SELECTION with three bytes of bits, which is what PC clients have (24 PCRs). */
export function pcrSelection(indices: readonly number[]): Bytes {
  const bits = new Uint8Array(3);
  for (const index of indices) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  return concatBytes(u32be(1), u16be(tpmAlgorithm.sha256), Uint8Array.of(bits.length), bits);
}

/** The SHA-256 bank's PCRs in a TPML_PCR_SELECTION, ascending. */
export function readPcrSelection(reader: TpmReader): number[] {
  return reader
    .list(3, (entry) => ({ hash: entry.u16(), bits: entry.take(entry.u8()) }))
    .filter(({ hash }) => hash === tpmAlgorithm.sha256)
    .flatMap(({ bits }) => Array.from({ length: bits.length * 8 }, (_, index) => ({ index, bits })))
    .filter(({ index, bits }) => ((bits[index >> 3] ?? 0) >> (index & 7)) & 1)
    .map(({ index }) => index);
}

/** A TPMT_SIGNATURE by ECDSA with SHA-256, in its exact bytes. */
export interface EcdsaSignature {
  readonly bytes: Bytes;
  /** Big-endian, at most 32 bytes each. */
  readonly r: Bytes;
  readonly s: Bytes;
}

const P256_BYTES = 32;

export function readEcdsaSignature(reader: TpmReader): EcdsaSignature {
  if (reader.u16() !== tpmAlgorithm.ecdsa || reader.u16() !== tpmAlgorithm.sha256) throw new TpmError("malformed");
  const r = reader.sized();
  const s = reader.sized();
  for (const { length } of [r, s]) if (length < 1 || length > P256_BYTES) throw new TpmError("malformed");
  return { bytes: concatBytes(u16s(tpmAlgorithm.ecdsa, tpmAlgorithm.sha256), sized(r), sized(s)), r, s };
}

/** DER of r and s (RFC 3279 §2.2.3). */
export function derOf({ r, s }: Pick<EcdsaSignature, "r" | "s">): Bytes {
  const content = concatBytes(derInteger(r), derInteger(s));
  return concatBytes(Uint8Array.of(0x30, content.length), content);
}

function derInteger(bytes: Uint8Array): Bytes {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return concatBytes(Uint8Array.of(0x02, sign.length + digits.length), sign, digits);
}
