import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { dhkem, type X25519 } from "../sealing/dhkem.ts";
import type { Hpke, HpkeKey } from "../sealing/hpke.ts";
import { hpkeOn, type HpkePrimitives } from "../sealing/key-schedule.ts";
import { xWing, type MlKem768 } from "../sealing/x-wing.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** PKCS #8 around a private key, and SubjectPublicKeyInfo around a public one, up to the key's own bytes. */
const prefixes = {
  x25519Private: "302e020100300506032b656e04220420",
  mlKemPrivate: "3054020100300b060960864801650304040204428040",
  mlKemPublic: "308204b2300b0609608648016503040402038204a100",
} as const;
const withPrefix = (prefix: keyof typeof prefixes, raw: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(prefixes[prefix], "hex"), raw]);

const privateFrom = (prefix: "x25519Private" | "mlKemPrivate", raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: withPrefix(prefix, raw), format: "der", type: "pkcs8" });

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

const primitives: HpkePrimitives = {
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  hmac: (key, ...parts) => {
    const mac = createHmac("sha256", key);
    for (const part of parts) mac.update(part);
    return new Uint8Array(mac.digest());
  },
  hkdf: (ikm, salt, info, length) => new Uint8Array(hkdfSync("sha256", ikm, salt, info, length)),
  seal: (key, nonce, aad, plaintext, roomBytes = 0) => {
    const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(aad);
    const sealed = new Uint8Array(roomBytes + plaintext.length + TAG_BYTES);
    sealed.set(cipher.update(plaintext), roomBytes);
    // A stream cipher: nothing is left for the end but the tag.
    cipher.final();
    sealed.set(cipher.getAuthTag(), roomBytes + plaintext.length);
    return sealed;
  },
  open: (key, nonce, aad, ciphertext) => {
    if (ciphertext.length < TAG_BYTES) return undefined;
    const at = ciphertext.length - TAG_BYTES;
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad).setAuthTag(ciphertext.subarray(at));
    try {
      const opened = decipher.update(ciphertext.subarray(0, at));
      decipher.final();
      return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
    } catch {
      return undefined;
    }
  },
};

const x25519: X25519<KeyObject> & {
  keyFrom(privateBytes: Uint8Array): { readonly privateKey: KeyObject; readonly publicKey: Bytes };
} = {
  newKey: () => {
    const { privateKey, publicKey } = generateKeyPairSync("x25519");
    return { privateKey, publicKey: rawOf(publicKey) };
  },
  keyFrom: (privateBytes) => {
    const privateKey = privateFrom("x25519Private", privateBytes);
    return { privateKey, publicKey: rawOf(createPublicKey(privateKey)) };
  },
  agree: (privateKey, raw) => {
    const publicKey = publicKeyOf(raw);
    try {
      return new Uint8Array(diffieHellman({ privateKey, publicKey }));
    } catch {
      throw new RangeError("this X25519 key agrees on nothing");
    }
  },
};

const mlKem: MlKem768<KeyObject> = {
  keyFrom: (seed) => {
    const privateKey = privateFrom("mlKemPrivate", seed);
    const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
    return { privateKey, publicKey: new Uint8Array(spki.subarray(prefixes.mlKemPublic.length / 2)) };
  },
  encapsulate: (raw) => {
    try {
      const key = createPublicKey({ key: withPrefix("mlKemPublic", raw), format: "der", type: "spki" });
      const { sharedKey, ciphertext } = encapsulate(key);
      return { secret: new Uint8Array(sharedKey), ciphertext: new Uint8Array(ciphertext) };
    } catch (cause) {
      throw new RangeError("no ML-KEM-768 key", { cause });
    }
  },
  decapsulate: (privateKey, ciphertext) => {
    try {
      return new Uint8Array(decapsulate(privateKey, ciphertext));
    } catch (cause) {
      throw new RangeError("no ML-KEM-768 ciphertext", { cause });
    }
  },
};

/** By suite. */
export const nodeKems = {
  "x-wing/hkdf-sha256/aes-256-gcm": xWing({
    mlKem,
    x25519,
    sha3: (bytes) => new Uint8Array(createHash("sha3-256").update(bytes).digest()),
    shake256: (bytes, outputLength) => new Uint8Array(createHash("shake256", { outputLength }).update(bytes).digest()),
    random: (length) => new Uint8Array(randomBytes(length)),
  }),
  "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm": dhkem(primitives.hmac, x25519),
};
const hpke = hpkeOn(primitives, nodeKems);

/** HPKE on `node:crypto`. */
export const nodeHpke: Hpke = hpke;

/** An X25519 key from its 32 private bytes, for test vectors. */
export function hpkeKeyFrom(privateBytes: Uint8Array, expiresAt: number): HpkeKey {
  const suite = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";
  const { privateKey, publicKey } = x25519.keyFrom(privateBytes);
  return hpke.keyOf(suite, nodeKems[suite].keyOf(privateKey, publicKey), expiresAt);
}

/** An X-Wing key from its 32 bytes, likewise. */
export function xWingKeyFrom(seed: Uint8Array, expiresAt: number): HpkeKey {
  const suite = "x-wing/hkdf-sha256/aes-256-gcm";
  return hpke.keyOf(suite, nodeKems[suite].keyFrom(seed), expiresAt);
}
