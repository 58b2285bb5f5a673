import { concatBytes, utf8 } from "../bytes.ts";
import { labeledKdf, u16be, type HpkePrimitives, type Kem, type KemKey } from "./key-schedule.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** X25519 (RFC 7748), on keys of whatever kind the place where this runs has. */
export interface X25519<PrivateKey> {
  /** The public half is 32 bytes. */
  newKey(): { readonly privateKey: PrivateKey; readonly publicKey: Bytes };
  /** @throws RangeError for a public key that is none, and for one of small order (RFC 9180 §7.1.4) */
  agree(privateKey: PrivateKey, publicKey: Uint8Array): Bytes;
}

const ID = 0x0020;
const SECRET_BYTES = 32;
const suite = concatBytes(utf8("KEM"), u16be(ID));

/** RFC 9180 §4.1: DHKEM(X25519, HKDF-SHA256). */
export function dhkem<PrivateKey>(
  hmac: HpkePrimitives["hmac"],
  x25519: X25519<PrivateKey>,
): Kem & { keyOf(privateKey: PrivateKey, publicKey: Bytes): KemKey } {
  const { extract, expand } = labeledKdf(hmac);
  /** ExtractAndExpand over the Diffie-Hellman result. */
  const sharedSecret = (agreed: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Bytes => {
    const prk = extract(suite, new Uint8Array(0), "eae_prk", agreed);
    return expand(suite, prk, "shared_secret", concatBytes(enc, recipient), SECRET_BYTES);
  };
  const keyOf = (privateKey: PrivateKey, publicKey: Bytes): KemKey => ({
    publicKey,
    decapsulate: (enc) => sharedSecret(x25519.agree(privateKey, enc), enc, publicKey),
  });
  return {
    id: ID,
    keyOf,
    newKey: () => {
      const { privateKey, publicKey } = x25519.newKey();
      return keyOf(privateKey, publicKey);
    },
    encapsulate: (recipient) => {
      const { privateKey, publicKey: enc } = x25519.newKey();
      return { secret: sharedSecret(x25519.agree(privateKey, recipient), enc, recipient), enc };
    },
  };
}
