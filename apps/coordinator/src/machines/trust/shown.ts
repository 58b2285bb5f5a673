import { fromBase64OrNothing, toHex } from "@darkbloom/protocol/bytes";
import { readBlob, readOffer, type Evidence, type HardwareEvidence } from "@darkbloom/protocol/evidence";
import type { MachineId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { Offer, RegistrationBlob } from "@darkbloom/protocol/wire";
import type { MachineName } from "./serial-names.ts";
import { machineIdOf } from "./approvals.ts";

/** What a machine shows of itself, as it was signed. */
export interface SignedWords {
  readonly blobBytes: Uint8Array<ArrayBuffer>;
  readonly blobSignature: Uint8Array<ArrayBuffer>;
  readonly offerBytes: Uint8Array<ArrayBuffer>;
  readonly offerSignature: Uint8Array<ArrayBuffer>;
}

export interface ShownBlob extends Pick<SignedWords, "blobBytes" | "blobSignature"> {
  readonly blob: RegistrationBlob;
  readonly sha256: Sha256Hex;
  /** What its operator calls the machine that this blob names. */
  readonly machineId: MachineId;
}

export interface ShownOffer extends Pick<SignedWords, "offerBytes" | "offerSignature"> {
  readonly offer: Offer;
  readonly offerSha256: string;
}

/** A blob and an offer that a machine has shown. Nothing of them is believed before `verify`. */
export interface Shown extends ShownBlob, ShownOffer {}

/** @returns undefined where the bytes are no blob */
export function readShownBlob(crypto: Crypto, frame: { blob: string; signature: string }): ShownBlob | undefined {
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

/** @returns undefined where the bytes are no offer */
export function readShownOffer(crypto: Crypto, frame: { offer: string; signature: string }): ShownOffer | undefined {
  const offerBytes = fromBase64OrNothing(frame.offer);
  const offer = readOffer(offerBytes);
  const offerSignature = fromBase64OrNothing(frame.signature);
  return offer && { offer, offerBytes, offerSignature, offerSha256: toHex(crypto.sha256(offerBytes)) };
}

export const evidenceOf = (shown: SignedWords, hardware: HardwareEvidence | undefined): Evidence => ({
  blob: shown.blobBytes,
  blobSignature: shown.blobSignature,
  offer: shown.offerBytes,
  offerSignature: shown.offerSignature,
  ...(hardware && { hardware }),
});

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
});
