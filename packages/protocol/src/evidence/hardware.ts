import { fromBase64OrNothing } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { RegistrationBlob } from "../wire/registration.ts";
import { statedActivation } from "./activation.ts";
import { mdaChecks } from "./apple-mda.ts";
import { pass, unknown } from "./check.ts";
import { isResidencyShown } from "./levels.ts";
import type { TpmEvidence } from "./tpm-evidence.ts";
import { tpmChecks } from "./tpm.ts";
import type { Evidence, Policy } from "./verdict.ts";
import type { Check } from "./check.ts";

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
