import { fromBase64Url, toBase64 } from "@darkbloom/protocol/bytes";
import {
  attestationsSchema,
  publishedEvidence,
  type Attestation,
  type Attestations,
  type Verdict,
} from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { suites, wellKnownSchema, type WellKnown } from "@darkbloom/protocol/wire";
import type { FastifyReply } from "fastify";
import * as z from "zod";
import type { PublishedMachine } from "../machines/ports.ts";
import type { KeyAtTimes } from "./access.ts";
import type { Door, Route } from "./door.ts";
import { LOG_PREFIX } from "./log.ts";
import { sendOpen } from "./open-answer.ts";

const attestationQuery = z.object({
  nonce: z
    .string()
    .regex(/^[A-Za-z0-9+/_-]{43}=?$/)
    .optional()
    .describe(
      "32 random bytes of yours in base64 or base64url. They go into a challenge that every machine answers now; needs a key, and takes up to 40 seconds",
    ),
});

/** Each one makes every machine sign, so that it is not for everybody. */
const withNonce: KeyAtTimes = {
  needsKey: ({ query }) => typeof query === "object" && query !== null && "nonce" in query,
  who: "everybody; with a nonce, an API key",
};

/** `GET /v1/providers/attestation`: every machine's evidence itself, and what followed from it. */
export const listAttestations = (door: Door): Route => ({
  schema: {
    summary: "What every connected machine shows of itself, and the verdict on it",
    description:
      "`blob` and `answer` hold the very bytes that the signatures are over, so anybody can verify them: `darkbloom verify providers` does.",
    tags: ["trust"],
    querystring: attestationQuery,
    response: { 200: attestationsSchema },
  },
  config: { access: withNonce, limit: "rate", fails: ["body_invalid", "overloaded"] },
  handler: async (request, reply): Promise<Attestations | FastifyReply> => {
    const now = () => door.deps.clock.now();
    const query = attestationQuery.safeParse(request.query);
    if (!query.success)
      throw new NetworkError({
        code: "body_invalid",
        param: "nonce" as ParamPath,
        expected: ourWords`expected 32 bytes in base64 or base64url`,
      });
    const { nonce } = query.data;
    if (nonce === undefined) {
      const text = door.deps.fleet.published().map((shown) => spelledAttestation(shown, now()));
      const body = Buffer.from(`{"providers":[${text.join(",")}]}`);
      return sendOpen(door, request, reply, body, { "content-type": "application/json; charset=utf-8" });
    }
    const proven = await door.deps.fleet.prove(
      fromBase64Url(nonce.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")),
    );
    return { providers: proven.map((shown) => attestationOf(shown, now())) };
  },
});

const AGE = '"age_sec":';

/** By its verdict, since that is another whenever what a machine shows is: what was spelled, up to the verdict's age. */
const spelled = new WeakMap<Verdict, { readonly of: PublishedMachine; readonly text: string }>();

/** As JSON. To spell it anew whenever somebody asks, a tenth of a second for a thousand machines, would let anybody stop a coordinator. */
function spelledAttestation(shown: PublishedMachine, now: number): string {
  const { verdict } = shown.machine;
  const known = spelled.get(verdict);
  if (known && isShownAlike(known.of, shown)) return `${known.text}${AGE}${ageSec(verdict, now)}}}`;
  const whole = JSON.stringify(attestationOf(shown, now));
  const text = whole.slice(0, whole.lastIndexOf(AGE));
  spelled.set(verdict, { of: shown, text });
  return `${text}${AGE}${ageSec(verdict, now)}}}`;
}

const isShownAlike = (one: PublishedMachine, other: PublishedMachine): boolean =>
  one.machine.providerId === other.machine.providerId &&
  one.machine.evidenceSha256 === other.machine.evidenceSha256 &&
  one.evidence.challenge?.answer === other.evidence.challenge?.answer;

const ageSec = ({ at }: Verdict, now: number): number => Math.max(0, Math.round((now - Date.parse(at)) / 1000));

function attestationOf({ machine, evidence, path }: PublishedMachine, now: number): Attestation {
  const { verdict } = machine;
  return {
    provider_id: machine.providerId,
    provider_serial: machine.toldSerial ?? null,
    se_public_key: machine.identityKey,
    chip_name: machine.chipName,
    hardware_model: machine.hardwareModel,
    models: machine.models.map(({ build }) => build),
    trust_level: verdict.level,
    evidence_sha256: machine.evidenceSha256,
    evidence: publishedEvidence(evidence, machine.platform, path),
    verdict: {
      level: verdict.level,
      checks: [...verdict.checks],
      at: verdict.at,
      // The last one: see above.
      age_sec: ageSec(verdict, now),
    },
  };
}

/** `GET /.well-known/darkbloom`: what a verifier pins. */
export const showWellKnown = (door: Door): Route => ({
  schema: {
    summary: "The keys that countersign receipts and sign the log, and what this coordinator can do",
    tags: ["trust"],
    response: { 200: wellKnownSchema },
  },
  config: { access: "open", limit: "rate" },
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
