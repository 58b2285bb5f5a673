import type { Suite } from "../wire/registration.ts";

/**
 * HPKE (RFC 9180), base mode, as far as the envelope needs it: a shared context from one public-key
 * step, of which only `export` is used. Whoever holds a context derives one-time keys from it, so one
 * context may serve one request (sealed mode: a fresh `enc` each) or many (transparent mode: one per
 * provider connection), by the same code.
 */
export interface HpkeContext {
  /** The encapsulated key, which tells the recipient which context this is. */
  readonly enc: Uint8Array<ArrayBuffer>;
  /** RFC 9180 §5.3. @param label the exporter context */
  export(label: Uint8Array, length: number): Uint8Array<ArrayBuffer>;
}

/** A recipient's key pair; the private half never leaves it and is gone with `erase`. */
export interface HpkeKey {
  readonly id: string;
  readonly suite: Suite;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** @throws RangeError if `enc` is malformed */
  openContext(enc: Uint8Array, info: Uint8Array): HpkeContext;
  erase(): void;
}

export interface Hpke {
  /** Those that can be computed here, the one to prefer first. */
  readonly suites: readonly Suite[];
  /** RFC 2104 with SHA-256, over the parts. */
  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array<ArrayBuffer>;
  /** RFC 5869 with SHA-256. */
  hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array<ArrayBuffer>;
  generateKey(suite: Suite, expiresAt: number): HpkeKey;
  /** @throws RangeError if the public key is malformed, or the suite is none of ours */
  sealContext(suite: Suite, publicKey: Uint8Array, info: Uint8Array): HpkeContext;
  /** AES-256-GCM; the tag is the last 16 bytes. @param roomBytes so many zeros stand in front of it, for what belongs there */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    roomBytes?: number,
  ): Uint8Array<ArrayBuffer>;
  /** Undefined if the ciphertext is not authentic. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array<ArrayBuffer> | undefined;
}
