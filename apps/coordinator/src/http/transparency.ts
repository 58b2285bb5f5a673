import {
  attestationsSchema,
  fromBase64Url,
  NetworkError,
  ourWords,
  publishedEvidence,
  suites,
  toBase64,
  wellKnownSchema,
  type Attestation,
  type Attestations,
  type NoncePath,
  type ParamPath,
  type WellKnown,
} from "@darkbloom/protocol";
import * as z from "zod";
import type { ProviderView } from "../fleet/view.ts";
import { admit } from "./caller.ts";
import { failureResponses, keyedFailures, type Door, type Route } from "./door.ts";
import { LOG_PREFIX } from "./log.ts";

const attestationQuery = z.object({
  nonce: z
    .string()
    .regex(/^[A-Za-z0-9+/_-]{43}=?$/)
    .optional()
    .describe(
      "32 random bytes of yours in base64 or base64url. They go into a challenge that every machine answers now; needs a key, and takes up to 40 seconds",
    ),
});

/** `GET /v1/providers/attestation`: every machine's evidence itself, and what followed from it. */
export const listAttestations = (door: Door): Route => ({
  schema: {
    summary: "What every connected machine shows of itself, and the verdict on it",
    description:
      "`blob` and `answer` hold the very bytes that the signatures are over, so anybody can verify them: `darkbloom verify providers` does.",
    tags: ["trust"],
    querystring: attestationQuery,
    response: { 200: attestationsSchema, ...failureResponses([...keyedFailures, "body_invalid", "overloaded"]) },
  },
  handler: async (request, reply): Promise<Attestations> => {
    const now = () => door.deps.clock.now();
    const query = attestationQuery.safeParse(request.query);
    if (!query.success)
      throw new NetworkError({
        code: "body_invalid",
        param: "nonce" as ParamPath,
        expected: ourWords`expected 32 bytes in base64 or base64url`,
      });
    const { nonce } = query.data;
    if (nonce === undefined)
      return { providers: door.deps.fleet.providers().map((provider) => attestationOf(provider, now())) };
    // Each one makes every machine sign, so that it is not for everybody.
    await admit(door, request.headers, reply);
    const proven = await door.deps.fleet.prove(
      fromBase64Url(nonce.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")),
    );
    return { providers: proven.map(({ provider, path }) => attestationOf(provider, now(), path)) };
  },
});

function attestationOf(provider: ProviderView, now: number, callersPath?: NoncePath): Attestation {
  const { verdict } = provider;
  return {
    provider_id: provider.providerId,
    provider_serial: provider.toldSerial ?? null,
    se_public_key: provider.identityKey,
    chip_name: provider.chipName,
    hardware_model: provider.hardwareModel,
    models: provider.models.map(({ build }) => build),
    trust_level: verdict.level,
    evidence_sha256: provider.evidenceSha256,
    evidence: publishedEvidence(provider.evidence, provider.platform, callersPath),
    verdict: {
      level: verdict.level,
      checks: [...verdict.checks],
      at: verdict.at,
      age_sec: Math.max(0, Math.round((now - Date.parse(verdict.at)) / 1000)),
    },
  };
}

/** `GET /.well-known/darkbloom`: what a verifier pins. */
export const showWellKnown = (door: Door): Route => ({
  schema: {
    summary: "The keys that countersign receipts and sign the log, and what this coordinator can do",
    tags: ["trust"],
    response: { 200: wellKnownSchema, ...failureResponses([]) },
  },
  handler: async (): Promise<WellKnown> => ({
    coordinator_keys: door.deps.coordinatorKeys.map(({ id, publicKey }) => ({
      id,
      algorithm: "Ed25519",
      public_key: toBase64(publicKey),
    })),
    modes: ["transparent"],
    suites: [...suites],
    ...(door.deps.log && {
      log: {
        origin: door.deps.log.origin,
        path: LOG_PREFIX,
        verifier_key: door.deps.log.verifierKey,
        witnesses: [...door.deps.log.witnesses],
      },
    }),
  }),
});
