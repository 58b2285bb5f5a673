import { fromBase64Url, toBase64 } from "@darkbloom/protocol/bytes";
import { MODEL_CHARS_MAX } from "@darkbloom/protocol/dialects";
import { attestationsSchema, type Attestations } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { suites, wellKnownSchema, type WellKnown } from "@darkbloom/protocol/wire";
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { PINNED_SERIALS_MAX } from "@darkbloom/protocol/limits";
import { isOwn, isSeen } from "../machines/eligibility.ts";
import type { PublishedMachine } from "../machines/ports.ts";
import { callerOf, type KeyAtTimes } from "./access.ts";
import { attestationOf, spelledAttestations } from "./attestation.ts";
import { candidatesText, wantFrom } from "./candidates.ts";
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
  model: z
    .string()
    .max(MODEL_CHARS_MAX)
    .optional()
    .describe(
      "Only machines that may serve this model now, those with a free slot first, at most 16: to whom a request may be sealed. The answer's `model` has what its clear fields name",
    ),
  min_trust: z
    .enum(["self_signed", "hardware"])
    .optional()
    .describe("With `model`: the lowest trust level of a machine"),
  own: z
    .literal("true")
    .optional()
    .describe(
      "Only machines of your account, those that serve you alone among them; needs a key. For a request with `x-darkbloom-route: self`",
    ),
  serial: z
    .union([z.string(), z.array(z.string()).max(PINNED_SERIALS_MAX)])
    .optional()
    .describe("With `model`: only these machines"),
});

/** A nonce makes every machine sign, so that it is not for everybody; and whose one's own machines are has to be known. */
const withNonce: KeyAtTimes = {
  needsKey: ({ query }) => typeof query === "object" && query !== null && ("nonce" in query || "own" in query),
  who: "everybody; with a nonce, or for one's own machines, an API key or a session",
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
        param: String(query.error.issues[0]?.path[0]) as ParamPath,
        expected: ourWords`a nonce is 32 bytes in base64 or base64url, min_trust self_signed or hardware, model and serial names`,
      });
    const { nonce, own, model, min_trust, serial } = query.data;
    const account = own && callerOf(request).account;
    const isListed = ({ machine }: PublishedMachine): boolean =>
      account === undefined ? isSeen(machine) : isOwn({ account }, machine);
    if (nonce === undefined) {
      const { fleet } = door.deps;
      const wanted = () => ({
        ...wantFrom(door.deps, model ?? "", min_trust, serial),
        account,
        route: own && ("self" as const),
      });
      const text =
        model === undefined
          ? `{"providers":[${spelledAttestations(fleet.published().filter(isListed), now())}]}`
          : candidatesText(door.deps, wanted());
      const body = Buffer.from(text);
      return sendOpen(door, request, reply, body, { "content-type": "application/json; charset=utf-8" });
    }
    const proven = await door.deps.fleet.prove(
      fromBase64Url(nonce.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")),
    );
    return { providers: proven.filter(isListed).map((shown) => attestationOf(shown, now())) };
  },
});

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
    // Where chains are withheld nobody outside reaches `hardware`, which a caller wants who seals.
    modes: door.deps.serials.areShown ? ["transparent", "sealed"] : ["transparent"],
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
