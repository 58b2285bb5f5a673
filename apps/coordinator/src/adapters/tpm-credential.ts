import { concatBytes, u32be, utf8 } from "@darkbloom/protocol/bytes";
import type { TpmCredential, TpmEvidence } from "@darkbloom/protocol/evidence";
import { readTpmPublic, sized, spkiOfTpmKey, tpmAlgorithm, tpmNameOf, type TpmPublic } from "@darkbloom/protocol/tpm";
import { nodeCrypto } from "@darkbloom/protocol/node";
import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  publicEncrypt,
  randomBytes,
} from "node:crypto";

/** SHA-256 and AES-128 in CFB mode, as in the default templates L-1 and L-2 of TCG's EK Credential Profile. */
const DIGEST_BITS = 256;
const CIPHER_BITS = 128;
const CIPHER = "aes-128-cfb";

/**
 * A secret that only the TPM of this endorsement key can read, and only while it holds the object of
 * this name: whoever answers with it shows that both keys share a chip. What TPM2_MakeCredential does
 * (TPM 2.0 Library, Part 1, "Credential Protection"; Part 3, 12.6), without a TPM.
 *
 * @param ekPublic TPMT_PUBLIC of an RSA-2048 or P-256 key that follows the default template
 * @param akName   as `tpmNameOf` gives it: that of the public area that was received, not one that was told
 * @param secret   at most 32 bytes; fresh for every credential
 * @returns undefined for another kind of endorsement key
 */
export function makeTpmCredential(
  ekPublic: Uint8Array,
  akName: Uint8Array,
  secret: Uint8Array,
): TpmCredential | undefined {
  const ek = readTpmPublic(ekPublic);
  if (!ek || !followsTemplate(ek) || secret.length * 8 > DIGEST_BITS) return undefined;
  const shared = ek.key.kind === "rsa" ? seedForRsa(ek) : seedForP256(ek.key);
  if (!shared) return undefined;
  const { seed, encSecret } = shared;

  // Each key is used once, so the vector may be zero (Part 1, 24.4).
  const cipherKey = kdfA(seed, "STORAGE", akName, CIPHER_BITS);
  const cipher = createCipheriv(CIPHER, cipherKey, new Uint8Array(CIPHER_BITS / 8));
  const encrypted = concatBytes(cipher.update(sized(secret)), cipher.final());
  const integrityKey = kdfA(seed, "INTEGRITY", new Uint8Array(0), DIGEST_BITS);
  const integrity = createHmac("sha256", integrityKey).update(encrypted).update(akName).digest();
  return { idObject: concatBytes(sized(integrity), encrypted), encSecret };
}

/** For the endorsement key and the attestation key of a machine's evidence. */
export function credentialFor({ ekPublic, akPublic }: TpmEvidence, secret: Uint8Array): TpmCredential | undefined {
  const ak = readTpmPublic(akPublic);
  const name = ak && tpmNameOf(nodeCrypto, ak);
  return name && makeTpmCredential(ekPublic, name, secret);
}

function followsTemplate({ nameAlgorithm, symmetric, key, attributes }: TpmPublic): boolean {
  const size = key.kind === "rsa" ? key.modulus.length === 256 : key.curve === "P-256";
  return (
    size &&
    nameAlgorithm === tpmAlgorithm.sha256 &&
    symmetric?.algorithm === tpmAlgorithm.aes &&
    symmetric.keyBits === CIPHER_BITS &&
    symmetric.mode === tpmAlgorithm.cfb &&
    attributes.has("restricted") &&
    attributes.has("decrypt")
  );
}

interface SharedSeed {
  readonly seed: Uint8Array;
  readonly encSecret: Uint8Array;
}

/** Part 1, B.10.4: the seed itself, under OAEP; the label has its zero. */
function seedForRsa(ek: TpmPublic): SharedSeed | undefined {
  const seed = randomBytes(DIGEST_BITS / 8);
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256", oaepLabel: utf8("IDENTITY\0") };
  try {
    const key = createPublicKey({ key: Buffer.from(spkiOfTpmKey(ek)), format: "der", type: "spki" });
    return { seed, encSecret: publicEncrypt({ key, ...padding }, seed) };
  } catch {
    // The modulus is none.
    return undefined;
  }
}

/** Part 1, C.6.4: a key that is made for this one agreement, whose point is what travels. */
function seedForP256({ x, y }: Extract<TpmPublic["key"], { kind: "ecc" }>): SharedSeed | undefined {
  const ephemeral = createECDH("prime256v1");
  const point = ephemeral.generateKeys();
  const [ownX, ownY] = [point.subarray(1, 33), point.subarray(33)];
  let agreed: Uint8Array;
  try {
    agreed = ephemeral.computeSecret(concatBytes(Uint8Array.of(4), x, y));
  } catch {
    // The point is not on the curve.
    return undefined;
  }
  return { seed: kdfE(agreed, "IDENTITY", ownX, x), encSecret: concatBytes(sized(ownX), sized(ownY)) };
}

/** Part 1, 11.4.10.2: one round of SP 800-108 in counter mode, since no more than a digest is needed. */
function kdfA(key: Uint8Array, label: string, context: Uint8Array, bits: number): Uint8Array {
  const message = concatBytes(u32be(1), utf8(`${label}\0`), context, u32be(bits));
  return createHmac("sha256", key)
    .update(message)
    .digest()
    .subarray(0, bits / 8);
}

/** Part 1, 11.4.10.3: one round of SP 800-56A. */
const kdfE = (agreed: Uint8Array, label: string, from: Uint8Array, to: Uint8Array): Uint8Array =>
  createHash("sha256")
    .update(concatBytes(u32be(1), agreed, utf8(`${label}\0`), from, to))
    .digest();

/** A TPM2B. */
