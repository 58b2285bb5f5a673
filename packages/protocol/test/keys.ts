import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { concatBytes, toHex, utf8 } from "../src/bytes.ts";
import { pinnedRoot, type PinnedRoot } from "../src/evidence/index.ts";
import type { Signer } from "../src/signer.ts";
import { nodeCrypto } from "../src/node/index.ts";

/** Keys for tests and test vectors, in a browser too, made from names: never used for anything else, since anybody can make them. */

type Bytes = Uint8Array<ArrayBuffer>;

const own = (bytes: Uint8Array): Bytes => new Uint8Array(bytes);

/** 32 bytes that are the same at every run. */
export const secretNamed = (name: string): Bytes => nodeCrypto.sha256(utf8(`darkbloom test vector: ${name}`));

/** A provider's identity key (P-256), with what the port offers and the raw halves. */
export interface TestSigner extends Signer {
  readonly privateBytes: Bytes;
  sign(message: Uint8Array): Bytes;
}

export function testSigner(name: string): TestSigner {
  const privateBytes = secretNamed(name);
  const sign = (message: Uint8Array): Bytes => own(p256.sign(message, privateBytes, { format: "der", lowS: false }));
  return {
    privateBytes,
    publicKey: own(p256.getPublicKey(privateBytes, false)),
    sign,
    signTagged: (tag, message) => Promise.resolve(sign(concatBytes(utf8(tag), message))),
    signResponseHash: (hash) => Promise.resolve(sign(utf8(toHex(hash)))),
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
  return {
    privateBytes,
    publicKey: own(ed25519.getPublicKey(privateBytes)),
    sign: (message) => own(ed25519.sign(message, privateBytes)),
  };
}

/** A root of a test, which nobody has pinned before. */
export function pinnedByItself(der: Uint8Array): PinnedRoot {
  const root = pinnedRoot(nodeCrypto, der, toHex(nodeCrypto.sha256(der)));
  if (!root) throw new Error("a root is its own pin");
  return root;
}
