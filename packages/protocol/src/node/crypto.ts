import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";
import { toHex } from "../bytes.ts";
import type { Crypto, SignatureAlgorithm, Verifier } from "../ports.ts";

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

/** One check: with node's name of the hash, or null where the kind of key says it. */
type Check = readonly [hash: string | null, key: KeyObject, message: Uint8Array, signature: Uint8Array];

function verifierBy(run: (...check: Check) => boolean | Promise<boolean>): Verifier {
  const checked = async (checkOf: () => Check | undefined): Promise<boolean> => {
    try {
      const check = checkOf();
      return check !== undefined && (await run(...check));
    } catch {
      // A key that is none, or a signature that is none.
      return false;
    }
  };
  return {
    verifyP256: (publicKey, message, signature) =>
      checked(() =>
        publicKey.length === 65 && publicKey[0] === 4
          ? ["sha256", importKey("p256", publicKey), message, signature]
          : undefined,
      ),
    verifyEd25519: (publicKey, message, signature) =>
      checked(() =>
        publicKey.length === 32 && signature.length === 64
          ? [null, importKey("ed25519", publicKey), message, signature]
          : undefined,
      ),
    verifySpki: (algorithm, spki, message, signature) =>
      checked(() => {
        const { keyType, hash } = nodeAlgorithm[algorithm];
        const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
        return key.asymmetricKeyType === keyType ? [hash, key, message, signature] : undefined;
      }),
  };
}

/**
 * Checks that run at the same time. libuv has four threads, for these and for files and host names: one is always left
 * for the others. The rest wait in order; whoever has one checked waits for it, so no more wait than there are
 * requests and connections, and those that have ended since: what they asked for is still checked in its turn.
 */
const CHECKS_AT_ONCE_MAX = 3;

let running = 0;
const waiting: (() => void)[] = [];

/** On one of libuv's threads, so that the event loop goes on. */
async function onAnotherThread(...[hash, key, message, signature]: Check): Promise<boolean> {
  if (running >= CHECKS_AT_ONCE_MAX) await new Promise<void>((go) => waiting.push(go));
  else running++;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      verify(hash, message, key, signature, (error, good) => (error ? reject(error) : resolve(good)));
    });
  } finally {
    // Its place goes to whoever waits for longest.
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

const hashes: Pick<Crypto, "sha256" | "newSha256"> = {
  sha256: (...parts) => {
    const hash = createHash("sha256");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
  newSha256: () => {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
};

/** The primitives on `node:crypto`. */
export const nodeCrypto: Crypto = { ...hashes, ...verifierBy(onAnotherThread) };

/** The same, with every check done in the turn of the event loop that asks for it: a simulated clock waits for no thread. */
export const promptCrypto: Crypto = {
  ...hashes,
  ...verifierBy((hash, key, message, signature) => verify(hash, message, key, signature)),
};
