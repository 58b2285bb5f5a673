import { concatBytes, toHex, utf8 } from "../bytes.ts";
import { suites, type Suite } from "../wire/registration.ts";
import type { Hpke, HpkeContext, HpkeKey } from "./hpke.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What HPKE is made of here; each place where this runs has its own. */
export interface HpkePrimitives extends Pick<Hpke, "hkdf" | "hmac" | "seal" | "open"> {
  sha256(bytes: Uint8Array): Bytes;
}

/** A recipient's pair of keys; the private half stays in it. */
export interface KemKey {
  readonly publicKey: Bytes;
  decapsulate(enc: Uint8Array): Bytes;
}

/** A key encapsulation mechanism (RFC 9180 §4). Throws RangeError for what is no key of its own, or agrees on nothing. */
export interface Kem {
  /** In IANA's registry of HPKE's KEMs. */
  readonly id: number;
  newKey(): KemKey;
  encapsulate(publicKey: Uint8Array): { readonly secret: Bytes; readonly enc: Bytes };
}

const HASH_BYTES = 32;
const version = utf8("HPKE-v1");
const empty = new Uint8Array(0);
export const u16be = (value: number): Bytes => Uint8Array.of(value >> 8, value & 0xff);

/** §4: LabeledExtract and LabeledExpand over HKDF-SHA256. */
export function labeledKdf(hmac: HpkePrimitives["hmac"]) {
  return {
    // An absent salt is one hash of zeros (RFC 5869 §2.2), to which HMAC pads an empty key by itself.
    extract: (suite: Bytes, salt: Uint8Array, label: string, ikm: Uint8Array): Bytes =>
      hmac(salt, version, suite, utf8(label), ikm),
    // Nobody here asks for more than 255 blocks.
    expand: (suite: Bytes, prk: Bytes, label: string, info: Uint8Array, length: number): Bytes => {
      const labeled = concatBytes(u16be(length), version, suite, utf8(label), info);
      let block: Bytes = empty;
      let out: Bytes = empty;
      for (let n = 1; n <= Math.ceil(length / HASH_BYTES); n++) {
        block = hmac(prk, block, labeled, Uint8Array.of(n));
        out = concatBytes(out, block);
      }
      return out.slice(0, length);
    },
  };
}

/**
 * HPKE, RFC 9180, in base mode: one of these KEMs, HKDF-SHA256, AES-256-GCM. Only the exporter is used (§5.3); messages are
 * sealed under keys that it gives out.
 */
export function hpkeOn(
  primitives: HpkePrimitives,
  kems: Readonly<Partial<Record<Suite, Kem>>>,
): Hpke & { keyOf(suite: Suite, key: KemKey, expiresAt: number): HpkeKey } {
  const { extract, expand } = labeledKdf((key, ...parts) => primitives.hmac(key, ...parts));

  const kemOf = (suite: Suite): Kem => {
    const kem = kems[suite];
    if (!kem) throw new RangeError("this suite cannot be computed here");
    return kem;
  };

  /** §5.1: KeySchedule in base mode, as far as the exporter secret. */
  const contextOf = (kem: Kem, secret: Bytes, enc: Bytes, info: Uint8Array): HpkeContext => {
    // "HPKE" ‖ kem_id ‖ kdf_id (HKDF-SHA256, 0x0001) ‖ aead_id (AES-256-GCM, 0x0002).
    const suite = concatBytes(utf8("HPKE"), u16be(kem.id), u16be(0x0001), u16be(0x0002));
    const pskIdHash = extract(suite, empty, "psk_id_hash", empty);
    const infoHash = extract(suite, empty, "info_hash", info);
    const schedule = concatBytes(Uint8Array.of(0), pskIdHash, infoHash);
    const prk = extract(suite, secret, "secret", empty);
    const exporterSecret = expand(suite, prk, "exp", schedule, HASH_BYTES);
    return { enc, export: (label, length) => expand(suite, exporterSecret, "sec", label, length) };
  };

  const keyOf = (suite: Suite, key: KemKey, expiresAt: number): HpkeKey => {
    const kem = kemOf(suite);
    const { publicKey } = key;
    let held: KemKey | undefined = key;
    return {
      id: toHex(primitives.sha256(publicKey)),
      suite,
      publicKey,
      expiresAt,
      openContext: (enc, info) => {
        if (!held) throw new RangeError("this key was erased");
        return contextOf(kem, held.decapsulate(enc), new Uint8Array(enc), info);
      },
      erase: () => void (held = undefined),
    };
  };

  return {
    suites: suites.filter((suite) => kems[suite]),
    hmac: (key, ...parts) => primitives.hmac(key, ...parts),
    hkdf: (ikm, salt, info, length) => primitives.hkdf(ikm, salt, info, length),
    seal: (...sealing) => primitives.seal(...sealing),
    open: (key, nonce, aad, ciphertext) => primitives.open(key, nonce, aad, ciphertext),
    keyOf,
    generateKey: (suite, expiresAt) => keyOf(suite, kemOf(suite).newKey(), expiresAt),
    sealContext: (suite, recipient, info) => {
      const kem = kemOf(suite);
      const { secret, enc } = kem.encapsulate(recipient);
      return contextOf(kem, secret, enc, info);
    },
  };
}
