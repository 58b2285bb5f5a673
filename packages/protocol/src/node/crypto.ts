import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";
import { toHex } from "../bytes.ts";
import type { Crypto, SignatureAlgorithm } from "../ports.ts";

/** Imported keys that are kept: importing one costs more than a check with it. */
const KEYS_KEPT_MAX = 1024;

/** SubjectPublicKeyInfo before the point of a P-256 key (RFC 5480) and of an Ed25519 key (RFC 8410). */
const spkiPrefix = {
  p256: Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
  ed25519: Buffer.from("302a300506032b6570032100", "hex"),
};
type Algorithm = keyof typeof spkiPrefix;

const kept = new Map<string, KeyObject>();

/** Node's names: the kind of key that an algorithm needs, and its hash. */
const nodeAlgorithm: Record<SignatureAlgorithm, { readonly keyType: "ec" | "rsa"; readonly hash: string }> = {
  ecdsa_sha256: { keyType: "ec", hash: "sha256" },
  ecdsa_sha384: { keyType: "ec", hash: "sha384" },
  ecdsa_sha512: { keyType: "ec", hash: "sha512" },
  rsa_pkcs1_sha256: { keyType: "rsa", hash: "sha256" },
  rsa_pkcs1_sha384: { keyType: "rsa", hash: "sha384" },
  rsa_pkcs1_sha512: { keyType: "rsa", hash: "sha512" },
};

function checkSpki(
  algorithm: SignatureAlgorithm,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { keyType, hash } = nodeAlgorithm[algorithm];
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    return key.asymmetricKeyType === keyType && verify(hash, message, key, signature);
  } catch {
    return false;
  }
}

function importKey(algorithm: Algorithm, publicKey: Uint8Array): KeyObject {
  const name = `${algorithm} ${toHex(publicKey)}`;
  const key =
    kept.get(name) ??
    createPublicKey({ key: Buffer.concat([spkiPrefix[algorithm], publicKey]), format: "der", type: "spki" });
  // Taken out and put back, so that the first one is always the one unused for longest.
  kept.delete(name);
  kept.set(name, key);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEYS_KEPT_MAX) break;
    kept.delete(oldest);
  }
  return key;
}

function check(algorithm: Algorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(algorithm === "p256" ? "sha256" : null, message, importKey(algorithm, publicKey), signature);
  } catch {
    return false;
  }
}

/** The primitives on `node:crypto`. */
export const nodeCrypto: Crypto = {
  sha256: (...parts) => {
    const hash = createHash("sha256");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
  newSha256: () => {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
  verifyP256: (publicKey, message, signature) =>
    publicKey.length === 65 && publicKey[0] === 4 && check("p256", publicKey, message, signature),
  verifyEd25519: (publicKey, message, signature) =>
    publicKey.length === 32 && signature.length === 64 && check("ed25519", publicKey, message, signature),
  verifySpki: checkSpki,
};
