import {
  canonicalJson,
  fromBase64OrNothing,
  receipt as receiptSchema,
  tags,
  utf8,
  type Crypto,
  type JobId,
  type Mismatch,
  type Receipt,
} from "@darkbloom/protocol";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { ProviderView } from "../fleet/view.ts";
import type { Completion } from "../session/line.ts";
import type { Ask } from "./ask.ts";

/** What we know of an answer without being told: all that the receipt must agree with. */
export interface Expected {
  readonly ask: Ask;
  readonly entry: CatalogEntry;
  /** As it was when the request was handed over. */
  readonly provider: ProviderView;
  readonly jobId: JobId;
  readonly maxTokens: number;
  /** Lower-case hex, over the bytes that were relayed. */
  readonly responseSha256: string;
}

/**
 * Checks a finished answer before anything is paid for it: the response's signature, the receipt's
 * signature, and every field of the receipt that we can know ourselves.
 */
export function checkAnswer(
  crypto: Crypto,
  expected: Expected,
  completion: Completion,
): { readonly receipt: Receipt } | { readonly mismatch: Mismatch } {
  const identityKey = fromBase64OrNothing(expected.provider.identityKey);

  // "ECDSA P-256/SHA-256 … over the 64 ASCII characters of that hex hash": the hash that we computed, so
  // that a signature over any other body fails.
  const responseSignature = fromBase64OrNothing(completion.response_signature);
  if (!crypto.verifyP256(identityKey, utf8(expected.responseSha256), responseSignature))
    return { mismatch: "response_hash" };

  const signed = utf8(tags.receipt + completion.receipt);
  if (!crypto.verifyP256(identityKey, signed, fromBase64OrNothing(completion.receipt_signature)))
    return { mismatch: "receipt_signature" };

  const receipt = readReceipt(completion.receipt);
  if (!receipt) return { mismatch: "receipt_shape" };
  return agrees(receipt, expected) ? { receipt } : { mismatch: "receipt_fields" };
}

/** Only the canonical form is taken: the caller checks the signature over what it canonicalises itself. */
function readReceipt(jcs: string): Receipt | undefined {
  try {
    const parsed = receiptSchema.safeParse(JSON.parse(jcs));
    return parsed.success && canonicalJson(parsed.data) === jcs ? parsed.data : undefined;
  } catch {
    // No JSON, or half a character in it, which has no canonical form.
    return undefined;
  }
}

function agrees(receipt: Receipt, { ask, entry, provider, jobId, maxTokens, responseSha256 }: Expected): boolean {
  const { sampling, usage } = receipt;
  const asked = ask.job.sampling;
  return (
    receipt.job_id === jobId &&
    receipt.request_id === ask.requestId &&
    receipt.privacy === "transparent" &&
    receipt.endpoint === ask.job.endpoint &&
    receipt.model === ask.job.model &&
    receipt.build === entry.build &&
    receipt.weights_sha256 === entry.weightsSha256 &&
    receipt.request_sha256 === ask.bodySha256 &&
    receipt.response_sha256 === responseSha256 &&
    receipt.nonce === ask.nonce &&
    receipt.provider_id === provider.providerId &&
    receipt.identity_key === provider.identityKey &&
    receipt.evidence_sha256 === provider.evidenceSha256 &&
    sampling.temperature === asked.temperature &&
    sampling.top_p === asked.topP &&
    (asked.seed === undefined || sampling.seed === asked.seed) &&
    sampling.top_k === asked.topK &&
    sampling.frequency_penalty === asked.frequencyPenalty &&
    sampling.presence_penalty === asked.presencePenalty &&
    sampling.logit_bias === asked.logitBias.length &&
    sampling.n === ask.job.choices &&
    sampling.stop === asked.stop.length &&
    sampling.max_tokens <= maxTokens &&
    usage.cached_tokens <= usage.prompt_tokens &&
    usage.reasoning_tokens <= usage.completion_tokens &&
    usage.completion_tokens <= maxTokens &&
    (ask.job.generates || usage.prompt_tokens + usage.completion_tokens === 0)
  );
}
