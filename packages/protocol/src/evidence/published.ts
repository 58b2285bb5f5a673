import * as z from "zod";
import { fromBase64OrNothing, toBase64, toHex } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { NoncePath } from "./caller-nonces.ts";
import { either, unknown } from "./check.ts";
import { hardwareEvidenceFrom, hardwareEvidenceSchema, spelledHardwareEvidence } from "./hardware-evidence.ts";
import { isUndecided } from "./levels.ts";
import { isPseudonym } from "./serials.ts";
import { spelledTpmQuote, tpmQuoteFrom, tpmQuoteSchema, type TpmQuote } from "./tpm-evidence.ts";
import { trustLevels, type Evidence, type MachinePolicy, type TrustLevel, type Verdict } from "./verdict.ts";
import { checkSchema, type Check } from "./check.ts";
import { readBlob, readOffer, verify } from "./verify.ts";
import { shortText, type RegistrationBlob } from "../wire/registration.ts";

const base64 = z.base64();
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);

const evidenceSchema = z.object({
  platform: z.enum(["macos", "linux", "other"]),
  blob: base64.describe("The registration blob, the exact bytes that were signed"),
  signature: base64,
  offer: base64.describe(
    "What the machine can be asked for (slots, builds, weights), the exact bytes that were signed",
  ),
  offer_signature: base64,
  challenge: z
    .object({
      nonce: base64,
      callers_root: hex64.nullable().describe("Merkle root (RFC 6962 §2.1) of callers' nonces"),
      answer: base64.describe("The signed bytes"),
      signature: base64,
      callers_path: z
        .array(z.object({ side: z.enum(["left", "right"]), sha256: hex64 }))
        .optional()
        .describe("From the nonce that was sent with `?nonce=` to `callers_root`; absent where it is not in there"),
      quote: tpmQuoteSchema.optional().describe("TPM2_Quote over the nonce and the machine's keys; without the log"),
    })
    .optional()
    .describe("The latest challenge and its answer"),
  hardware: hardwareEvidenceSchema.optional(),
  activation: z
    .object({ statement: base64, signature: base64, key_id: z.string() })
    .optional()
    .describe(
      "The coordinator's signed word that the TPM opened its credential: the signed bytes, Ed25519, and the key's id",
    ),
});

/** One machine, as `GET /v1/providers/attestation` publishes it. */
export const attestationSchema = z.object({
  provider_id: shortText,
  provider_serial: shortText
    .nullable()
    .describe(
      "Its serial, or where the operator discloses that instead a pseudonym; what `provider_serial` in a request pins. Null where neither is disclosed",
    ),
  se_public_key: base64.describe("The uncompressed P-256 point, 65 bytes"),
  chip_name: shortText,
  hardware_model: shortText,
  models: z.array(shortText).describe("Builds that it has loaded"),
  trust_level: z.enum(trustLevels),
  evidence_sha256: hex64.describe("Names this evidence in receipts"),
  evidence: evidenceSchema,
  verdict: z.object({
    level: z.enum(trustLevels),
    checks: z.array(checkSchema),
    at: z.iso.datetime(),
    age_sec: z.int().nonnegative().describe("Since the verdict was reached"),
  }),
});
export type Attestation = z.infer<typeof attestationSchema>;

export const attestationsSchema = z.object({
  model: z
    .object({
      id: z.string().describe("Its own, where an alias was asked for"),
      build: z.string(),
      weights_sha256: hex64,
      context_length: z.int(),
      max_output_length: z.int().describe("Tokens of one answer; 0 of a model that writes none"),
    })
    .optional()
    .describe("With `?model=`: what to name in the clear fields of a sealed request"),
  providers: z.array(attestationSchema),
});
export type Attestations = z.infer<typeof attestationsSchema>;

export const publishedEvidence = (
  { blob, blobSignature, offer, offerSignature, challenge, hardware, activation }: Evidence,
  platform: Attestation["evidence"]["platform"],
  callersPath?: NoncePath,
): Attestation["evidence"] => ({
  platform,
  blob: toBase64(blob),
  signature: toBase64(blobSignature),
  offer: toBase64(offer),
  offer_signature: toBase64(offerSignature),
  ...(challenge && {
    challenge: {
      nonce: toBase64(challenge.nonce),
      callers_root: challenge.callersRoot,
      answer: toBase64(challenge.answer),
      signature: toBase64(challenge.signature),
      ...(callersPath && { callers_path: [...callersPath] }),
      ...(challenge.quote && { quote: spelledTpmQuote(withoutLog(challenge.quote)) }),
    },
  }),
  ...(hardware && { hardware: spelledHardwareEvidence(hardware) }),
  ...(activation && {
    activation: {
      statement: toBase64(activation.statement),
      signature: toBase64(activation.signature),
      key_id: activation.keyId,
    },
  }),
});

