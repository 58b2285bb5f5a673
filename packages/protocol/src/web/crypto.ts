import { sha256 } from "@noble/hashes/sha2.js";
import type { Crypto as Primitives, SignatureAlgorithm } from "../ports.ts";
import { keyOfSpki } from "../x509/certificate.ts";
import { rawSignature } from "./der-signature.ts";

/** Curves by WebCrypto's names, and the length of their numbers. */
const curves = {
  p256: { namedCurve: "P-256", numberBytes: 32 },
  p384: { namedCurve: "P-384", numberBytes: 48 },
  p521: { namedCurve: "P-521", numberBytes: 66 },
} as const;
type Curve = keyof typeof curves;

const hashOf: Readonly<Record<SignatureAlgorithm, string>> = {
  ecdsa_sha256: "SHA-256",
  ecdsa_sha384: "SHA-384",
  ecdsa_sha512: "SHA-512",
  rsa_pkcs1_sha256: "SHA-256",
  rsa_pkcs1_sha384: "SHA-384",
  rsa_pkcs1_sha512: "SHA-512",
};

/** Bytes that nobody shares with another thread: WebCrypto takes no others. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** @throws DOMException NotSupportedError where this browser lacks the algorithm: that is no word on a signature */
async function check(
  format: "raw" | "spki",
  key: Uint8Array,
  kind: { readonly name: string; readonly hash?: string; readonly namedCurve?: string },
  message: Uint8Array,
  signature: Uint8Array | undefined,
): Promise<boolean> {
  if (!signature) return false;
  try {
    const imported = await crypto.subtle.importKey(format, own(key), kind, false, ["verify"]);
    return await crypto.subtle.verify(kind, imported, own(signature), own(message));
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw error;
    // A key that is none: a point beside the curve, say.
    return false;
  }
}

const checkEcdsa = (
  format: "raw" | "spki",
  key: Uint8Array,
  curve: Curve,
  hash: string,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> => {
  const { namedCurve, numberBytes } = curves[curve];
  return check(format, key, { name: "ECDSA", namedCurve, hash }, message, rawSignature(signature, numberBytes));
};

/**
 * The primitives in a browser: signatures by WebCrypto. Its hashes are asynchronous and take no pieces, so SHA-256 is
 * computed here.
 */
export const webCrypto: Primitives = {
  sha256: (...parts) => {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return own(hash.digest());
  },
  newSha256: () => {
    const hash = sha256.create();
    return { update: (bytes) => void hash.update(bytes), digest: () => own(hash.digest()) };
  },
  verifyP256: async (publicKey, message, signature) =>
    publicKey.length === 65 &&
    publicKey[0] === 4 &&
    (await checkEcdsa("raw", publicKey, "p256", "SHA-256", message, signature)),
  verifyEd25519: async (publicKey, message, signature) =>
    publicKey.length === 32 &&
    signature.length === 64 &&
    (await check("raw", publicKey, { name: "Ed25519" }, message, signature)),
  verifySpki: async (algorithm, spki, message, signature) => {
    const key = keyOfSpki(spki);
    if (!key || key.kind === "other" || (key.kind === "rsa") !== algorithm.startsWith("rsa")) return false;
    const hash = hashOf[algorithm];
    return key.kind === "rsa"
      ? await check("spki", spki, { name: "RSASSA-PKCS1-v1_5", hash }, message, signature)
      : await checkEcdsa("spki", spki, key.kind, hash, message, signature);
  },
};
