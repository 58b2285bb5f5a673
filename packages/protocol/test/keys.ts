import { createECDH, createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";
import { concatBytes, toHex, utf8 } from "../src/bytes.ts";
import { pinnedRoot, type PinnedRoot } from "../src/evidence/index.ts";
import type { Signer } from "../src/signer.ts";
import { nodeCrypto } from "../src/node/index.ts";

/** Keys for tests and test vectors, made from names: never used for anything else, since anybody can make them. */

type Bytes = Uint8Array<ArrayBuffer>;

/** 32 bytes that are the same at every run. */
export const secretNamed = (name: string): Bytes =>
  new Uint8Array(createHash("sha256").update(`darkbloom test vector: ${name}`).digest());

/** A provider's identity key (P-256), with what the port offers and the raw halves. */
export interface TestSigner extends Signer {
  readonly privateBytes: Bytes;
  sign(message: Uint8Array): Bytes;
}

export function testSigner(name: string): TestSigner {
  const privateBytes = secretNamed(name);
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(privateBytes);
  const publicKey = new Uint8Array(curve.getPublicKey());
  const word = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const key = createPrivateKey({
    format: "jwk",
    key: {
      kty: "EC",
      crv: "P-256",
      d: word(privateBytes),
      x: word(publicKey.subarray(1, 33)),
      y: word(publicKey.subarray(33)),
    },
  });
  const signBytes = (message: Uint8Array): Bytes => new Uint8Array(sign("sha256", message, key));
  return {
    privateBytes,
    publicKey,
    sign: signBytes,
    signTagged: (tag, message) => Promise.resolve(signBytes(concatBytes(utf8(tag), message))),
    signResponseHash: (hash) => Promise.resolve(signBytes(utf8(toHex(hash)))),
  };
}

/** A coordinator's key (Ed25519). */
export interface TestCountersigner {
  readonly privateBytes: Bytes;
  readonly publicKey: Bytes;
  sign(message: Uint8Array): Bytes;
}

export function testCountersigner(name: string): TestCountersigner {
  const privateBytes = secretNamed(name);
  // PrivateKeyInfo of RFC 8410, up to the 32 bytes themselves.
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), privateBytes]);
  const key: KeyObject = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    privateBytes,
    publicKey: new Uint8Array(spki.subarray(-32)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/** A root of a test, which nobody has pinned before. */
export function pinnedByItself(der: Uint8Array): PinnedRoot {
  const root = pinnedRoot(nodeCrypto, der, toHex(nodeCrypto.sha256(der)));
  if (!root) throw new Error("a root is its own pin");
  return root;
}
