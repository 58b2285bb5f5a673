import { fromBase64OrNothing, utf8 } from "@darkbloom/protocol/bytes";
import { canonicalJson } from "@darkbloom/protocol/canonical";
import { taskOf } from "@darkbloom/protocol/dialects";
import type { Mismatch } from "@darkbloom/protocol/failures";
import type { JobId } from "@darkbloom/protocol/ids";
import type { Verifier } from "@darkbloom/protocol/ports";
import { receipt as receiptSchema, type Receipt, type ReceiptField } from "@darkbloom/protocol/receipts";
import { tags } from "@darkbloom/protocol/wire";
import { offerOf, type CatalogEntry } from "../catalog/catalog.ts";
import type { Completion, MachineView } from "../machines/ports.ts";
import type { Ask } from "./ask.ts";
import { promptBound } from "./bound.ts";

/** What we know of an answer without being told: all that the receipt must agree with. */
export interface Expected {
  readonly ask: Ask;
  readonly entry: CatalogEntry;
  /** As it was when the request was handed over. */
  readonly provider: MachineView;
  readonly jobId: JobId;
  readonly maxTokens: number;
  /** As the last frame of the answer counted them, never above `maxTokens`. */
  readonly generatedTokens: number;
  /** Lower-case hex, over the bytes that were relayed. */
  readonly responseSha256: string;
}

/**
 * Checks a finished answer before anything is paid for it: the response's signature, the receipt's
 * signature, and every field of the receipt that we can know ourselves. The fields are compared first, with what is so
 * when the answer ends: a caller who leaves while signatures are checked excuses nothing.
 */
export async function checkAnswer(
  crypto: Verifier,
  expected: Expected,
  completion: Completion,
): Promise<{ readonly receipt: Receipt } | { readonly mismatch: Mismatch; readonly field?: ReceiptField }> {
  const receipt = readReceipt(completion.receipt);
  const broken = receipt && rules.find(([, holds]) => !holds(receipt, expected));
  const identityKey = fromBase64OrNothing(expected.provider.identityKey);

  // "ECDSA P-256/SHA-256 … over the 64 ASCII characters of that hex hash": the hash that we computed, so
  // that a signature over any other body fails.
  const responseSignature = fromBase64OrNothing(completion.response_signature);
  if (!(await crypto.verifyP256(identityKey, utf8(expected.responseSha256), responseSignature)))
    return { mismatch: "response_hash" };

  const signed = utf8(tags.receipt + completion.receipt);
  if (!(await crypto.verifyP256(identityKey, signed, fromBase64OrNothing(completion.receipt_signature))))
    return { mismatch: "receipt_signature" };

  if (!receipt) return { mismatch: "receipt_shape" };
  return broken ? { mismatch: "receipt_fields", field: broken[0] } : { receipt };
}

/** Only the canonical form is taken: the caller checks the signature over what it canonicalises itself. */
function readReceipt(jcs: string): Receipt | undefined {
  try {
    const receipt = receiptSchema.parse(JSON.parse(jcs));
    return canonicalJson(receipt) === jcs ? receipt : undefined;
  } catch {
    // No JSON, no receipt, or half a character in it, which has no canonical form.
    return undefined;
  }
}

const isEmbedded = ({ job }: Ask): boolean => taskOf(job) === "embed";

/** Of the numbers that a model's words were drawn by, where any were. */
const drawn =
  (holds: (sampling: NonNullable<Receipt["sampling"]>, expected: Expected) => boolean) =>
  ({ sampling }: Receipt, expected: Expected): boolean =>
    sampling === undefined || holds(sampling, expected);

type Rule = readonly [field: ReceiptField, holds: (receipt: Receipt, expected: Expected) => boolean];

