import { toBase64, toHex, tpmQuoteData } from "@darkbloom/protocol";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { digestOf, eventLog, sampleEvents } from "../../protocol/test/event-log.ts";
import { pointOf, tpmHpkeKeys, tpmNonce, type RecordedTpm } from "../../protocol/test/tpm-vectors.ts";
import { SoftTpm } from "../src/index.ts";
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
  const { certify } = evidence;
  return {
    attestation_key: attestationKey,
    ek_roots: [toBase64(tpm.ekRootDer())],
    ek_certificates: evidence.ekCertificates.map(toBase64),
    ek_public: toBase64(evidence.ekPublic),
    ak_public: toBase64(evidence.akPublic),
    key_public: toBase64(evidence.keyPublic),
    certify: { attest: toBase64(certify.attest), signature: toBase64(certify.signature) },
    quote: {
      attest: toBase64(quote.attest),
      signature: toBase64(quote.signature),
      pcrs: quote.pcrs.map(({ index, sha256 }) => ({ index, sha256: toHex(sha256) })),
      event_log: toBase64(log),
    },
  };
}
