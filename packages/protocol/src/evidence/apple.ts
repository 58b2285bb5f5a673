import { concatBytes, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { PathFault } from "../x509/path.ts";

const NONCE_TAG = "darkbloom:apple-mda-nonce:v1\0";

export const APPLE_RANDOM_BYTES = 32;

/**
 * What a device asks Apple to sign, as its `DeviceAttestationNonce`: SHA-256(tag ‖ identity key ‖ random). The random part
 * is published, so that everybody can work the value out, and nobody could before it was drawn.
 *
 * @param identityKey uncompressed P-256 point, 65 bytes
 * @param random `APPLE_RANDOM_BYTES` of them, drawn by whoever asks for the attestation
 */
export const appleNonce = (crypto: Crypto, identityKey: Uint8Array, random: Uint8Array): Uint8Array<ArrayBuffer> =>
  crypto.sha256(concatBytes(utf8(NONCE_TAG), identityKey, random));

/** Nothing in a certificate counts that no root stands behind. */
export const NO_PATH = "not looked at without a path to Apple's root";
export const NO_ROOT = "no root of Apple's was given";

/** A chain's fault in words. */
export const pathFaultWords: Readonly<Record<PathFault, string>> = {
  length: "a chain without certificates, or with too many",
  size: "a certificate that is too large",
  malformed: "something that is not a certificate",
  untrusted: "a chain that leads to no root of Apple's",
  names: "certificates that do not follow each other",
  algorithm: "a certificate signed with an algorithm that is not accepted",
  algorithm_mismatch: "a certificate that names two algorithms",
  key: "a certificate for a key that is not accepted",
  signature: "a certificate that its issuer did not sign",
  not_yet_valid: "a certificate that is not valid yet",
  expired: "a certificate that has expired",
  not_ca: "a certificate whose issuer may issue none",
  leaf_is_ca: "a device's certificate that may issue others",
  path_length: "more certificates below one than it allows",
  key_usage: "a certificate whose issuer's key is not for that",
  critical_extension: "a certificate with a critical extension that is not known here",
  purpose: "a certificate for another purpose",
};
