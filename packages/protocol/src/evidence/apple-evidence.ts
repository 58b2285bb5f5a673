import * as z from "zod";
import { fromBase64OrNothing, toBase64 } from "../bytes.ts";
import { APPLE_RANDOM_BYTES } from "./apple.ts";
import { base64Of, chainSchema } from "./spelled.ts";

/** What a device answered to `DevicePropertiesAttestation`, and what we asked with. */
export interface MdaEvidence {
  /** DER, leaf first. Left out where it is withheld from whoever asks. */
  readonly chain?: readonly Uint8Array[];
  /** The published part of the nonce. */
  readonly random: Uint8Array;
}

const random = base64Of(APPLE_RANDOM_BYTES).describe("The published part of the nonce, 32 bytes");

/** `MdaEvidence` as it travels and is published. */
export const mdaEvidenceSchema = z.object({ chain: chainSchema, random });
export type SpelledMdaEvidence = z.infer<typeof mdaEvidenceSchema>;

export const spelledMdaEvidence = (evidence: MdaEvidence): SpelledMdaEvidence => ({
  ...(evidence.chain && { chain: evidence.chain.map(toBase64) }),
  random: toBase64(evidence.random),
});

export const mdaEvidenceFrom = (spelled: SpelledMdaEvidence): MdaEvidence => ({
  ...(spelled.chain && { chain: spelled.chain.map(fromBase64OrNothing) }),
  random: fromBase64OrNothing(spelled.random),
});
