import type { Crypto } from "../ports.ts";
import type { PcrSelection } from "./attest.ts";
import { DIGEST_BYTES, tpmAlgorithm } from "./constants.ts";

export interface Pcr {
  readonly index: number;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
}

/**
 * What a quote's `pcrDigest` must be if these were the PCRs: the hash of the selected values, lowest
 * index first (TPM 2.0 Library, Part 1, 17.6.1). Undefined unless the selection is of SHA-256 PCRs, and of
 * exactly these.
 */
export function pcrDigestOf(
  crypto: Crypto,
  selections: readonly PcrSelection[],
  pcrs: readonly Pcr[],
): Uint8Array<ArrayBuffer> | undefined {
  const [selection, ...others] = selections;
  if (selection?.hash !== tpmAlgorithm.sha256 || others.length > 0 || pcrs.length !== selection.indexes.length)
    return undefined;
  const ascending = pcrs.toSorted((a, b) => a.index - b.index);
  const same = ascending.every(
    ({ index, sha256 }, at) => index === selection.indexes[at] && sha256.length === DIGEST_BYTES,
  );
  return same ? crypto.sha256(...ascending.map(({ sha256 }) => sha256)) : undefined;
}
