import { concatBytes, fromHex, u32be } from "@darkbloom/protocol/bytes";
import { malformed, sized, tpmAlgorithm, TpmReader, u16be, u16s } from "@darkbloom/protocol/tpm";
import { reading } from "./tpm-error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** TPM_ECC_CURVE, Part 2, 6.4. */
const CURVE_P256 = 0x0003;

/** TPMA_OBJECT, Part 2, 8.3. */
const is = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDictionaryAttack: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;

const NOTHING = new Uint8Array(0);
const neverLeaves = is.fixedTpm | is.fixedParent | is.sensitiveDataOrigin;
/** Its wrapped bytes and access to the TPM are all that is needed; a password beside them in the folder would add nothing. */
const opensWithFolder = is.userWithAuth | is.noDictionaryAttack;

/** How a parent protects its children: AES-128 in CFB mode. */
const aes128 = u16s(tpmAlgorithm.aes, 128, tpmAlgorithm.cfb);
const noScheme = u16be(tpmAlgorithm.none);

/** Everything of an ECC TPMT_PUBLIC (Part 2, 12.2.4) before its point. */
const ecc = (attributes: number, policy: Uint8Array, symmetric: Uint8Array, scheme: Uint8Array): Bytes =>
  concatBytes(
    u16s(tpmAlgorithm.ecc, tpmAlgorithm.sha256),
    u32be(attributes),
    sized(policy),
    symmetric,
    scheme,
    u16s(CURVE_P256, tpmAlgorithm.none),
  );

const signer = (restricted: number): Bytes =>
  ecc(
    neverLeaves | opensWithFolder | is.sign | restricted,
    NOTHING,
    u16be(tpmAlgorithm.none),
    u16s(tpmAlgorithm.ecdsa, tpmAlgorithm.sha256),
  );

/** PolicySecret of the endorsement hierarchy: policy A of the EK Credential Profile, B.6.2. */
const endorsementPolicy = fromHex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa");
const endorsement = neverLeaves | is.adminWithPolicy | is.restricted | is.decrypt;

const noPoint = concatBytes(sized(NOTHING), sized(NOTHING));

/** What keys are made from: TPMT_PUBLIC without a value for `unique`, so that the TPM chooses it. */
export const templates = {
  /** Makes receipts and registrations: signs any digest that this process gives it. */
  identity: signer(0),
  /** Signs only what the TPM itself says: quotes and certificates of its keys. */
  attestation: signer(is.restricted),
  /** The parent of both. Made again from the TPM's seed at each start, the same each time. */
  storage: ecc(neverLeaves | opensWithFolder | is.restricted | is.decrypt, NOTHING, aes128, noScheme),
} as const;

export const withoutPoint = (template: Uint8Array): Bytes => concatBytes(template, noPoint);

/** The maker's certificate is for the key that comes of exactly these bytes. */
export const endorsementTemplates = {
  /** L-2 of the TCG EK Credential Profile for TPM 2.0, B.3.4. */
  ecc: concatBytes(
    ecc(endorsement, endorsementPolicy, aes128, noScheme),
    sized(new Uint8Array(32)),
    sized(new Uint8Array(32)),
  ),
  /** L-1, B.3.3; an exponent of zero stands for 65537. */
  rsa: concatBytes(
    u16s(tpmAlgorithm.rsa, tpmAlgorithm.sha256),
    u32be(endorsement),
    sized(endorsementPolicy),
    aes128,
    noScheme,
    u16be(2048),
    u32be(0),
    sized(new Uint8Array(256)),
  ),
} as const;
export type EndorsementKind = keyof typeof endorsementTemplates;

/**
 * The uncompressed point, 65 bytes, of a public area that came of this template.
 *
 * @throws TpmError `malformed` where it came of another
 */
export const pointOf = (template: Uint8Array, publicArea: Uint8Array): Bytes =>
  reading(() => {
    const reader = new TpmReader(publicArea);
    const start = reader.bytes(template.length);
    const [x, y] = [reader.sized(32), reader.sized(32)];
    reader.end();
    if (!start.every((byte, at) => byte === template[at])) malformed();
    const point = new Uint8Array(65);
    point[0] = 4;
    // Some TPMs leave out leading zeros.
    point.set(x, 33 - x.length);
    point.set(y, 65 - y.length);
    return point;
  });
