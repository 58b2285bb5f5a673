import { concatBytes } from "../bytes.ts";
import type { SignatureAlgorithm, Verifier } from "../ports.ts";
import { LONGEST_COORDINATE_BYTES, LONGEST_RSA_BYTES, tpmAlgorithm as algorithm } from "./constants.ts";
import { derInteger, derSequence } from "./der.ts";
import { spkiOfTpmKey, type TpmPublic } from "./public-area.ts";
import { malformed, readWhole, sized, u16s, type TpmReader } from "./codec.ts";

const P256_BYTES = 32;

/** A TPM's signature as everybody else writes it. */
interface TpmSignature {
  readonly algorithm: Extract<SignatureAlgorithm, "rsa_pkcs1_sha256" | "ecdsa_sha256">;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** TPMT_SIGNATURE (TPM 2.0 Library, Part 2, 11.3.4): RSASSA or ECDSA, each with SHA-256. */
export const readTpmSignature = (bytes: Uint8Array): TpmSignature | undefined =>
  readWhole(bytes, (reader) => {
    const scheme = reader.u16();
    if (reader.u16() !== algorithm.sha256) malformed();
    switch (scheme) {
      case algorithm.rsassa:
        return { algorithm: "rsa_pkcs1_sha256", signature: reader.sized(LONGEST_RSA_BYTES) };
      case algorithm.ecdsa: {
        const [r, s] = [reader.sized(LONGEST_COORDINATE_BYTES), reader.sized(LONGEST_COORDINATE_BYTES)];
        return { algorithm: "ecdsa_sha256", signature: derSequence(derInteger(r), derInteger(s)) };
      }
      default:
        return malformed();
    }
  });

/** What a key on P-256 signed, with SHA-256. */
export interface TpmP256Signature {
  /** TPMT_SIGNATURE. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** RFC 3279 §2.2.3. */
  readonly der: Uint8Array<ArrayBuffer>;
}

/** The next in a TPM's answer. */
export function readP256Signature(reader: TpmReader): TpmP256Signature {
  if (reader.u16() !== algorithm.ecdsa || reader.u16() !== algorithm.sha256) malformed();
  const [r, s] = [reader.sized(P256_BYTES), reader.sized(P256_BYTES)];
  if (r.length === 0 || s.length === 0) malformed();
  return {
    bytes: concatBytes(u16s(algorithm.ecdsa, algorithm.sha256), sized(r), sized(s)),
    der: derSequence(derInteger(r), derInteger(s)),
  };
}

/** Whether this key made this TPMT_SIGNATURE of these bytes. False for anything malformed. */
export async function madeByTpmKey(
  crypto: Verifier,
  key: TpmPublic,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const read = readTpmSignature(signature);
  return read !== undefined && (await crypto.verifySpki(read.algorithm, spkiOfTpmKey(key), message, read.signature));
}
