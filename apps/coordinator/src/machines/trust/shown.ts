import { fromBase64OrNothing, toHex } from "@darkbloom/protocol/bytes";
import { readBlob, type Evidence, type HardwareEvidence } from "@darkbloom/protocol/evidence";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { RegistrationBlob } from "@darkbloom/protocol/wire";
import type { MachineName } from "./serial-names.ts";
import type { MachineId, OfferedModel } from "../ports.ts";
import { machineIdOf } from "./approvals.ts";

/** The bytes of a blob, as they were signed. */
export interface SignedBlob {
  readonly blobBytes: Uint8Array<ArrayBuffer>;
  readonly blobSignature: Uint8Array<ArrayBuffer>;
}

/** A blob that a machine has shown. Nothing of it is believed before `verify`. */
export interface Shown extends SignedBlob {
  readonly blob: RegistrationBlob;
  readonly sha256: Sha256Hex;
  /** What its operator calls the machine that this blob names. */
  readonly machineId: MachineId;
}

/** @returns undefined where the bytes are no blob */
export function readShown(crypto: Crypto, frame: { blob: string; signature: string }): Shown | undefined {
  const blobBytes = fromBase64OrNothing(frame.blob);
  const blob = readBlob(blobBytes);
  if (!blob || fromBase64OrNothing(blob.identity_key).length === 0) return undefined;
  const sha256 = toHex(crypto.sha256(blobBytes)) as Sha256Hex;
  return {
    blob,
    blobBytes,
    blobSignature: fromBase64OrNothing(frame.signature),
    sha256,
    machineId: machineIdOf(crypto, blob.identity_key),
  };
}

export const evidenceOf = (shown: SignedBlob, hardware: HardwareEvidence | undefined): Evidence => ({
  blob: shown.blobBytes,
  blobSignature: shown.blobSignature,
  ...(hardware && { hardware }),
});

const modelsOf = (blob: RegistrationBlob): OfferedModel[] =>
  blob.models.map(({ build, weights_sha256, context_tokens, token_bytes_max, tasks }) => ({
    build,
    weightsSha256: weights_sha256,
    contextTokens: context_tokens,
    ...(token_bytes_max !== undefined && { tokenBytesMax: token_bytes_max }),
    ...(tasks && { tasks }),
  }));

/** What stays the same of a machine for as long as its connection lasts: by its blob, and by the name that it has here. */
export const describedBy = ({ blob, machineId }: Shown, { serial, told, pins }: MachineName) => ({
  serial,
  toldSerial: told,
  pins,
  identityKey: blob.identity_key,
  machineId,
  chipName: blob.chip_name,
  hardwareModel: blob.hardware_model,
  engine: blob.engine,
  platform: blob.platform,
  models: modelsOf(blob),
});
