import { concatBytes, toHex, utf8 } from "../bytes.ts";
import type { Hpke, HpkeContext, HpkeKey } from "./hpke.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What HPKE is made of here; each place where this runs has its own. */
export interface HpkePrimitives<PrivateKey> extends Pick<Hpke, "hkdf" | "seal" | "open"> {
  sha256(bytes: Uint8Array): Bytes;
  /** HMAC with SHA-256 over the parts. */
  hmac(key: Uint8Array, ...parts: Uint8Array[]): Bytes;
  /** X25519; the public half is 32 bytes. */
  newKey(): { readonly privateKey: PrivateKey; readonly publicKey: Bytes };
  /** @throws RangeError for a public key that is none, and for one of small order (RFC 9180 §7.1.4) */
  agree(privateKey: PrivateKey, publicKey: Uint8Array): Bytes;
}

const HASH_BYTES = 32;
/** §4.1: "KEM" ‖ I2OSP(kem_id, 2); DHKEM(X25519, HKDF-SHA256) is 0x0020. */
const kemSuite = concatBytes(utf8("KEM"), Uint8Array.of(0x00, 0x20));
/** §5.1: "HPKE" ‖ kem_id ‖ kdf_id (HKDF-SHA256, 0x0001) ‖ aead_id (AES-256-GCM, 0x0002). */
const hpkeSuite = concatBytes(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02));
const version = utf8("HPKE-v1");
const empty = new Uint8Array(0);

/**
 * HPKE, RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode. Only the exporter is used (§5.3);
 * messages are sealed under keys that it gives out.
 */
export function hpkeOn<PrivateKey>(
  primitives: HpkePrimitives<PrivateKey>,
): Hpke & { keyOf(privateKey: PrivateKey, publicKey: Bytes, expiresAt: number): HpkeKey } {
  const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Bytes => primitives.hmac(key, ...parts);

  /** §4: LabeledExtract. An absent salt is one hash of zeros (RFC 5869 §2.2). */
  const labeledExtract = (suite: Bytes, salt: Uint8Array, label: string, ikm: Uint8Array): Bytes =>
    hmac(salt.length > 0 ? salt : new Uint8Array(HASH_BYTES), version, suite, utf8(label), ikm);

  /** §4: LabeledExpand. Nobody here asks for more than 255 blocks. */
  const labeledExpand = (suite: Bytes, prk: Bytes, label: string, info: Uint8Array, length: number): Bytes => {
    const labeled = concatBytes(Uint8Array.of(length >> 8, length & 0xff), version, suite, utf8(label), info);
    let block: Bytes = empty;
    let out: Bytes = empty;
    for (let n = 1; out.length < length; n++) {
      block = hmac(prk, block, labeled, Uint8Array.of(n));
      out = concatBytes(out, block);
    }
    return out.slice(0, length);
  };

  /** §4.1: ExtractAndExpand over the Diffie-Hellman result. */
  const sharedSecret = (agreed: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Bytes => {
    const prk = labeledExtract(kemSuite, empty, "eae_prk", agreed);
    return labeledExpand(kemSuite, prk, "shared_secret", concatBytes(enc, recipient), HASH_BYTES);
  };

  /** §5.1: KeySchedule in base mode, as far as the exporter secret. */
  const contextOf = (secret: Bytes, enc: Bytes, info: Uint8Array): HpkeContext => {
    const pskIdHash = labeledExtract(hpkeSuite, empty, "psk_id_hash", empty);
    const infoHash = labeledExtract(hpkeSuite, empty, "info_hash", info);
    const schedule = concatBytes(Uint8Array.of(0), pskIdHash, infoHash);
    const prk = labeledExtract(hpkeSuite, secret, "secret", empty);
    const exporterSecret = labeledExpand(hpkeSuite, prk, "exp", schedule, HASH_BYTES);
    return { enc, export: (label, length) => labeledExpand(hpkeSuite, exporterSecret, "sec", label, length) };
  };

  const keyOf = (privateKey: PrivateKey, publicKey: Bytes, expiresAt: number): HpkeKey => {
    let held: { readonly privateKey: PrivateKey } | undefined = { privateKey };
    return {
      id: toHex(primitives.sha256(publicKey)),
      suite: "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm",
      publicKey,
      expiresAt,
      openContext: (enc, info) => {
        if (!held) throw new RangeError("this key was erased");
        const ephemeral = new Uint8Array(enc);
        const agreed = primitives.agree(held.privateKey, ephemeral);
        return contextOf(sharedSecret(agreed, ephemeral, publicKey), ephemeral, info);
      },
      erase: () => void (held = undefined),
    };
  };

  return {
    hkdf: (ikm, salt, info, length) => primitives.hkdf(ikm, salt, info, length),
    seal: (key, nonce, aad, plaintext) => primitives.seal(key, nonce, aad, plaintext),
    open: (key, nonce, aad, ciphertext) => primitives.open(key, nonce, aad, ciphertext),
    keyOf,
    generateKey: (_suite, expiresAt) => {
      const { privateKey, publicKey } = primitives.newKey();
      return keyOf(privateKey, publicKey, expiresAt);
    },
    sealContext: (_suite, recipient, info) => {
      const { privateKey, publicKey: enc } = primitives.newKey();
      return contextOf(sharedSecret(primitives.agree(privateKey, recipient), enc, recipient), enc, info);
    },
  };
}
