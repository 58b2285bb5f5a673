import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import { dialects, failureOfRefusal, type Job } from "@darkbloom/protocol/dialects";
import { failures, type Failure } from "@darkbloom/protocol/failures";
import type { RequestId } from "@darkbloom/protocol/ids";
import {
  readSealHeader,
  signCannotOpen,
  writeAnswerTail,
  writeEnvelope,
  type PrivateFields,
  type SealHeader,
} from "@darkbloom/protocol/sealing";
import type { FromProvider, InferenceRequest } from "@darkbloom/protocol/wire";
import type { EngineRefusal } from "../language/refusal.ts";
import type { AnswerNet } from "./net.ts";
import type { TailOf } from "./outgoing.ts";

/** What is told to whoever sealed a request, past everybody between. */

type Refusal = Extract<FromProvider, { type: "inference_error" }>;

/** The last frame of an answer: all by which others could guess what was asked and said. Undefined where it was not sealed. */
export const tailFor = (net: AnswerNet, { mode }: SealHeader, told: PrivateFields): TailOf | undefined =>
  mode === "sealed"
    ? async (bodySha256) =>
        writeAnswerTail({
          v: 1,
          kind: "answer",
          ...told,
          response_sha256: toHex(bodySha256),
          response_signature: toBase64(await net.signer.signResponseHash(bodySha256)),
        })
    : undefined;

/** A refusal of ours, as the coordinator would tell it of a request that it can read. */
export const refusalTail = (
  { endpoint }: SealHeader,
  failure: Failure,
  request: InferenceRequest,
): Uint8Array<ArrayBuffer> =>
  writeAnswerTail({
    v: 1,
    kind: "refusal",
    status: failures[failure.code].status,
    body: dialects[endpoint].errorBody(failure, request.caller_request_id as RequestId),
  });

/** What the model cannot begin with. */
export const failureOf = (
  { engine }: AnswerNet,
  job: Pick<Job, "endpoint" | "formatParam">,
  { code, promptTokens = 0 }: EngineRefusal,
): Failure => {
  const { contextTokens } = engine.model;
  return failureOfRefusal(code, job, { contextTokens, promptTokens: Math.max(promptTokens, contextTokens) });
};

/** That it cannot be opened is signed, where its caller sealed it: so that nobody else can say so. */
export async function signedCannotOpen(
  net: AnswerNet,
  { job_id, envelope }: InferenceRequest,
): Promise<Pick<Refusal, "statement" | "statement_signature">> {
  if (readSealHeader(envelope.hdr)?.mode !== "sealed") return {};
  const { crypto, clock, signer, providerId } = net;
  const { statement, signature } = await signCannotOpen(signer, {
    v: 1,
    job_id,
    request_sha256: toHex(crypto.sha256(writeEnvelope(envelope))),
    provider_id: providerId,
    identity_key: toBase64(signer.publicKey),
    at: new Date(clock.now()).toISOString(),
  });
  return { statement, statement_signature: signature };
}
