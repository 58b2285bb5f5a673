import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import type { Finish, FinishReason, Job } from "@darkbloom/protocol/dialects";
import type { Usage } from "@darkbloom/protocol/money";
import { signReceipt, type Commitments, type Receipt } from "@darkbloom/protocol/receipts";
import { commitmentsOf, writeEnvelope, type Opened, type PrivateFields } from "@darkbloom/protocol/sealing";
import type { FromProvider, InferenceRequest } from "@darkbloom/protocol/wire";
import type { AnswerNet } from "./net.ts";
import type { Generation } from "./engine.ts";
import type { Hashes } from "./outgoing.ts";

/** What was told, as the receipt will say it. */
export interface Told {
  readonly hashes: Hashes;
  /** One for each choice; none where the model did not run. */
  readonly finishes: readonly Finish[];
  readonly usage: Usage;
  /** Absent where nothing was drawn. */
  readonly generation?: Generation;
  readonly startedAt: number;
}

/** Signs the receipt, and the hash where no last frame has that signature. */
export async function closing(
  net: AnswerNet,
  request: InferenceRequest,
  opened: Extract<Opened, { body: unknown }>,
  job: Job,
  told: Told,
): Promise<Extract<FromProvider, { type: "inference_complete" }>> {
  const { engine, signer, clock, providerId } = net;
  const { header, evidenceSha256 } = opened;
  const receipt: Receipt = {
    v: 1,
    job_id: request.job_id,
    request_id: request.caller_request_id,
    privacy: header.mode,
    endpoint: header.endpoint,
    model: job.model,
    build: engine.model.build,
    weights_sha256: engine.model.weightsSha256,
    engine: { name: engine.name, version: engine.version },
    ...(header.mode === "sealed" ? sealedPart(net, request, opened, job, told) : clearPart(net, opened, job, told)),
    nonce: header.nonce,
    usage: {
      prompt_tokens: told.usage.promptTokens,
      cached_tokens: told.usage.cachedTokens,
      completion_tokens: told.usage.completionTokens,
      reasoning_tokens: told.usage.reasoningTokens,
    },
    provider_id: providerId,
    identity_key: toBase64(signer.publicKey),
    evidence_sha256: evidenceSha256,
    started_at: new Date(told.startedAt).toISOString(),
    // A clock that was set back in the meantime does not end it before its start.
    finished_at: new Date(Math.max(told.startedAt, clock.now())).toISOString(),
  };
  const [signed, responseSignature] = await Promise.all([
    signReceipt(signer, receipt),
    header.mode === "sealed" ? undefined : signer.signResponseHash(told.hashes.body),
  ]);
  return {
    type: "inference_complete",
    job_id: request.job_id,
    receipt: signed.jcs,
    receipt_signature: signed.signature,
    ...(responseSignature && { response_signature: toBase64(responseSignature) }),
  };
}

type OpenedRequest = Extract<Opened, { body: unknown }>;

/** Hashes of what the caller sent and received, and how it was drawn. */
const clearPart = (
  { crypto }: AnswerNet,
  { body }: OpenedRequest,
  { choices }: Job,
  { hashes, generation, finishes }: Told,
): Pick<Receipt, "request_sha256" | "response_sha256" | keyof PrivateFields> => ({
  request_sha256: toHex(crypto.sha256(body)),
  response_sha256: toHex(hashes.body),
  ...privateFieldsOf(generation, choices, finishes),
});

/** Of what everybody saw the hashes; of what only its caller did, commitments. */
function sealedPart(
  net: AnswerNet,
  { envelope }: InferenceRequest,
  { body, keyId, secret }: OpenedRequest,
  { choices }: Job,
  { hashes, generation, finishes }: Told,
): Pick<Receipt, "request_sha256" | "response_sha256" | "hpke_key_id"> & Commitments {
  if (!hashes.records) throw new RangeError("a sealed answer was not hashed as its caller gets it");
  return {
    request_sha256: toHex(net.crypto.sha256(writeEnvelope(envelope))),
    response_sha256: toHex(hashes.records),
    hpke_key_id: keyId,
    ...commitmentsOf(net, secret.commitmentKeys(), {
      ...privateFieldsOf(generation, choices, finishes),
      requestSha256: net.crypto.sha256(body),
      responseSha256: hashes.body,
    }),
  };
}

/** How an answer was drawn and ended; nothing of what was not drawn. */
export const privateFieldsOf = (
  generation: Generation | undefined,
  choices: number,
  finishes: readonly Finish[],
): PrivateFields =>
  generation ? { sampling: samplingOf(generation, choices), finish_reason: weightiest(finishes) } : {};

/** Of several answers, the one that says most stands first. */
const weightiestFirst: readonly FinishReason[] = ["cancelled", "length", "tool_calls"];

const weightiest = (finishes: readonly Finish[]): FinishReason =>
  weightiestFirst.find((most) => finishes.some(({ reason }) => reason === most)) ?? "stop";

const samplingOf = (generation: Generation, choices: number): NonNullable<Receipt["sampling"]> => ({
  temperature: generation.temperature,
  top_p: generation.topP,
  top_k: generation.topK,
  frequency_penalty: generation.frequencyPenalty,
  presence_penalty: generation.presencePenalty,
  ...(generation.minP !== 0 && { min_p: generation.minP }),
  ...(generation.repetitionPenalty !== 1 && { repetition_penalty: generation.repetitionPenalty }),
  logit_bias: generation.logitBias.length,
  seed: generation.seed,
  stop: generation.stop.length,
  max_tokens: generation.maxTokens,
  n: choices,
});
