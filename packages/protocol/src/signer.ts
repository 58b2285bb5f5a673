import type { ProviderTag } from "./wire/registration.ts";

/**
 * A provider's identity key (P-256), wherever it lives. It signs tagged messages and response hashes
 * and nothing else: no caller of this port can obtain a signature over bytes of its choosing.
 */
export interface Signer {
  /** Uncompressed point, 65 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** DER signature over `tag ‖ message`, ECDSA P-256 with SHA-256. */
  signTagged(tag: ProviderTag, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** DER signature over the 64 ASCII characters of the hash's lower-case hex. @param hash 32 bytes */
  signResponseHash(hash: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
}
