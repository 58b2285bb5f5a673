import { LONGEST_DIGEST_BYTES, LONGEST_NAME_BYTES } from "./constants.ts";
import { malformed, readWhole, type TpmReader } from "./codec.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins so (TPM 2.0 Library, Part 2, 6.2). */
const GENERATED = 0xff544347;
/** TPM_ST_ATTEST_CERTIFY and TPM_ST_ATTEST_QUOTE, Part 2, 6.9. */
const CERTIFY = 0x8017;
const QUOTE = 0x8018;
/** TPM2B_DATA holds a name at most, Part 2, 10.4.3. */
const LONGEST_EXTRA_BYTES = LONGEST_NAME_BYTES;
/** One selection for each of a TPM's banks, and 32 PCRs in each. */
const MOST_BANKS = 16;
const LONGEST_SELECT_BYTES = 4;

export interface PcrSelection {
  /** TPM_ALG_ID of the bank. */
  readonly hash: number;
  /** Ascending. */
  readonly indexes: readonly number[];
}

/** What a TPM itself says, and an attestation key signs: TPMS_ATTEST (Part 2, 10.12.12). */
export interface TpmAttest {
  readonly qualifiedSigner: Bytes;
  /** What the asker gave to be signed with it. */
  readonly extraData: Bytes;
  readonly clock: {
    /** Milliseconds in use since the owner's last clear. */
    readonly clockMs: bigint;
    readonly resetCount: number;
    readonly restartCount: number;
    readonly safe: boolean;
  };
  readonly firmwareVersion: bigint;
  readonly attested:
    | { readonly type: "certify"; readonly name: Bytes; readonly qualifiedName: Bytes }
    | { readonly type: "quote"; readonly selections: readonly PcrSelection[]; readonly pcrDigest: Bytes };
}

export const readTpmAttest = (bytes: Uint8Array): TpmAttest | undefined =>
  readWhole(bytes, (reader) => {
    if (reader.u32() !== GENERATED) malformed();
    const type = reader.u16();
    return {
      qualifiedSigner: reader.sized(LONGEST_NAME_BYTES),
      extraData: reader.sized(LONGEST_EXTRA_BYTES),
      clock: {
        clockMs: reader.u64(),
        resetCount: reader.u32(),
        restartCount: reader.u32(),
        safe: yesOrNo(reader),
      },
      firmwareVersion: reader.u64(),
      attested: type === CERTIFY ? certified(reader) : type === QUOTE ? quoted(reader) : malformed(),
    };
  });

/** TPMI_YES_NO, Part 2, 9.2. */
function yesOrNo(reader: TpmReader): boolean {
  const value = reader.u8();
  return value > 1 ? malformed() : value === 1;
}

/** TPMS_CERTIFY_INFO, Part 2, 10.12.3. */
const certified = (reader: TpmReader): TpmAttest["attested"] => ({
  type: "certify",
  name: reader.sized(LONGEST_NAME_BYTES),
  qualifiedName: reader.sized(LONGEST_NAME_BYTES),
});

/** TPMS_QUOTE_INFO, Part 2, 10.12.4. */
const quoted = (reader: TpmReader): TpmAttest["attested"] => ({
  type: "quote",
  selections: readPcrSelections(reader),
  pcrDigest: reader.sized(LONGEST_DIGEST_BYTES),
});

/** TPML_PCR_SELECTION, Part 2, 10.9.7. */
export function readPcrSelections(reader: TpmReader): PcrSelection[] {
  const count = reader.u32();
  if (count > MOST_BANKS) malformed();
  return Array.from({ length: count }, () => selection(reader));
}

/** TPMS_PCR_SELECTION, Part 2, 10.6.2: PCR n is bit n % 8 of byte n / 8. */
function selection(reader: TpmReader): PcrSelection {
  const hash = reader.u16();
  const length = reader.u8();
  const bits = reader.bytes(length <= LONGEST_SELECT_BYTES ? length : malformed());
  const indexes = Array.from({ length: length * 8 }, (_, index) => index);
  return { hash, indexes: indexes.filter((index) => (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1) };
}
