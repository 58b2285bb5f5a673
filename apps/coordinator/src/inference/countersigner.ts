/**
 * The coordinator's own key (Ed25519), with which it countersigns receipts that passed its checks.
 * Published at `/.well-known/darkbloom`.
 */
export interface Countersigner {
  /** The first 16 hex digits of the SHA-256 of the public key. */
  readonly keyId: string;
  /** Raw, 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array<ArrayBuffer>;
}
