import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import type { Finish, FinishReason, Job } from "@darkbloom/protocol/dialects";
import type { Usage } from "@darkbloom/protocol/money";
import { signReceipt, type Receipt } from "@darkbloom/protocol/receipts";
import type { Opened } from "@darkbloom/protocol/sealing";
import type { FromProvider, InferenceRequest } from "@darkbloom/protocol/wire";
import type { AnswerNet } from "./net.ts";
import type { Generation } from "./engine.ts";

/** What was told, as the receipt will say it. */
export interface Told {
  readonly responseHash: Uint8Array<ArrayBuffer>;
  /** One for each choice; none where the model did not run. */
  readonly finishes: readonly Finish[];
  readonly usage: Usage;
  /** Absent where nothing was drawn. */
  readonly generation?: Generation;
  readonly startedAt: number;
}

/** Signs the hash and the receipt. */
export async function closing(
  net: AnswerNet,
  request: InferenceRequest,
  { header, body, evidenceSha256 }: Extract<Opened, { body: unknown }>,
  job: Job,
  told: Told,
): Promise<Extract<FromProvider, { type: "inference_complete" }>> {
  const { engine, signer, clock, crypto, providerId } = net;
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
    request_sha256: toHex(crypto.sha256(body)),
    response_sha256: toHex(told.responseHash),
    nonce: header.nonce,
    ...(told.generation && { sampling: samplingOf(told.generation, job.choices) }),
    usage: {
      prompt_tokens: told.usage.promptTokens,
      cached_tokens: told.usage.cachedTokens,
      completion_tokens: told.usage.completionTokens,
      reasoning_tokens: told.usage.reasoningTokens,
    },
    ...(told.generation && { finish_reason: weightiest(told.finishes) }),
    provider_id: providerId,
    identity_key: toBase64(signer.publicKey),
    evidence_sha256: evidenceSha256,
    started_at: new Date(told.startedAt).toISOString(),
    // A clock that was set back in the meantime does not end it before its start.
    finished_at: new Date(Math.max(told.startedAt, clock.now())).toISOString(),
  };
  const [signed, responseSignature] = await Promise.all([
    signReceipt(signer, receipt),
    signer.signResponseHash(told.responseHash),
  ]);
  return {
    type: "inference_complete",
    job_id: request.job_id,
    receipt: signed.jcs,
    receipt_signature: signed.signature,
    response_signature: toBase64(responseSignature),
  };
}

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