/** The firmware's log is as large as all the rest of a network, and names what is in the machine. */
const withoutLog = ({ attest, signature, pcrs }: TpmQuote): TpmQuote => ({ attest, signature, pcrs });

export function evidenceFrom(published: Attestation["evidence"]): Evidence {
  const { blob, signature, offer, offer_signature, challenge, hardware, activation } = published;
  return {
    blob: fromBase64OrNothing(blob),
    blobSignature: fromBase64OrNothing(signature),
    offer: fromBase64OrNothing(offer),
    offerSignature: fromBase64OrNothing(offer_signature),
    ...(challenge && {
      challenge: {
        nonce: fromBase64OrNothing(challenge.nonce),
        callersRoot: challenge.callers_root,
        answer: fromBase64OrNothing(challenge.answer),
        signature: fromBase64OrNothing(challenge.signature),
        ...(challenge.quote && { quote: tpmQuoteFrom(challenge.quote) }),
      },
    }),
    ...(hardware && { hardware: hardwareEvidenceFrom(hardware) }),
    ...(activation && {
      activation: {
        statement: fromBase64OrNothing(activation.statement),
        signature: fromBase64OrNothing(activation.signature),
        keyId: activation.key_id,
      },
    }),
  };
}

/**
 * The verdict that anyone reaches on a published machine from its evidence alone, whatever the
 * coordinator says that it found; and whether what is told beside the evidence is what the evidence says.
 *
 * @param nonce the caller's own, where one was sent along: 32 bytes
 * @param now milliseconds since 1970
 */
export async function verifyPublished(
  crypto: Crypto,
  attestation: Attestation,
  { nonce, ...policy }: MachinePolicy & { readonly nonce?: Uint8Array },
  now: number,
): Promise<Verdict> {
  const evidence = evidenceFrom(attestation.evidence);
  const path = attestation.evidence.challenge?.callers_path ?? [];
  const verdict = await verify(
    crypto,
    evidence,
    { ...policy, moment: "later", ...(nonce && { callerNonce: { nonce, path } }) },
    now,
  );
  const blob = readBlob(evidence.blob);
  const published = [
    either(
      "published.digest",
      attestation.evidence_sha256 === toHex(crypto.sha256(evidence.blob)),
      "names this evidence",
      "names other evidence than is shown",
      "Ask the coordinator's operator: receipts name evidence that is not published.",
    ),
    either(
      "published.machine",
      blob !== undefined &&
        attestation.se_public_key === blob.identity_key &&
        (attestation.provider_serial === blob.serial ||
          (attestation.provider_serial === null && isPseudonym(blob.serial))) &&
        attestation.chip_name === blob.chip_name &&
        attestation.hardware_model === blob.hardware_model,
      "key, serial and machine as the signed blob says",
      "key, serial or machine differ from the signed blob",
      "Believe the signed blob, and ask the coordinator's operator.",
    ),
    either(
      "published.models",
      JSON.stringify(attestation.models) ===
        JSON.stringify(readOffer(evidence.offer)?.models.map(({ build }) => build)),
      "the builds of the signed offer",
      "other builds than the signed offer has",
      "Believe the signed offer, and ask the coordinator's operator.",
    ),
    levelCheck(attestation.trust_level, verdict, blob),
  ];
  return { ...verdict, checks: [...verdict.checks, ...published] };
}

function levelCheck(told: TrustLevel, { level, checks }: Verdict, blob: RegistrationBlob | undefined): Check {
  const id = "published.level";
  const differs = `the coordinator says ${told}, and here it is ${level}`;
  if (blob && told !== level && isUndecided(told, checks, blob.platform))
    return unknown(
      id,
      `${differs}: not everything could be checked`,
      "Give the makers' roots, and see the checks that read unknown.",
    );
  return either(id, told === level, `${level}, as was found here`, differs, "Believe the level that was found here.");
}
