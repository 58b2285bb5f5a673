import { gcm } from "@noble/ciphers/aes.js";
import { x25519 as curve } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { sha3_256, shake256 } from "@noble/hashes/sha3.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { concatBytes } from "../bytes.ts";
import type { X25519 } from "../sealing/dhkem.ts";
import { dhkem } from "../sealing/dhkem.ts";
import type { Hpke, HpkeKey } from "../sealing/hpke.ts";
import { hpkeOn, type HpkePrimitives } from "../sealing/key-schedule.ts";
import { xWing, type MlKem768 } from "../sealing/x-wing.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const KEY_BYTES = 32;

/** Over the bytes that a package made. */
const own = (bytes: Uint8Array): Bytes => new Uint8Array(bytes);

const primitives: HpkePrimitives = {
  sha256: (bytes) => own(sha256(bytes)),
  hmac: (key, ...parts) => {
    const mac = hmac.create(sha256, key);
    for (const part of parts) mac.update(part);
    return own(mac.digest());
  },
  hkdf: (ikm, salt, info, length) => own(hkdf(sha256, ikm, salt, info, length)),
  seal: (key, nonce, aad, plaintext, roomBytes = 0) =>
    concatBytes(new Uint8Array(roomBytes), gcm(key, nonce, aad).encrypt(plaintext)),
  open: (key, nonce, aad, ciphertext) => {
    try {
      return own(gcm(key, nonce, aad).decrypt(ciphertext));
    } catch {
      return undefined;
    }
  },
};

const keyFrom = (privateBytes: Uint8Array) => ({
  privateKey: own(privateBytes),
  publicKey: own(curve.getPublicKey(privateBytes)),
});
const x25519: X25519<Uint8Array> & { keyFrom: typeof keyFrom } = {
  keyFrom,
  newKey: () => keyFrom(curve.utils.randomSecretKey()),
  agree: (privateKey, publicKey) => {
    if (publicKey.length !== KEY_BYTES) throw new RangeError("an X25519 key has 32 bytes");
    try {
      return own(curve.getSharedSecret(privateKey, publicKey));
    } catch {
      throw new RangeError("this X25519 key agrees on nothing");
    }
  },
};

const mlKem: MlKem768<Uint8Array> = {
  keyFrom: (seed) => {
    const { secretKey, publicKey } = ml_kem768.keygen(seed);
    return { privateKey: secretKey, publicKey: own(publicKey) };
  },
  encapsulate: (publicKey) => {
    try {
      const { sharedSecret, cipherText } = ml_kem768.encapsulate(publicKey);
      return { secret: own(sharedSecret), ciphertext: own(cipherText) };
    } catch (cause) {
      throw new RangeError("no ML-KEM-768 key", { cause });
    }
  },
  decapsulate: (privateKey, ciphertext) => {
    try {
      return own(ml_kem768.decapsulate(ciphertext, privateKey));
    } catch (cause) {
      throw new RangeError("no ML-KEM-768 ciphertext", { cause });
    }
  },
};

/** By suite. */
export const webKems = {
  "x-wing/hkdf-sha256/aes-256-gcm": xWing({
    mlKem,
    x25519,
    sha3: (bytes) => own(sha3_256(bytes)),
    shake256: (bytes, dkLen) => own(shake256(bytes, { dkLen })),
    random: (length) => own(randomBytes(length)),
  }),
  "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm": dhkem(primitives.hmac, x25519),
};
const hpke = hpkeOn(primitives, webKems);

/**
 * HPKE in a browser. WebCrypto would answer later, and what is sealed frame by frame would then have to be kept in order
 * by everybody who seals; so this is computed here.
 */
export const webHpke: Hpke = hpke;

/** An X25519 key from its 32 private bytes, for test vectors. */
export function webHpkeKeyFrom(privateBytes: Uint8Array, expiresAt: number): HpkeKey {
  const suite = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";
  const { privateKey, publicKey } = keyFrom(privateBytes);
  return hpke.keyOf(suite, webKems[suite].keyOf(privateKey, publicKey), expiresAt);
}

/** An X-Wing key from its 32 bytes, likewise. */
export function webXWingKeyFrom(seed: Uint8Array, expiresAt: number): HpkeKey {
  const suite = "x-wing/hkdf-sha256/aes-256-gcm";
  return hpke.keyOf(suite, webKems[suite].keyFrom(seed), expiresAt);
}
