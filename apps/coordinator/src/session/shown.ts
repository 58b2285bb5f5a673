import {
  fromBase64,
  readBlob,
  toHex,
  type Crypto,
  type Evidence,
  type RegistrationBlob,
  type Sha256Hex,
} from "@darkbloom/protocol";
import type { Candidate } from "../routing/choose.ts";

/** A blob that a machine has shown, as the bytes that were signed. Nothing of it is believed before `verify`. */
export interface Shown {
  readonly blob: RegistrationBlob;
  readonly blobBytes: Uint8Array<ArrayBuffer>;
  readonly blobSignature: Uint8Array<ArrayBuffer>;
  readonly sha256: Sha256Hex;
}

/** @returns undefined where the bytes are no blob */
export function readShown(crypto: Crypto, frame: { blob: string; signature: string }): Shown | undefined {
  const blobBytes = fromBase64(frame.blob);
  const blob = readBlob(blobBytes);
  if (!blob) return undefined;
  const sha256 = toHex(crypto.sha256(blobBytes)) as Sha256Hex;
  return { blob, blobBytes, blobSignature: fromBase64(frame.signature), sha256 };
}

export const evidenceOf = (shown: Shown): Evidence => ({
  blob: shown.blobBytes,
  blobSignature: shown.blobSignature,
});

export const modelsOf = ({ blob }: Shown): Candidate["models"] =>
  blob.models.map(({ build, weights_sha256, context_tokens }) => ({
    build,
    weightsSha256: weights_sha256,
    contextTokens: context_tokens,
  }));
