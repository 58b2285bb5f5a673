import { toHex } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { parseCertificate } from "../x509/certificate.ts";

/**
 * SHA-256 of the DER of Apple's root for Managed Device Attestation. Apple publishes the certificate under
 * https://www.apple.com/certificateauthority/private/ as Apple_Enterprise_Attestation_Root_CA.pem (serial number
 * 42c0c2bb2c727c5c5eabf6f1a66f1fac5d798737, from 2022-02-16 to 2047-02-20).
 */
export const APPLE_ENTERPRISE_ATTESTATION_PIN = "ccf59ef8fcb3017d97f8b5fa6fa90e7a3f9283f76b55ac6cf6eda8b8b949f05b";

/** DER of a vendor's root whose fingerprint was compared with the pinned one. */
export type PinnedRoot = Uint8Array & { readonly of: "pinned root" };

const isPinned = (crypto: Crypto, der: Uint8Array, pin: string): der is PinnedRoot =>
  toHex(crypto.sha256(der)) === pin && parseCertificate(der) !== undefined;

/**
 * The root that an operator supplied, if it is the one that is meant: no other file becomes a root.
 *
 * @param pin SHA-256 of the DER, lower-case hex
 */
export const pinnedRoot = (crypto: Crypto, der: Uint8Array, pin: string): PinnedRoot | undefined =>
  isPinned(crypto, der, pin) ? der : undefined;

/** What an operator, or whoever verifies a network, accepts as roots. */
export interface VendorRoots {
  /** Makers of TPMs: their roots, and issuers below a root where TPMs do not carry these. */
  readonly tpm?: readonly PinnedRoot[];
  readonly appleEnterprise?: readonly PinnedRoot[];
}
