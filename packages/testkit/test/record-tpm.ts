import { toBase64 } from "@darkbloom/protocol/bytes";
import { spelledTpmEvidence, spelledTpmQuote, tpmQuoteData } from "@darkbloom/protocol/evidence";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { digestOf, eventLog, sampleEvents } from "../../protocol/test/event-log.ts";
import { pointOf, tpmHpkeKeys, tpmNonce, type RecordedTpm } from "../../protocol/test/tpm-vectors.ts";
import { SoftTpm } from "../../../apps/provider/test/soft-tpm.ts";
import { extendPcr, produceEvidence, produceQuote, type KeyKind } from "./tpm-evidence.ts";

/** Starts the machine of the sample log, as far as a TPM notices. */
export async function startMachine(tpm: SoftTpm): Promise<Uint8Array<ArrayBuffer>> {
  const NO_ACTION = 3;
  for (const event of sampleEvents) if (event.type !== NO_ACTION) await extendPcr(tpm, event.pcr, digestOf(event));
  return eventLog(sampleEvents);
}

/** One TPM's evidence, for machines that have none. */
export async function recordTpm(attestationKey: KeyKind): Promise<RecordedTpm> {
  await using tpm = await SoftTpm.start();
  const log = await startMachine(tpm);
  const evidence = await produceEvidence(tpm, attestationKey);
  const identityKey = pointOf(evidence.keyPublic);
  const asked = tpmQuoteData(nodeCrypto, { identityKey, hpkePublicKeys: tpmHpkeKeys, nonce: tpmNonce });
  const quote = await produceQuote(tpm, asked);
  return {
    attestation_key: attestationKey,
    ek_roots: [toBase64(tpm.rootDer)],
    ...spelledTpmEvidence(evidence),
    quote: spelledTpmQuote({ ...quote, eventLog: log }),
  };
}
