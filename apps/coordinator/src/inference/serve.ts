import { toHex } from "@darkbloom/protocol/bytes";
import { taskOf } from "@darkbloom/protocol/dialects";
import { failures, NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { microUsd, priceOf, type MicroUsd, type Usage } from "@darkbloom/protocol/money";
import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";
import type { Receipt } from "@darkbloom/protocol/receipts";
import type { CatalogEntry } from "../catalog/catalog.ts";
import { Hold } from "../ledger/hold.ts";
import { accountOfMachine } from "../ledger/journal.ts";
import type { HoldId, Outcome } from "../ledger/port.ts";
import type { Line } from "../machines/ports.ts";
import type { Ask } from "./ask.ts";
import { Attempt, MachineRefusal } from "./attempt.ts";
import { outputBound, refuseOtherTasks, refuseWhatCannotFit, worstCase } from "./bound.ts";
import { checkAnswer } from "./check-answer.ts";
import { countersign } from "./countersign.ts";
import type { Net } from "./net.ts";
import { READING_MS_MAX } from "./patience.ts";
import { Relay } from "./relay.ts";
import type { Reply } from "./reply.ts";

/** Machines that one request may try. */
export const ATTEMPTS_MAX = 3;
/** A stream whose prompt is still read begins after so long with its machine's sign of life; before, another may be asked. */
export const READING_UNTOLD_MS = 30_000;
/** Machines that may say that they are busy before that counts as an attempt. */
export const BUSY_MAX = 8;

/**
 * One request, start to end: price → hold → attempts until the first content → relay → check → settle.
 * Read this first; every step is a function of one file, and this is the only place with their order.
 *
 * Another machine is tried only while the caller has been sent nothing; a refusal that would cost the caller the request is
 * believed when a second machine says the same, where there is one. The last frame waits here until
 * the answer was checked and paid for, so that a proper end is proof of both.
 *
 * Throws NetworkError. Whatever happens, leaving the scope settles the hold, frees the slot and cancels
 * an attempt that still runs.
 */
export async function serve(net: Net, ask: Ask, reply: Reply): Promise<void> {
  const entry = net.catalog.find(ask.job.model);
  if (!entry) throw new NetworkError({ code: "model_not_found", knownModels: net.catalog.entries.length });
  refuseOtherTasks(entry, ask);
  refuseWhatCannotFit(entry, ask, () => net.fleet.machinesFor(entry.build));
  const maxTokens = outputBound(entry, ask);

  const startedMs = net.clock.monotonicMs();
  const over = AbortSignal.any([ask.hangUp, ask.shutdown]);
  await using hold = await Hold.take(
    net.ledger,
    {
      holdId: `hold_${toHex(net.random.bytes(16))}` as HoldId,
      requestId: ask.requestId,
      account: ask.account,
      keyId: ask.keyId,
      model: entry.id,
      amount: worstCase(entry, ask),
      at: net.clock.now(),
      ...(ask.idempotencyKeySha256 && {
        idempotency: { keySha256: ask.idempotencyKeySha256, bodySha256: ask.bodySha256 },
      }),
    },
    net.clock,
  );
  spendKeyOfWhoLeaves(ask, hold);
  const turn: Turn = {
    net,
    ask,
    entry,
    maxTokens,
    hold,
    reply,
    over,
    startedMs,
    heldMs: net.clock.monotonicMs(),
    attempts: 0,
    busy: 0,
  };

  const tried = new Set<ProviderId>();
  const { pins, minTrust } = ask;
  const want = { entry, task: taskOf(ask.job), pins, minTrust, maxTokens, promptBytes: ask.body.length };
  let last: Failure | undefined;
  const refusals: { readonly line: Line; readonly refusal: EngineRefusalCode }[] = [];
  for (;;) {
    const jobId = `job_${toHex(net.random.bytes(16))}` as JobId;
    const queuedAtMs = net.clock.monotonicMs();
    using line = await net.slots
      .acquire({ want, tried, jobId, account: ask.account, bytes: ask.body.length }, over)
      .catch((error: unknown): never => {
        const refusal = asNetworkError(ask, error);
        if (!last) hold.note(outcomeOf(refusal.failure));
        // Where no other machine is left, the caller is told what went wrong on the last one.
        throw last && !over.aborted ? new NetworkError(last) : refusal;
      });
    tried.add(line.providerId);
    turn.attempts++;
    try {
      await takeTurn(turn, line, net.clock.monotonicMs() - queuedAtMs);
      // What one machine could answer, the others had no reason to refuse.
      for (const { line: refused } of refusals) refused.faulted();
      return;
    } catch (error) {
      last = noteFailure(turn, line, error);
      // Who took no work has not tried; how often that may be has a bound of its own.
      if (last.code === "provider_busy" && turn.busy++ < BUSY_MAX) turn.attempts--;
      const isDoubted = error instanceof MachineRefusal && !refusals.some(({ refusal }) => refusal === error.refusal);
      if (isDoubted) refusals.push({ line, refusal: error.refusal });
      if (turn.attempts >= ATTEMPTS_MAX || !(isDoubted || mayMoveOn(ask, last)))
        throw new NetworkError(last, { cause: error });
    }
  }
}

/** What stays the same over all attempts at one request. */
interface Turn {
  readonly net: Net;
  readonly ask: Ask;
  readonly entry: CatalogEntry;
  readonly maxTokens: number;
  readonly hold: Hold;
  readonly reply: Reply;
  /** Aborts when nobody waits for the answer any more, or this coordinator no longer can. */
  readonly over: AbortSignal;
  /** When the request came in, and when its money was set aside. */
  readonly startedMs: number;
  readonly heldMs: number;
  attempts: number;
  /** Machines that took no work. */
  busy: number;
}

/** One machine's turn, through to the settlement. */
async function takeTurn(turn: Turn, line: Line, queueMs: number): Promise<void> {
  const { net, ask, entry, maxTokens, hold, reply } = turn;
  // What one machine read of a long prompt, the next one is not waited for again.
  const readingMsMax = Math.max(0, READING_MS_MAX - (net.clock.monotonicMs() - turn.startedMs));
  using attempt = Attempt.start(net, ask, entry, maxTokens, line, readingMsMax);
  await attempt.firstContent(turn.over, turn.startedMs + READING_UNTOLD_MS);
  const { provider, jobId, providerId, sealMs, firstContentMs } = attempt;
  reply.begin({
    jobId,
    providerId,
    serial: provider.toldSerial,
    chip: provider.chipName,
    attested: attempt.wasAttested,
    trustLevel: provider.verdict.level,
    privacy: "transparent",
    timing: { holdMs: turn.heldMs - turn.startedMs, queueMs, sealMs, firstContentMs },
  });

  const check = entry.embedding && ask.dialect.checkVectors?.(ask.job, entry.embedding.dimensions);
  const relay = new Relay(net.crypto, ask, reply, attempt, check);
  for (let over = false; !over;) {
    const frame = await attempt.next();
    await relay.take(frame);
    over = frame.final;
  }

  const responseSha256 = relay.sha256();
  const { generatedTokens } = relay;
  const completion = await attempt.completion();
  const expected = { ask, entry, provider, jobId, maxTokens, generatedTokens, responseSha256 };
  const checked = await checkAnswer(net.crypto, expected, completion);
  if ("mismatch" in checked)
    throw new NetworkError({ code: "receipt_mismatch", providerId, phase: "after_content", ...checked });
  const { receipt } = checked;
  const { document, sha256 } = countersign(net, completion, receipt);
  // A plain answer is kept whole before it is charged, and sent after: what finds no room for its last bytes costs nothing.
  if (!ask.job.stream) await relay.finish();

  const outcome: Outcome = ask.hangUp.aborted ? "caller_gone" : "finished";
  const usage = owedFor(receipt, relay.relayedTokens);
  // No more than was held: by the same prices, the receipt's figures are within what the hold was for.
  const owed = priceOf(entry.price, usage);
  const charged = await hold.settle({
    outcome,
    charge: owed,
    job: {
      jobId,
      serial: provider.serial,
      usage,
      earned: shareOf(owed, net.platformFeePercent),
      earner: accountOfMachine(provider.machineId),
      receipt: document,
      receiptSha256: sha256,
    },
  });
  attempt.measured(relay.relayedBytes);
  net.events.requestSettled({
    requestId: ask.requestId,
    jobId,
    account: ask.account,
    model: entry.id,
    build: entry.build,
    outcome,
    attempts: turn.attempts,
    promptTokens: usage.promptTokens,
    completionTokens: usage.completionTokens,
    chargedMicroUsd: charged,
    queueMs,
    firstContentMs: attempt.firstContentMs,
    totalMs: net.clock.monotonicMs() - turn.startedMs,
  });

  if (ask.job.stream) await relay.finish();
  if (ask.hangUp.aborted) throw callerGone("after_content");
  await reply.end(
    { responseHash: responseSha256, responseSignature: completion.response_signature, receipt: document },
    () => hold.spendKey(),
  );
  hold.handedOver();
}

/** Who hangs up pays for what came, and is owed nothing; not so where it is this coordinator that ends the connection. */
function spendKeyOfWhoLeaves({ hangUp, shutdown }: Ask, hold: Hold): void {
  const left = (): void => {
    if (shutdown.aborted) hold.loseAnswer();
    else hold.spendKey();
  };
  // Whoever has left by now is given no slot, and this request ends as theirs.
  hangUp.addEventListener("abort", left, { once: true });
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

/** Writes down what an attempt came to, distrusts a machine whose answer is not what it signed, and says what failed. */
function noteFailure(turn: Turn, line: Line, error: unknown): Failure {
  const { net, ask, hold } = turn;
  const { failure } = asNetworkError(ask, error);
  if (failure.code === "internal_error") net.events.bug({ where: "serve", requestId: ask.requestId }, error);
  // Also where the caller has left in the meantime: a lie is a lie.
  if (error instanceof NetworkError && error.failure.code === "receipt_mismatch") line.distrust();
  hold.note(outcomeOf(failure), { jobId: line.jobId, serial: line.serial });
  net.events.attemptFailed({
    requestId: ask.requestId,
    jobId: line.jobId,
    providerId: line.providerId,
    code: failure.code,
    ...(failure.code === "receipt_mismatch" && {
      mismatch: failure.mismatch,
      ...(failure.field && { field: failure.field }),
    }),
    durationMs: net.clock.monotonicMs() - turn.startedMs,
  });
  return failure;
}

/** A plain answer may move to another machine at any time before it is sent; a stream only before its first content. */
const mayMoveOn = (ask: Ask, failure: Failure): boolean =>
  failures[failure.code].retry === "elsewhere" &&
  !(ask.job.stream && "phase" in failure && failure.phase === "after_content");

function outcomeOf(failure: Failure): Outcome {
  if (failure.code === "caller_gone") return "caller_gone";
  if (failure.code === "too_slow") return "too_slow";
  if (failure.code === "receipt_mismatch") return "receipt_mismatch";
  if (failure.code === "draining") return "shutdown";
  return failures[failure.code].blame === "provider" ? "provider_fault" : "refused";
}

function asNetworkError({ hangUp }: Ask, error: unknown): NetworkError {
  if (hangUp.aborted) return hangUp.reason instanceof NetworkError ? hangUp.reason : callerGone("before_content");
  return error instanceof NetworkError ? error : new NetworkError({ code: "internal_error" }, { cause: error });
}

const callerGone = (phase: "before_content" | "after_content"): NetworkError =>
  new NetworkError({ code: "caller_gone", phase });

const shareOf = (charge: MicroUsd, platformFeePercent: number): MicroUsd =>
  microUsd((charge * BigInt(100 - platformFeePercent)) / 100n);
