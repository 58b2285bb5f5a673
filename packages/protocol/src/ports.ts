/**
 * The outside world, as the rules and stories see it. Real ones are in `@darkbloom/protocol/node`;
 * tests pass simulated ones, so that a seed replays a day.
 */
export interface Clock {
  /** Milliseconds since 1970, for what is written down. */
  now(): number;
  /** Milliseconds that never go back, for what is measured. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** At least 0 and below 1. For jitter and ties, never for keys. */
  fraction(): number;
}

/** How certificates and TPMs sign. A key of another kind than the algorithm's verifies nothing. */
export const signatureAlgorithms = [
  "ecdsa_sha256",
  "ecdsa_sha384",
  "ecdsa_sha512",
  "rsa_pkcs1_sha256",
  "rsa_pkcs1_sha384",
  "rsa_pkcs1_sha512",
] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/**
 * Checks signatures, later: a browser can only so, and a thread that serves others should not stand still for one. Whoever
 * awaits a check looks again at all that may have changed meanwhile, or has read it before.
 */
export interface Verifier {
  /** @param publicKey uncompressed P-256 point, 65 bytes; @param signature DER. False for anything malformed. */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** @param publicKey 32 bytes; @param signature 64 bytes. False for anything malformed. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /**
   * @param spki SubjectPublicKeyInfo, DER (RFC 5280 §4.1.2.7): RSA or a NIST curve
   * @param signature DER of r and s for ECDSA (RFC 3279 §2.2.3), as it is for RSA. False for anything malformed.
   */
  verifySpki(
    algorithm: SignatureAlgorithm,
    spki: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>;
}

/** The few primitives that signatures and hashes are made of, so that this package runs in browsers too. Hashes are done at once. */
export interface Crypto extends Verifier {
  /** A hash that is fed piece by piece, for bodies that are relayed as they come. */
  newSha256(): Sha256Stream;
  sha256(...parts: Uint8Array[]): Uint8Array<ArrayBuffer>;
}

export interface Sha256Stream {
  update(bytes: Uint8Array): void;
  /** 32 bytes; once, at the end. */
  digest(): Uint8Array<ArrayBuffer>;
}
