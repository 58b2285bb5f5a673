import { concatBytes, u32be } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import {
  LONGEST_DIGEST_BYTES,
  LONGEST_COORDINATE_BYTES,
  LONGEST_RSA_BYTES,
  RSA_EXPONENT,
  tpmAlgorithm as algorithm,
} from "./constants.ts";
import { derBitString, derInteger, derNull, derOid, derSequence } from "./der.ts";
import { malformed, readWhole, type TpmReader } from "./codec.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** TPMA_OBJECT: what a TPM promises about a key (TPM 2.0 Library, Part 2, 8.3). Bits that no check asks for are left out. */
const attributeBits = {
  fixedTPM: 1,
  fixedParent: 4,
  sensitiveDataOrigin: 5,
  restricted: 16,
  decrypt: 17,
  sign: 18,
} as const;
export type TpmAttribute = keyof typeof attributeBits;

const curves = {
  0x0003: { name: "P-256", bytes: 32, oid: "2a8648ce3d030107" },
  0x0004: { name: "P-384", bytes: 48, oid: "2b81040022" },
  0x0005: { name: "P-521", bytes: 66, oid: "2b81040023" },
} as const;
type Curve = (typeof curves)[keyof typeof curves];

/** A restricted key can only be used with one hash and one scheme; another may leave both open. */
interface Scheme {
  readonly id: number;
  /** Undefined where the scheme has none of its own. */
  readonly hash: number | undefined;
}

/** What a TPM says of a key: TPMT_PUBLIC (Part 2, 12.2.4), for RSA and for NIST curves. */
export interface TpmPublic {
  /** As it was read: the name is a hash of these. */
  readonly bytes: Bytes;
  readonly nameAlgorithm: number;
  readonly attributes: ReadonlySet<TpmAttribute>;
  /** The cipher with which a storage key protects what is below it. */
  readonly symmetric: { readonly algorithm: number; readonly keyBits: number; readonly mode: number } | undefined;
  readonly scheme: Scheme | undefined;
  readonly key:
    | { readonly kind: "rsa"; readonly modulus: Bytes }
    | { readonly kind: "ecc"; readonly curve: Curve["name"]; readonly x: Bytes; readonly y: Bytes };
}

export const readTpmPublic = (bytes: Uint8Array): TpmPublic | undefined =>
  readWhole(bytes, (reader) => {
    const type = reader.u16();
    const nameAlgorithm = reader.u16();
    const attributes = attributesOf(reader.u32());
    // authPolicy: how the key's own machine lets itself use it, which shows nothing to others.
    reader.sized(LONGEST_DIGEST_BYTES);
    const symmetric = symmetricOf(reader);
    const scheme = schemeOf(reader);
    const key = type === algorithm.rsa ? rsaKey(reader) : type === algorithm.ecc ? eccKey(reader) : malformed();
    return { bytes: new Uint8Array(bytes), nameAlgorithm, attributes, symmetric, scheme, key };
  });

const attributesOf = (bits: number): ReadonlySet<TpmAttribute> =>
  new Set(
    (Object.entries(attributeBits) as [TpmAttribute, number][])
      .filter(([, bit]) => ((bits >>> bit) & 1) === 1)
      .map(([name]) => name),
  );

/** TPMT_SYM_DEF_OBJECT, Part 2, 11.1.7. */
function symmetricOf(reader: TpmReader): TpmPublic["symmetric"] {
  const id = reader.u16();
  return id === algorithm.none ? undefined : { algorithm: id, keyBits: reader.u16(), mode: reader.u16() };
}

/** TPMT_RSA_SCHEME and TPMT_ECC_SCHEME, Part 2, 11.2.4.2 and 11.2.5.6. */
function schemeOf(reader: TpmReader): Scheme | undefined {
  const id = reader.u16();
  switch (id) {
    case algorithm.none:
      return undefined;
    case algorithm.rsaes:
      return { id, hash: undefined };
    case algorithm.rsassa:
    case algorithm.rsapss:
    case algorithm.oaep:
    case algorithm.ecdsa:
    case algorithm.ecdh:
    case algorithm.sm2:
    case algorithm.ecschnorr:
    case algorithm.ecmqv:
      return { id, hash: reader.u16() };
    case algorithm.ecdaa: {
      const scheme = { id, hash: reader.u16() };
      reader.u16();
      return scheme;
    }
    default:
      return malformed();
  }
}

/**
 * The rest of TPMS_RSA_PARMS (Part 2, 12.2.3.5) and the modulus. Zero stands for the usual exponent, and
 * no other is read: under an exponent of one, what is sealed lies open, and anybody signs.
 */
function rsaKey(reader: TpmReader): TpmPublic["key"] {
  const keyBits = reader.u16();
  const exponent = reader.u32();
  const modulus = reader.sized(LONGEST_RSA_BYTES);
  const usual = exponent === 0 || exponent === RSA_EXPONENT;
  const whole = usual && keyBits >= 2048 && modulus.length * 8 === keyBits && (modulus[0] ?? 0) >= 0x80;
  return whole ? { kind: "rsa", modulus } : malformed();
}

/** The rest of TPMS_ECC_PARMS (Part 2, 12.2.3.6) and the point. */
function eccKey(reader: TpmReader): TpmPublic["key"] {
  const id = reader.u16();
  const curve = isCurve(id) ? curves[id] : malformed();
  // TPMT_KDF_SCHEME, 11.2.3.3.
  if (reader.u16() !== algorithm.none) reader.u16();
  return { kind: "ecc", curve: curve.name, x: coordinate(reader, curve.bytes), y: coordinate(reader, curve.bytes) };
}

const isCurve = (id: number): id is keyof typeof curves => Object.hasOwn(curves, id);

/** A TPM may leave out leading zeros; every other format has them. */
function coordinate(reader: TpmReader, length: number): Bytes {
  const digits = reader.sized(LONGEST_COORDINATE_BYTES);
  if (digits.length === 0 || digits.length > length) malformed();
  return concatBytes(new Uint8Array(length - digits.length), digits);
}

/** How a TPM calls this key: the hash's number and the hash of the public area (Part 1, 16). SHA-256 only. */
export const tpmNameOf = (crypto: Crypto, { nameAlgorithm, bytes }: TpmPublic): Bytes | undefined =>
  nameAlgorithm === algorithm.sha256
    ? concatBytes(Uint8Array.of(nameAlgorithm >> 8, nameAlgorithm & 0xff), crypto.sha256(bytes))
    : undefined;

/** The key as certificates have it: SubjectPublicKeyInfo of RFC 3279 §2.3.1 or RFC 5480 §2. */
export function spkiOfTpmKey({ key }: TpmPublic): Bytes {
  if (key.kind === "rsa") {
    const numbers = derSequence(derInteger(key.modulus), derInteger(u32be(RSA_EXPONENT)));
    return derSequence(derSequence(derOid("2a864886f70d010101"), derNull), derBitString(numbers));
  }
  const { oid } = curveNamed(key.curve);
  return derSequence(derSequence(derOid("2a8648ce3d0201"), derOid(oid)), derBitString(tpmPointOf(key)));
}

/** The uncompressed point, SEC 1 §2.3.3. */
export const tpmPointOf = ({ x, y }: { readonly x: Uint8Array; readonly y: Uint8Array }): Bytes =>
  concatBytes(Uint8Array.of(4), x, y);

function curveNamed(name: Curve["name"]): Curve {
  switch (name) {
    case "P-256":
      return curves[0x0003];
    case "P-384":
      return curves[0x0004];
    case "P-521":
      return curves[0x0005];
  }
}
