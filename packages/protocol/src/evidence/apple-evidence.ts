import * as z from "zod";
import { fromBase64OrNothing, toBase64 } from "../bytes.ts";
import { APPLE_RANDOM_BYTES } from "./apple.ts";
import { base64Of, chainSchema } from "./spelled.ts";

/** Longer attestations are not read: one has two certificates and a receipt, together some 6 KiB. */
export const ATTESTATION_BYTES_MAX = 32 * 1024;
const KEY_ID_BYTES = 32;

/** What a device answered to `DevicePropertiesAttestation`, and what we asked with. */
export interface MdaEvidence {
  /** DER, leaf first. Left out where it is withheld from whoever asks. */
  readonly chain?: readonly Uint8Array[];
  /** The published part of the nonce. */
  readonly random: Uint8Array;
}

/** What `DCAppAttestService.attestKey` gave, and what it was given. */
export interface AppAttestEvidence {
  /** CBOR. Left out where it is withheld from whoever asks. */
  readonly attestation?: Uint8Array;
  /** SHA-256 of the attested key, 32 bytes. */
  readonly keyId: Uint8Array;
  /** The published part of the nonce. */
  readonly random: Uint8Array;
}

const random = base64Of(APPLE_RANDOM_BYTES).describe("The published part of the nonce, 32 bytes");

/** `MdaEvidence` as it travels and is published. */
export const mdaEvidenceSchema = z.object({ chain: chainSchema, random });
export type SpelledMdaEvidence = z.infer<typeof mdaEvidenceSchema>;

/** `AppAttestEvidence` as it travels and is published. */
export const appAttestEvidenceSchema = z.object({
  attestation: base64Of(ATTESTATION_BYTES_MAX)
    .optional()
    .describe("The attestation object, CBOR; absent where it is withheld"),
  key_id: base64Of(KEY_ID_BYTES).describe("SHA-256 of the attested key"),
  random,
});
export type SpelledAppAttestEvidence = z.infer<typeof appAttestEvidenceSchema>;

export const spelledMdaEvidence = (evidence: MdaEvidence): SpelledMdaEvidence => ({
  ...(evidence.chain && { chain: evidence.chain.map(toBase64) }),
  random: toBase64(evidence.random),
});

export const mdaEvidenceFrom = (spelled: SpelledMdaEvidence): MdaEvidence => ({
  ...(spelled.chain && { chain: spelled.chain.map(fromBase64OrNothing) }),
  random: fromBase64OrNothing(spelled.random),
});

export const spelledAppAttestEvidence = (evidence: AppAttestEvidence): SpelledAppAttestEvidence => ({
  ...(evidence.attestation && { attestation: toBase64(evidence.attestation) }),
  key_id: toBase64(evidence.keyId),
  random: toBase64(evidence.random),
});

export const appAttestEvidenceFrom = (spelled: SpelledAppAttestEvidence): AppAttestEvidence => ({
  ...(spelled.attestation !== undefined && { attestation: fromBase64OrNothing(spelled.attestation) }),
  keyId: fromBase64OrNothing(spelled.key_id),
  random: fromBase64OrNothing(spelled.random),
});