/** Every field of a receipt but those that only its machine can know, in the order in which one is blamed. */
const rules: readonly Rule[] = [
  ["job_id", (receipt, { jobId }) => receipt.job_id === jobId],
  ["request_id", (receipt, { ask }) => receipt.request_id === ask.requestId],
  ["privacy", (receipt) => receipt.privacy === "transparent"],
  ["endpoint", (receipt, { ask }) => receipt.endpoint === ask.job.endpoint],
  ["model", (receipt, { entry }) => receipt.model === entry.id],
  ["build", (receipt, { entry }) => receipt.build === entry.build],
  ["weights_sha256", (receipt, { entry }) => receipt.weights_sha256 === entry.weightsSha256],
  ["engine.name", ({ engine }, { provider }) => engine.name === provider.engine.name],
  ["engine.version", ({ engine }, { provider }) => engine.version === provider.engine.version],
  ["request_sha256", (receipt, { ask }) => receipt.request_sha256 === ask.bodySha256],
  ["response_sha256", (receipt, { responseSha256 }) => receipt.response_sha256 === responseSha256],
  ["nonce", (receipt, { ask }) => receipt.nonce === ask.nonce],
  ["provider_id", (receipt, { provider }) => receipt.provider_id === provider.providerId],
  ["identity_key", (receipt, { provider }) => receipt.identity_key === provider.identityKey],
  ["evidence_sha256", (receipt, { provider }) => receipt.evidence_sha256 === provider.evidenceSha256],
  ["started_at", (receipt) => Date.parse(receipt.started_at) <= Date.parse(receipt.finished_at)],
  ["finish_reason", ({ finish_reason: reason }, { ask }) => couldEndBy(reason, ask)],
  ["sampling", ({ sampling }, { ask }) => (sampling === undefined) === isEmbedded(ask)],
  ["sampling.temperature", drawn((sampling, { ask }) => sampling.temperature === ask.job.sampling.temperature)],
  ["sampling.top_p", drawn((sampling, { ask }) => sampling.top_p === ask.job.sampling.topP)],
  ["sampling.seed", drawn((sampling, { ask }) => sampling.seed === (ask.job.sampling.seed ?? sampling.seed))],
  ["sampling.top_k", drawn((sampling, { ask }) => sampling.top_k === ask.job.sampling.topK)],
  [
    "sampling.frequency_penalty",
    drawn((sampling, { ask }) => sampling.frequency_penalty === ask.job.sampling.frequencyPenalty),
  ],
  [
    "sampling.presence_penalty",
    drawn((sampling, { ask }) => sampling.presence_penalty === ask.job.sampling.presencePenalty),
  ],
  ["sampling.min_p", drawn((sampling, { ask }) => (sampling.min_p ?? 0) === ask.job.sampling.minP)],
  [
    "sampling.repetition_penalty",
    drawn((sampling, { ask }) => (sampling.repetition_penalty ?? 1) === ask.job.sampling.repetitionPenalty),
  ],
  ["sampling.logit_bias", drawn((sampling, { ask }) => sampling.logit_bias === ask.job.sampling.logitBias.length)],
  ["sampling.stop", drawn((sampling, { ask }) => sampling.stop === ask.job.sampling.stop.length)],
  ["sampling.n", drawn((sampling, { ask }) => sampling.n === ask.job.choices)],
  ["sampling.max_tokens", drawn((sampling, { ask, maxTokens }) => sampling.max_tokens * ask.job.choices <= maxTokens)],
  ["usage.prompt_tokens", ({ usage }, expected) => usage.prompt_tokens <= promptTokensAllowed(expected)],
  ["usage.cached_tokens", ({ usage }) => usage.cached_tokens <= usage.prompt_tokens],
  [
    "usage.completion_tokens",
    ({ usage }, { ask, generatedTokens }) => usage.completion_tokens <= (isEmbedded(ask) ? 0 : generatedTokens),
  ],
  ["usage.reasoning_tokens", ({ usage }) => usage.reasoning_tokens <= usage.completion_tokens],
];

/** Only who was told to stop was cancelled, and only who was given tools called one; a vector has no such end. */
function couldEndBy(reason: Receipt["finish_reason"], ask: Ask): boolean {
  const { hangUp, job } = ask;
  if (reason === undefined || isEmbedded(ask)) return reason === undefined && isEmbedded(ask);
  return (reason !== "cancelled" || hangUp.aborted) && (reason !== "tool_calls" || job.tools.length > 0);
}

/** No more than the body can be charged as, nor than the machine's context holds; nothing where a prompt is only counted. */
function promptTokensAllowed({ ask, entry, provider }: Expected): number {
  return promptBound(ask, offerOf(entry, provider.models)?.contextTokens ?? entry.contextTokens);
}
