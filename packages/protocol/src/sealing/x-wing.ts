import { concatBytes, utf8 } from "../bytes.ts";
import type { X25519 } from "./dhkem.ts";
import type { Kem, KemKey } from "./key-schedule.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** ML-KEM-768 (FIPS 203), on keys of whatever kind the place where this runs has. */
export interface MlKem768<PrivateKey> {
  /** @param seed d ‖ z, 64 bytes (§6.1) */
  keyFrom(seed: Uint8Array): { readonly privateKey: PrivateKey; readonly publicKey: Bytes };
  /** @throws RangeError for what is no key (§7.2) */
  encapsulate(publicKey: Uint8Array): { readonly secret: Bytes; readonly ciphertext: Bytes };
  /** @throws RangeError for a ciphertext of another length; another one gives a secret that nobody knows (§6.3) */
  decapsulate(privateKey: PrivateKey, ciphertext: Uint8Array): Bytes;
}

/** What X-Wing is made of; each place where this runs has its own. */
export interface XWingParts<MlKemKey, XKey> {
  readonly mlKem: MlKem768<MlKemKey>;
  readonly x25519: X25519<XKey> & {
    keyFrom(privateBytes: Uint8Array): { readonly privateKey: XKey; readonly publicKey: Bytes };
  };
  readonly sha3: (bytes: Uint8Array) => Bytes;
  readonly shake256: (bytes: Uint8Array, length: number) => Bytes;
  readonly random: (length: number) => Bytes;
}

const SEED_BYTES = 32;
const ML_KEM_SEED_BYTES = 64;
const ML_KEM_PUBLIC_BYTES = 1184;
const ML_KEM_CIPHERTEXT_BYTES = 1088;
const X25519_BYTES = 32;
/** §5.3: `\./` and `/^\`. */
const label = utf8("\\.//^\\");

/**
 * X-Wing (draft-connolly-cfrg-xwing-kem): X25519 and ML-KEM-768 at once, so that what is recorded today stays closed to
 * whoever has a quantum computer one day, and an error in the younger of the two opens nothing by itself.
 */
export function xWing<MlKemKey, XKey>({
  mlKem,
  x25519,
  sha3,
  shake256,
  random,
}: XWingParts<MlKemKey, XKey>): Kem & { keyFrom(seed: Uint8Array): KemKey } {
  /** §5.3: Combiner. */
  const combine = (mlKemSecret: Bytes, agreed: Bytes, ephemeral: Uint8Array, recipient: Uint8Array): Bytes =>
    sha3(concatBytes(mlKemSecret, agreed, ephemeral, recipient, label));

  /** §5.2: a key is a seed of 32 bytes. */
  const keyFrom = (seed: Uint8Array): KemKey => {
    if (seed.length !== SEED_BYTES) throw new RangeError(`an X-Wing key has ${SEED_BYTES} bytes`);
    const expanded = shake256(seed, ML_KEM_SEED_BYTES + X25519_BYTES);
    const one = mlKem.keyFrom(expanded.subarray(0, ML_KEM_SEED_BYTES));
    const other = x25519.keyFrom(expanded.subarray(ML_KEM_SEED_BYTES));
    return {
      publicKey: concatBytes(one.publicKey, other.publicKey),
      decapsulate: (enc) => {
        const [ciphertext, ephemeral] = parted(enc, ML_KEM_CIPHERTEXT_BYTES);
        const mlKemSecret = mlKem.decapsulate(one.privateKey, ciphertext);
        return combine(mlKemSecret, x25519.agree(other.privateKey, ephemeral), ephemeral, other.publicKey);
      },
    };
  };

  return {
    id: 0x647a,
    keyFrom,
    newKey: () => keyFrom(random(SEED_BYTES)),
    encapsulate: (publicKey) => {
      const [mlKemPublic, recipient] = parted(publicKey, ML_KEM_PUBLIC_BYTES);
      const { secret, ciphertext } = mlKem.encapsulate(mlKemPublic);
      const { privateKey, publicKey: ephemeral } = x25519.newKey();
      return {
        secret: combine(secret, x25519.agree(privateKey, recipient), ephemeral, recipient),
        enc: concatBytes(ciphertext, ephemeral),
      };
    },
  };
}

/** The part of ML-KEM, and that of X25519 behind it; each of them refuses what is of another length. */
const parted = (bytes: Uint8Array, at: number): readonly [Uint8Array, Uint8Array] => [
  bytes.subarray(0, at),
  bytes.subarray(at),
];
