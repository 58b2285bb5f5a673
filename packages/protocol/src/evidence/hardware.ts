import * as z from "zod";
import { fromBase64OrNothing } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { RegistrationBlob } from "../wire/registration.ts";
import { statedActivation } from "./activation.ts";
import { mdaEvidenceFrom, mdaEvidenceSchema, spelledMdaEvidence, type MdaEvidence } from "./apple-evidence.ts";
import { mdaChecks } from "./apple-mda.ts";
import { pass, unknown } from "./check.ts";
import { isResidencyShown } from "./levels.ts";
import { spelledTpmEvidence, tpmEvidenceFrom, tpmEvidenceSchema, type TpmEvidence } from "./tpm-evidence.ts";
import { tpmChecks } from "./tpm.ts";
import type { Check, Evidence, Policy } from "./verdict.ts";

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

/**
 * Every check of what a maker's root says, and what follows for where the identity key lives.
 *
 * @param now milliseconds since 1970
 */
export async function hardwareChecks(
  crypto: Crypto,
  blob: RegistrationBlob,
  evidence: Evidence,
  policy: Policy,
  now: number,
): Promise<readonly Check[]> {
  const { tpm, mda } = evidence.hardware ?? {};
  const identityKey = fromBase64OrNothing(blob.identity_key);
  const checks = [
    ...(tpm ? await ofTpm(crypto, blob, identityKey, tpm, evidence, policy, now) : []),
    ...(mda
      ? await mdaChecks(
          crypto,
          mda,
          { identityKey, serial: policy.ownSerial ?? blob.serial },
          { appleRoots: policy.roots?.appleEnterprise ?? [] },
          now,
        )
      : []),
  ];
  return [...checks, residency(checks, policy.activation === undefined)];
}

async function ofTpm(
  crypto: Crypto,
  blob: RegistrationBlob,
  identityKey: Uint8Array,
  tpm: TpmEvidence,
  { challenge, activation }: Evidence,
  policy: Policy,
  now: number,
): Promise<readonly Check[]> {
  const bound = {
    identityKey,
    hpkePublicKeys: blob.hpke_keys.map(({ public_key }) => fromBase64OrNothing(public_key)),
    nonce: challenge?.nonce ?? new Uint8Array(0),
    activationIsStated: policy.activation === undefined,
    activation:
      policy.activation ?? (await statedActivation(crypto, tpm, activation, policy.coordinatorKeys ?? new Map())),
  };
  const { roots, pcrs } = policy;
  return tpmChecks(crypto, tpm, challenge?.quote, bound, { tpmRoots: roots?.tpm ?? [], ...(pcrs && { pcrs }) }, now);
}

/** Said in so many words, so that nobody reads more into a level. */
function residency(checks: readonly Check[], isStated: boolean): Check {
  const id = "key.residency";
  return isResidencyShown(checks)
    ? pass(id, `in a TPM whose maker is known${isStated ? ", by the coordinator's word" : ""}`)
    : unknown(
        id,
        "nothing shows where the key is: whoever can read a key's file can be this machine",
        "A TPM of a known maker would show it.",
      );
}
