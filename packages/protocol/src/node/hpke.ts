import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  createHmac,
  type KeyObject,
} from "node:crypto";
import { concatBytes, utf8 } from "../bytes.ts";
import type { Hpke, HpkeContext, HpkeKey } from "../sealing/hpke.ts";

/**
 * HPKE on `node:crypto`: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, of RFC 9180.
 * Only the exporter is used (§5.3); messages are sealed under keys that it gives out.
 */

type Bytes = Uint8Array<ArrayBuffer>;

const HASH_BYTES = 32;
const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** §4.1: "KEM" ‖ I2OSP(kem_id, 2); DHKEM(X25519, HKDF-SHA256) is 0x0020. */
const kemSuite = concatBytes(utf8("KEM"), Uint8Array.of(0x00, 0x20));
/** §5.1: "HPKE" ‖ kem_id ‖ kdf_id (HKDF-SHA256, 0x0001) ‖ aead_id (AES-256-GCM, 0x0002). */
const hpkeSuite = concatBytes(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02));
const version = utf8("HPKE-v1");
const empty = new Uint8Array(0);

const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Bytes => {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
};

/** §4: LabeledExtract. An absent salt is one hash of zeros (RFC 5869 §2.2). */
const labeledExtract = (suite: Bytes, salt: Uint8Array, label: string, ikm: Uint8Array): Bytes =>
  hmac(salt.length > 0 ? salt : new Uint8Array(HASH_BYTES), version, suite, utf8(label), ikm);

/** §4: LabeledExpand. Nobody here asks for more than 255 blocks. */
function labeledExpand(suite: Bytes, prk: Bytes, label: string, info: Uint8Array, length: number): Bytes {
  const labeled = concatBytes(Uint8Array.of(length >> 8, length & 0xff), version, suite, utf8(label), info);
  let block: Bytes = empty;
  let out: Bytes = empty;
  for (let n = 1; out.length < length; n++) {
    block = hmac(prk, block, labeled, Uint8Array.of(n));
    out = concatBytes(out, block);
  }
  return out.slice(0, length);
}

/** §4.1: ExtractAndExpand over the Diffie-Hellman result. */
function sharedSecret(agreed: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Bytes {
  const prk = labeledExtract(kemSuite, empty, "eae_prk", agreed);
  return labeledExpand(kemSuite, prk, "shared_secret", concatBytes(enc, recipient), HASH_BYTES);
}

/** §5.1: KeySchedule in base mode, as far as the exporter secret. */
function contextOf(secret: Bytes, enc: Bytes, info: Uint8Array): HpkeContext {
  const pskIdHash = labeledExtract(hpkeSuite, empty, "psk_id_hash", empty);
  const infoHash = labeledExtract(hpkeSuite, empty, "info_hash", info);
  const schedule = concatBytes(Uint8Array.of(0), pskIdHash, infoHash);
  const prk = labeledExtract(hpkeSuite, secret, "secret", empty);
  const exporterSecret = labeledExpand(hpkeSuite, prk, "exp", schedule, HASH_BYTES);
  return { enc, export: (label, length) => labeledExpand(hpkeSuite, exporterSecret, "sec", label, length) };
}

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

/** @throws RangeError also for a key of small order, whose result is all zeros (RFC 9180 §7.1.4) */
function dh(privateKey: KeyObject, publicKey: KeyObject): Bytes {
  try {
    return new Uint8Array(diffieHellman({ privateKey, publicKey }));
  } catch {
    throw new RangeError("this X25519 key agrees on nothing");
  }
}

function keyOf(privateKey: KeyObject, expiresAt: number): HpkeKey {
  let held: KeyObject | undefined = privateKey;
  const publicKey = rawOf(createPublicKey(privateKey));
  return {
    id: createHash("sha256").update(publicKey).digest("hex"),
    suite: "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm",
    publicKey,
    expiresAt,
    openContext: (enc, info) => {
      if (!held) throw new RangeError("this key was erased");
      const ephemeral = new Uint8Array(enc);
      return contextOf(sharedSecret(dh(held, publicKeyOf(ephemeral)), ephemeral, publicKey), ephemeral, info);
    },
    erase: () => void (held = undefined),
  };
}

export const nodeHpke: Hpke = {
  hkdf: (ikm, salt, info, length) => new Uint8Array(hkdfSync("sha256", ikm, salt, info, length)),
  generateKey: (_suite, expiresAt) => keyOf(generateKeyPairSync("x25519").privateKey, expiresAt),
  sealContext: (_suite, recipient, info) => {
    const ephemeral = generateKeyPairSync("x25519");
    const enc = rawOf(ephemeral.publicKey);
    return contextOf(sharedSecret(dh(ephemeral.privateKey, publicKeyOf(recipient)), enc, recipient), enc, info);
  },
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
};

/** A key from its 32 private bytes, for test vectors. */
export function hpkeKeyFrom(privateBytes: Uint8Array, expiresAt: number): HpkeKey {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), privateBytes]);
  return keyOf(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }), expiresAt);
}
