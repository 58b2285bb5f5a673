import { fromBase64, toBase64 } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import { microUsd, priceOf, type MicroUsd, type Usage } from "@darkbloom/protocol/money";
import { countersignatureMessage, type Receipt, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Hold } from "../ledger/hold.ts";
import { accountOfMachine } from "../ledger/journal.ts";
import type { Outcome } from "../ledger/settlement.ts";
import type { Taken } from "../limits/key-rates.ts";
import { isOwn } from "../machines/eligibility.ts";
import type { Completion, MachineView } from "../machines/ports.ts";
import type { Order } from "./ask.ts";
import type { Attempt } from "./attempt.ts";
import { checkAnswer } from "./check-answer.ts";
import type { Net } from "./net.ts";
import type { Terms } from "./terms.ts";
import type { Relay } from "./relay.ts";
import type { Reply } from "./reply.ts";

/** What the settlement is told to events of how the request went. */
interface Course {
  readonly startedMs: number;
  readonly queueMs: number;
  readonly attempts: number;
}

/**
 * The answer has come, but for what its end is: check → countersign → settle → tell → end. The caller is given the end only
 * once it was checked and paid for, so that a proper end is proof of both.
 *
 * @throws NetworkError `receipt_mismatch` where the machine's word and the answer differ; then nothing is charged
 */
export async function settle(
  net: Net,
  order: Order,
  { hold, rated, reply, attempt, relay }: { hold: Hold; rated: Taken; reply: Reply; attempt: Attempt; relay: Relay },
  { startedMs, queueMs, attempts }: Course,
): Promise<void> {
  const { ask, entry } = order;
  const { terms } = ask;
  const { machine, jobId, providerId } = attempt;
  const responseSha256 = relay.sha256();
  const { generatedTokens } = relay;
  const completion = await attempt.completion();
  const checked = await checkAnswer(
    net.crypto,
    { ...order, machine, jobId, evidenceSha256: attempt.exchange.evidenceSha256, generatedTokens, responseSha256 },
    completion,
  );
  if ("mismatch" in checked)
    throw new NetworkError({ code: "receipt_mismatch", providerId, phase: "after_content", ...checked });
  const { receipt } = checked;
  const { document, sha256 } = countersign(net, completion, receipt);
  // A plain answer is kept whole before it is charged, and sent after: what finds no room for its last bytes costs nothing.
  if (!terms.stream) await relay.finish();

  const outcome: Outcome = ask.hangUp.aborted ? "caller_gone" : "finished";
  const usage = owedFor(receipt, relay.relayedTokens);
  // No more than was held: by the same prices, the receipt's figures are within what the hold was for.
  const owed = isFree(terms, machine) ? microUsd(0n) : priceOf(entry.price, usage);
  const earner = { account: machine.owner ?? accountOfMachine(machine.machineId), machineId: machine.machineId };
  const charged = await hold.settle({
    outcome,
    charge: owed,
    job: {
      jobId,
      serial: machine.serial,
      usage,
      earned: shareOf(owed, net.platformFeePercent),
      earner,
      receipt: document,
      receiptSha256: sha256,
    },
  });
  rated.used({ promptTokens: usage.promptTokens, answerTokens: usage.completionTokens });
  attempt.measured(relay.relayedBytes);
  net.events.requestSettled({
    requestId: terms.requestId,
    jobId,
    account: terms.account,
    earner: earner.account,
    model: entry.id,
    build: entry.build,
    outcome,
    attempts,
    promptTokens: usage.promptTokens,
    completionTokens: usage.completionTokens,
    chargedMicroUsd: charged,
    queueMs,
    firstContentMs: attempt.firstContentMs,
    totalMs: net.clock.monotonicMs() - startedMs,
  });

  if (terms.stream) await relay.finish();
  if (ask.hangUp.aborted) throw new NetworkError({ code: "caller_gone", phase: "after_content" });
  await reply.end(
    { responseHash: responseSha256, responseSignature: completion.response_signature ?? "", receipt: document },
    () => hold.spendKey(),
  );
  hold.handedOver();
}

/**
 * The document that the caller gets: the checked receipt, the provider's signature and ours over both. And the digest
 * of what we signed, as `receiptDigest` gives it to whoever has the document.
 */
function countersign(
  { clock, crypto, countersigner }: Net,
  completion: Completion,
  receipt: Receipt,
): { readonly document: ReceiptDocument; readonly sha256: Uint8Array } {
  const countersignedAt = new Date(clock.now()).toISOString();
  const message = countersignatureMessage(
    completion.receipt,
    fromBase64(completion.receipt_signature),
    countersigner.keyId,
    countersignedAt,
  );
  const document = {
    receipt,
    provider_signature: completion.receipt_signature,
    coordinator_signature: toBase64(countersigner.sign(message)),
    coordinator_key_id: countersigner.keyId,
    countersigned_at: countersignedAt,
  };
  return { document, sha256: crypto.sha256(message) };
}

/** The signed usage, with no more tokens of the answer than the caller was there for. */
function owedFor({ usage }: Receipt, tokens: number): Usage {
  const completionTokens = Math.min(usage.completion_tokens, tokens);
  return {
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.cached_tokens,
    completionTokens,
    reasoningTokens: Math.min(usage.reasoning_tokens, completionTokens),
  };
}

/** Who asks for one's own machines, and was served by one, owes nobody. */
const isFree = ({ account, route }: Terms, machine: MachineView): boolean =>
  route !== undefined && isOwn({ account }, machine);

const shareOf = (charge: MicroUsd, platformFeePercent: number): MicroUsd =>
  microUsd((charge * BigInt(100 - platformFeePercent)) / 100n);
