import * as z from "zod";
import { fromBase64OrNothing, toBase64, toHex } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { NoncePath } from "./caller-nonces.ts";
import { either } from "./check.ts";
import { isPseudonym } from "./serials.ts";
import { checkSchema, trustLevels, type Evidence, type MachinePolicy, type Verdict } from "./verdict.ts";
import { readBlob, verify } from "./verify.ts";

const base64 = z.base64();
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);

const evidenceSchema = z.object({
  platform: z.enum(["macos", "linux", "other"]),
  blob: base64.describe("The registration blob, the exact bytes that were signed"),
  signature: base64,
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
    })
    .optional()
    .describe("The latest challenge and its answer"),
});

/** One machine, as `GET /v1/providers/attestation` publishes it. */
export const attestationSchema = z.object({
  provider_id: z.string(),
  provider_serial: z
    .string()
    .nullable()
    .describe(
      "Its serial, or where the operator discloses that instead a pseudonym; what `provider_serial` in a request pins. Null where neither is disclosed",
    ),
  se_public_key: base64.describe("The uncompressed P-256 point, 65 bytes"),
  chip_name: z.string(),
  hardware_model: z.string(),
  models: z.array(z.string()).describe("Builds that it has loaded"),
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

export const attestationsSchema = z.object({ providers: z.array(attestationSchema) });
export type Attestations = z.infer<typeof attestationsSchema>;

export const publishedEvidence = (
  { blob, blobSignature, challenge }: Evidence,
  platform: Attestation["evidence"]["platform"],
  callersPath?: NoncePath,
): Attestation["evidence"] => ({
  platform,
  blob: toBase64(blob),
  signature: toBase64(blobSignature),
  ...(challenge && {
    challenge: {
      nonce: toBase64(challenge.nonce),
      callers_root: challenge.callersRoot,
      answer: toBase64(challenge.answer),
      signature: toBase64(challenge.signature),
      ...(callersPath && { callers_path: [...callersPath] }),
    },
  }),
});

export function evidenceFrom({ blob, signature, challenge }: Attestation["evidence"]): Evidence {
  return {
    blob: fromBase64OrNothing(blob),
    blobSignature: fromBase64OrNothing(signature),
    ...(challenge && {
      challenge: {
        nonce: fromBase64OrNothing(challenge.nonce),
        callersRoot: challenge.callers_root,
        answer: fromBase64OrNothing(challenge.answer),
        signature: fromBase64OrNothing(challenge.signature),
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
export function verifyPublished(
  crypto: Crypto,
  attestation: Attestation,
  { nonce, ...policy }: MachinePolicy & { readonly nonce?: Uint8Array },
  now: number,
): Verdict {
  const evidence = evidenceFrom(attestation.evidence);
  const path = attestation.evidence.challenge?.callers_path ?? [];
  const verdict = verify(
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
      "published.level",
      attestation.trust_level === verdict.level,
      `${verdict.level}, as was found here`,
      `the coordinator says ${attestation.trust_level}, and here it is ${verdict.level}`,
      "Believe the level that was found here.",
    ),
  ];
  return { ...verdict, checks: [...verdict.checks, ...published] };
}
