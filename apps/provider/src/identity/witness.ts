import { tpmQuoteData, type HardwareEvidence, type MdaEvidence } from "@darkbloom/protocol/evidence";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { ProviderEvents } from "../events/events.ts";
import type { Witness } from "../session/witness.ts";
import { TpmError } from "./tpm/tpm-error.ts";
import type { TpmKey } from "./tpm/tpm-key.ts";

type Events = Pick<ProviderEvents, "chipFailed">;

/**
 * Gathers what the machine's chip and its maker say of the identity key. It takes as long as making an endorsement
 * key, up to some seconds on a chip; so once, at the start.
 *
 * A chip that does not answer costs the `hardware` level and nothing else.
 */
export async function openWitness(
  tpm: TpmKey | undefined,
  mda: MdaEvidence | undefined,
  events: Events,
): Promise<Witness | undefined> {
  const ofTpm = tpm && (await tried(events, "evidence", () => tpm.evidence()));
  if (!ofTpm && !mda) return undefined;
  const evidence: HardwareEvidence = { ...(ofTpm && { tpm: ofTpm }), ...(mda && { mda }) };
  return {
    evidence,
    async testify(subject, credential) {
      if (!tpm || !ofTpm) return {};
      const quote = await tried(events, "quote", () => tpm.quote(tpmQuoteData(nodeCrypto, subject)));
      const secret = credential && (await tried(events, "credential", () => tpm.activate(credential)));
      return { ...(quote && { quote }), ...(secret && { secret }) };
    },
  };
}

async function tried<T>(
  events: Events,
  step: Parameters<Events["chipFailed"]>[0]["step"],
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof TpmError)) throw error;
    events.chipFailed({ step, fault: error.code });
    return undefined;
  }
}
