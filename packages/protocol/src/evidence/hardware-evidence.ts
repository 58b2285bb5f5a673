import * as z from "zod";
import { mdaEvidenceFrom, mdaEvidenceSchema, spelledMdaEvidence, type MdaEvidence } from "./apple-evidence.ts";
import { spelledTpmEvidence, tpmEvidenceFrom, tpmEvidenceSchema, type TpmEvidence } from "./tpm-evidence.ts";

/** What a maker's root says of a machine beside its blob: the same for as long as the machine is connected. */
export interface HardwareEvidence {
  readonly tpm?: TpmEvidence;
  readonly mda?: MdaEvidence;
}

/** `HardwareEvidence` as it travels and is published. */
export const hardwareEvidenceSchema = z
  .object({
    tpm: tpmEvidenceSchema.optional(),
    apple_mda: mdaEvidenceSchema.optional(),
  })
  .describe("What a maker's root says of the machine");
export type SpelledHardwareEvidence = z.infer<typeof hardwareEvidenceSchema>;

export const spelledHardwareEvidence = ({ tpm, mda }: HardwareEvidence): SpelledHardwareEvidence => ({
  ...(tpm && { tpm: spelledTpmEvidence(tpm) }),
  ...(mda && { apple_mda: spelledMdaEvidence(mda) }),
});

export const hardwareEvidenceFrom = ({ tpm, apple_mda }: SpelledHardwareEvidence): HardwareEvidence => ({
  ...(tpm && { tpm: tpmEvidenceFrom(tpm) }),
  ...(apple_mda && { mda: mdaEvidenceFrom(apple_mda) }),
});

/** The same without what names the machine: its makers' certificates, and the key that only its TPM has. */
export function withoutMachine({ tpm, mda }: HardwareEvidence): HardwareEvidence {
  return {
    ...(tpm && {
      tpm: { ekPublic: new Uint8Array(0), akPublic: tpm.akPublic, keyPublic: tpm.keyPublic, certify: tpm.certify },
    }),
    ...(mda && { mda: { random: mda.random } }),
  };
}
