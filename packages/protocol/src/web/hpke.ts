import { gcm } from "@noble/ciphers/aes.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Hpke, HpkeKey } from "../sealing/hpke.ts";
import { hpkeOn } from "../sealing/key-schedule.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const KEY_BYTES = 32;

/** Over the bytes that a package made. */
const own = (bytes: Uint8Array): Bytes => new Uint8Array(bytes);

const hpke = hpkeOn<Uint8Array>({
  sha256: (bytes) => own(sha256(bytes)),
  hmac: (key, ...parts) => {
    const mac = hmac.create(sha256, key);
    for (const part of parts) mac.update(part);
    return own(mac.digest());
  },
  newKey: () => {
    const { secretKey, publicKey } = x25519.keygen();
    return { privateKey: secretKey, publicKey: own(publicKey) };
  },
  agree: (privateKey, publicKey) => {
    if (publicKey.length !== KEY_BYTES) throw new RangeError("an X25519 key has 32 bytes");
    try {
      return own(x25519.getSharedSecret(privateKey, publicKey));
    } catch {
      throw new RangeError("this X25519 key agrees on nothing");
    }
  },
  hkdf: (ikm, salt, info, length) => own(hkdf(sha256, ikm, salt, info, length)),
  seal: (key, nonce, aad, plaintext) => own(gcm(key, nonce, aad).encrypt(plaintext)),
  open: (key, nonce, aad, ciphertext) => {
    try {
      return own(gcm(key, nonce, aad).decrypt(ciphertext));
    } catch {
      return undefined;
    }
  },
});

/**
 * HPKE in a browser. WebCrypto would answer later, and what is sealed frame by frame would then have to be kept in order
 * by everybody who seals; so this is computed here.
 */
export const webHpke: Hpke = hpke;

/** A key from its 32 private bytes, for test vectors. */
export const webHpkeKeyFrom = (privateBytes: Uint8Array, expiresAt: number): HpkeKey =>
  hpke.keyOf(privateBytes, own(x25519.getPublicKey(privateBytes)), expiresAt);
