import { NetworkError, ourWords, suites, toBase64, trustLevels, type ParamPath } from "@darkbloom/protocol";
import * as z from "zod";
import type { ProviderView } from "../fleet/view.ts";
import { failureResponses, type Door, type Route } from "./door.ts";

const base64 = z.base64();

const attestation = z.object({
  provider_id: z.string(),
  provider_serial: z.string().describe("As its operator discloses it; what `provider_serial` in a request pins"),
  se_public_key: base64.describe("The uncompressed P-256 point, 65 bytes"),
  chip_name: z.string(),
  hardware_model: z.string(),
  models: z.array(z.string()).describe("Builds that it has loaded"),
  trust_level: z.enum(trustLevels),
  evidence_sha256: z.string().describe("Names this evidence in receipts"),
  evidence: z.object({
    platform: z.enum(["macos", "linux", "other"]),
    blob: base64.describe("The registration blob, the exact bytes that were signed"),
    signature: base64,
    challenge: z
      .object({ nonce: base64, callers_root: z.string().nullable(), answer: base64, signature: base64 })
      .optional()
      .describe("The latest challenge and the signed bytes of its answer"),
  }),
  verdict: z.object({
    level: z.enum(trustLevels),
    checks: z.array(
      z.object({ id: z.string(), status: z.enum(["pass", "fail", "unknown"]), seen: z.string(), remedy: z.string() }),
    ),
    at: z.string(),
  }),
});
const attestations = z.object({ providers: z.array(attestation) });
const attestationQuery = z.object({ nonce: z.never().optional() });

/** `GET /v1/providers/attestation`: every machine's evidence itself, and what followed from it. */
export const listAttestations = ({ deps }: Door): Route => ({
  schema: {
    summary: "What every connected machine shows of itself, and the verdict on it",
    description: "`blob` holds the very bytes that `signature` is over, so anybody can verify them.",
    tags: ["trust"],
    response: { 200: attestations, ...failureResponses(["unsupported"]) },
  },
  handler: async (request): Promise<z.infer<typeof attestations>> => {
    if (!attestationQuery.safeParse(request.query).success)
      throw new NetworkError({
        code: "unsupported",
        param: "nonce" as ParamPath,
        reason: ourWords`challenges of this coordinator carry no nonces of callers; each has a random one of its own`,
      });
    return { providers: deps.fleet.providers().map(attestationOf) };
  },
});

function attestationOf(provider: ProviderView): z.infer<typeof attestation> {
  const { evidence, verdict } = provider;
  return {
    provider_id: provider.providerId,
    provider_serial: provider.serial,
    se_public_key: provider.identityKey,
    chip_name: provider.chipName,
    hardware_model: provider.hardwareModel,
    models: provider.models.map(({ build }) => build),
    trust_level: verdict.level,
    evidence_sha256: provider.evidenceSha256,
    evidence: {
      platform: provider.platform,
      blob: toBase64(evidence.blob),
      signature: toBase64(evidence.blobSignature),
      ...(evidence.challenge && {
        challenge: {
          nonce: toBase64(evidence.challenge.nonce),
          callers_root: evidence.challenge.callersRoot,
          answer: toBase64(evidence.challenge.answer),
          signature: toBase64(evidence.challenge.signature),
        },
      }),
    },
    verdict: { level: verdict.level, checks: [...verdict.checks], at: verdict.at },
  };
}

const wellKnown = z.object({
  coordinator_keys: z.array(z.object({ id: z.string(), algorithm: z.literal("Ed25519"), public_key: base64 })),
  modes: z.array(z.enum(["transparent", "sealed"])),
  suites: z.array(z.string()),
});

/** `GET /.well-known/darkbloom`: what a verifier pins. */
export const showWellKnown = ({ deps }: Door): Route => ({
  schema: {
    summary: "The keys that countersign receipts, and what this coordinator can do",
    tags: ["trust"],
    response: { 200: wellKnown, ...failureResponses([]) },
  },
  handler: async (): Promise<z.infer<typeof wellKnown>> => ({
    coordinator_keys: deps.coordinatorKeys.map(({ id, publicKey }) => ({
      id,
      algorithm: "Ed25519",
      public_key: toBase64(publicKey),
    })),
    modes: ["transparent"],
    suites: [...suites],
  }),
});
