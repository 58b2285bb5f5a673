import { fromBase64OrNothing, utf8 } from "@darkbloom/protocol/bytes";
import { canonicalJson } from "@darkbloom/protocol/canonical";
import type { Mismatch } from "@darkbloom/protocol/failures";
import type { JobId } from "@darkbloom/protocol/ids";
import type { Verifier } from "@darkbloom/protocol/ports";
import { receipt as receiptSchema, type Receipt, type ReceiptField } from "@darkbloom/protocol/receipts";
import { tags } from "@darkbloom/protocol/wire";
import { offerOf } from "../catalog/catalog.ts";
import type { Completion, MachineView } from "../machines/ports.ts";
import type { Order } from "./ask.ts";
import { promptBound } from "./bound.ts";

/** What we know of an answer without being told: all that the receipt must agree with. */
export interface Expected extends Order {
  /** As it was when the request was handed over. */
  readonly machine: MachineView;
  readonly jobId: JobId;
  /** That which the request was sealed by. */
  readonly evidenceSha256: string;
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
  const broken = receipt && disagreement(receipt, expected);
  const identityKey = fromBase64OrNothing(expected.machine.identityKey);

  // Of a sealed answer its caller alone checks it: it is over the plaintext's hash.
  // "ECDSA P-256/SHA-256 … over the 64 ASCII characters of that hex hash": the hash that we computed, so
  // that a signature over any other body fails.
  const responseSignature = fromBase64OrNothing(completion.response_signature ?? "");
  const isReadable = expected.ask.content.privacy === "transparent";
  const signed = utf8(tags.receipt + completion.receipt);
  // Both at once: whoever checks them is woken up for them once.
  const [isResponseGood, isReceiptGood] = await Promise.all([
    !isReadable || crypto.verifyP256(identityKey, utf8(expected.responseSha256), responseSignature),
    crypto.verifyP256(identityKey, signed, fromBase64OrNothing(completion.receipt_signature)),
  ]);
  if (!isResponseGood) return { mismatch: "response_hash" };
  if (!isReceiptGood) return { mismatch: "receipt_signature" };
  if (!receipt) return { mismatch: "receipt_shape" };
  return broken ? { mismatch: "receipt_fields", field: broken } : { receipt };
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

type Rule = readonly [field: ReceiptField, holds: (receipt: Receipt, expected: Expected) => boolean];

/** The first field that does not agree: of what the terms say, then of what was sent. */
const disagreement = (receipt: Receipt, expected: Expected): ReceiptField | undefined =>
  rules.find(([, holds]) => !holds(receipt, expected))?.[0] ?? contentDisagreement(receipt, expected);

function contentDisagreement(receipt: Receipt, { ask, maxTokens }: Expected): ReceiptField | undefined {
  return ask.content.disagreementWith(receipt, ask.terms, { maxTokens, isCut: ask.hangUp.aborted });
}

/** Every field of a receipt but those that only its machine can know, or whoever knows what was sent, in the order in which one is blamed. */
const rules: readonly Rule[] = [
  ["job_id", (receipt, { jobId }) => receipt.job_id === jobId],
  ["request_id", (receipt, { ask }) => receipt.request_id === ask.terms.requestId],
  ["privacy", (receipt, { ask }) => receipt.privacy === ask.content.privacy],
  ["endpoint", (receipt, { ask }) => receipt.endpoint === ask.terms.endpoint],
  ["model", (receipt, { entry }) => receipt.model === entry.id],
  ["build", (receipt, { entry }) => receipt.build === entry.build],
  ["weights_sha256", (receipt, { entry }) => receipt.weights_sha256 === entry.weightsSha256],
  ["engine.name", ({ engine }, { machine }) => engine.name === machine.engine.name],
  ["engine.version", ({ engine }, { machine }) => engine.version === machine.engine.version],
  ["request_sha256", (receipt, { ask }) => receipt.request_sha256 === ask.terms.bodySha256],
  ["response_sha256", (receipt, { responseSha256 }) => receipt.response_sha256 === responseSha256],
  ["nonce", (receipt, { ask }) => receipt.nonce === ask.terms.nonce],
  ["provider_id", (receipt, { machine }) => receipt.provider_id === machine.providerId],
  ["identity_key", (receipt, { machine }) => receipt.identity_key === machine.identityKey],
  ["evidence_sha256", (receipt, { evidenceSha256 }) => receipt.evidence_sha256 === evidenceSha256],
  ["started_at", (receipt) => Date.parse(receipt.started_at) <= Date.parse(receipt.finished_at)],
  ["usage.prompt_tokens", ({ usage }, expected) => usage.prompt_tokens <= promptTokensAllowed(expected)],
  ["usage.cached_tokens", ({ usage }) => usage.cached_tokens <= usage.prompt_tokens],
  [
    "usage.completion_tokens",
    ({ usage }, { ask, generatedTokens }) => usage.completion_tokens <= (ask.terms.generates ? generatedTokens : 0),
  ],
  ["usage.reasoning_tokens", ({ usage }) => usage.reasoning_tokens <= usage.completion_tokens],
];

/** No more than the body can be charged as, nor than the machine's context holds; nothing where a prompt is only counted. */
function promptTokensAllowed({ ask, entry, machine }: Expected): number {
  return promptBound(ask.terms, offerOf(entry, machine.models)?.contextTokens ?? entry.contextTokens);
}
