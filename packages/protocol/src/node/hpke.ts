import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { concatBytes } from "../bytes.ts";
import type { Hpke, HpkeKey } from "../sealing/hpke.ts";
import { hpkeOn } from "../sealing/key-schedule.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const KEY_BYTES = 32;
const TAG_BYTES = 16;

function publicKeyOf(raw: Uint8Array): KeyObject {
  if (raw.length !== KEY_BYTES) throw new RangeError("an X25519 key has 32 bytes");
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
}

function rawOf(key: KeyObject): Bytes {
  const { x } = key.export({ format: "jwk" });
  if (x === undefined) throw new RangeError("not an X25519 key");
  return new Uint8Array(Buffer.from(x, "base64url"));
}

const hpke = hpkeOn<KeyObject>({
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  hmac: (key, ...parts) => {
    const mac = createHmac("sha256", key);
    for (const part of parts) mac.update(part);
    return new Uint8Array(mac.digest());
  },
  newKey: () => {
    const { privateKey, publicKey } = generateKeyPairSync("x25519");
    return { privateKey, publicKey: rawOf(publicKey) };
  },
  agree: (privateKey, raw) => {
    const publicKey = publicKeyOf(raw);
    try {
      return new Uint8Array(diffieHellman({ privateKey, publicKey }));
    } catch {
      throw new RangeError("this X25519 key agrees on nothing");
    }
  },
  hkdf: (ikm, salt, info, length) => new Uint8Array(hkdfSync("sha256", ikm, salt, info, length)),
  seal: (key, nonce, aad, plaintext) => {
    const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(aad);
    return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  },
  open: (key, nonce, aad, ciphertext) => {
    if (ciphertext.length < TAG_BYTES) return undefined;
    const at = ciphertext.length - TAG_BYTES;
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad).setAuthTag(ciphertext.subarray(at));
    try {
      return concatBytes(decipher.update(ciphertext.subarray(0, at)), decipher.final());
    } catch {
      return undefined;
    }
  },
});

/** HPKE on `node:crypto`. */
export const nodeHpke: Hpke = hpke;

/** A key from its 32 private bytes, for test vectors. */
export function hpkeKeyFrom(privateBytes: Uint8Array, expiresAt: number): HpkeKey {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), privateBytes]);
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return hpke.keyOf(privateKey, rawOf(createPublicKey(privateKey)), expiresAt);
}
