import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import {
  attestationSchema,
  publishedEvidence,
  signBlob,
  signChallengeAnswer,
  type Attestation,
} from "@darkbloom/protocol/evidence";
import { CHALLENGE_EVERY_MS } from "@darkbloom/protocol/limits";
import type { SharedSecret } from "@darkbloom/protocol/sealing";
import { webCrypto } from "@darkbloom/protocol/web";
import type { Offer, RegistrationBlob } from "@darkbloom/protocol/wire";
import { secretNamed } from "../../protocol/test/keys.ts";
import {
  challengeNonce,
  sampleAnswer,
  sampleBlob,
  sampleOffer,
  sampleReceipt,
  signedOffer,
  signer,
  startMs,
  timeAt,
} from "../../protocol/test/samples.ts";

/** Said of a receipt that nobody checks the signatures of. */
export const receiptDocument = {
  receipt: sampleReceipt(),
  provider_signature: "QUJD",
  coordinator_signature: "REVG",
  coordinator_key_id: "key-1",
  countersigned_at: timeAt(startMs),
};

/** What a caller and the machine that opened its request share. */
export const sharedSecret: SharedSecret = {
  secret: secretNamed("response secret"),
  enc: secretNamed("enc"),
  commitmentKeys: () => ({ request: secretNamed("a"), response: secretNamed("b"), private: secretNamed("c") }),
};

/** When the sample machine answered its challenge. */
export const answeredMs = startMs + CHALLENGE_EVERY_MS;

interface Said {
  readonly blob?: Partial<RegistrationBlob>;
  readonly offer?: Partial<Offer>;
  /** What its answer to the challenge says otherwise. */
  readonly answer?: object;
  /** What the coordinator says of it otherwise. */
  readonly told?: Partial<Attestation>;
}

/** A machine as a coordinator publishes it, all of it truly signed. */
export async function publishedMachine({ blob, offer, answer, told }: Said = {}): Promise<Attestation> {
  const said = { ...sampleBlob(), ...blob };
  const signed = await signBlob(signer, said);
  const offered = await signedOffer(offer);
  const { bytes, signature } = await signChallengeAnswer(signer, {
    ...sampleAnswer(
      signed.bytes,
      said.hpke_keys.map(({ id }) => id),
    ),
    offer_sha256: toHex(webCrypto.sha256(offered.offer)),
    ...answer,
  });
  const challenge = { nonce: challengeNonce, callersRoot: null, answer: bytes, signature };
  const models = offer?.models ?? sampleOffer.models;
  return attestationSchema.parse({
    provider_id: "prov_0",
    provider_serial: said.serial,
    se_public_key: toBase64(signer.publicKey),
    chip_name: said.chip_name,
    hardware_model: said.hardware_model,
    models: models.map(({ build }) => build),
    trust_level: "self_signed",
    evidence_sha256: toHex(webCrypto.sha256(signed.bytes)),
    evidence: publishedEvidence(
      { blob: signed.bytes, blobSignature: signed.signature, ...offered, challenge },
      said.platform,
    ),
    verdict: { level: "self_signed", checks: [], at: timeAt(answeredMs), age_sec: 0 },
    ...told,
  });
}
