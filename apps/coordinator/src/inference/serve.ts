import {
  failures,
  microUsd,
  NetworkError,
  priceOf,
  toHex,
  type Failure,
  type JobId,
  type MicroUsd,
  type ProviderId,
  type Usage,
} from "@darkbloom/protocol";
import type { CatalogEntry } from "../catalog/catalog.ts";
import { Hold } from "../ledger/hold.ts";
import type { HoldId, Outcome } from "../ledger/port.ts";
import type { Line } from "../session/line.ts";
import type { Ask } from "./ask.ts";
import { Attempt } from "./attempt.ts";
import { outputBound, refuseWhatCannotFit, worstCase } from "./bound.ts";
import { checkAnswer } from "./check-answer.ts";
import { countersign } from "./countersign.ts";
import type { Net } from "./net.ts";
import type { Reply } from "./reply.ts";

/** Machines that one request may try. */
export const ATTEMPTS_MAX = 3;
/** Machines that may say that they are busy before that counts as an attempt. */
export const BUSY_MAX = 8;

/**
 * One request, start to end: price → hold → attempts until the first content → relay → check → settle.
 * Read this first; every step is a function of one file, and this is the only place with their order.
 *
 * Another machine is tried only while the caller has been sent nothing. The last frame waits here until
 * the answer was checked and paid for, so that a proper end is proof of both.
 *
 * Throws NetworkError. Whatever happens, leaving the scope settles the hold, frees the slot and cancels
 * an attempt that still runs.
 */
export async function serve(net: Net, ask: Ask, reply: Reply): Promise<void> {
  const entry = net.catalog.find(ask.job.model);
  if (!entry) throw new NetworkError({ code: "model_not_found", knownModels: net.catalog.entries.length });
  refuseWhatCannotFit(entry, ask, () => net.fleet.candidates());
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
    },
    net.clock,
  );
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
  const want = { entry, pins: ask.pins, minTrust: ask.minTrust, maxTokens, promptBytes: ask.body.length };
  let last: Failure | undefined;
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
      return await takeTurn(turn, line, net.clock.monotonicMs() - queuedAtMs);
    } catch (error) {
      last = noteFailure(turn, line, error);
      // Who took no work has not tried; how often that may be has a bound of its own.
      if (last.code === "provider_busy" && turn.busy++ < BUSY_MAX) turn.attempts--;
      if (turn.attempts >= ATTEMPTS_MAX || !mayMoveOn(ask, last)) throw new NetworkError(last, { cause: error });
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
  using attempt = Attempt.start(net, ask, entry, maxTokens, line);
  await attempt.firstContent(turn.over);
  const { provider, jobId, providerId, sealMs, firstContentMs } = attempt;
  reply.begin({
    jobId,
    providerId,
    serial: provider.toldSerial,
    chip: provider.chipName,
    attested: provider.attested,
    trustLevel: provider.verdict.level,
    privacy: "transparent",
    timing: { holdMs: turn.heldMs - turn.startedMs, queueMs, sealMs, firstContentMs },
  });

  let relayedBytes = 0;
  const hash = net.crypto.newSha256();
  let frame = await attempt.next();
  for (; !frame.final; frame = await attempt.next()) {
    hash.update(frame.plaintext);
    relayedBytes += frame.plaintext.length;
    await passOn(ask, reply, frame.plaintext);
  }
  hash.update(frame.plaintext);

  const responseSha256 = toHex(hash.digest());
  const completion = await attempt.completion();
  const checked = checkAnswer(net.crypto, { ask, entry, provider, jobId, maxTokens, responseSha256 }, completion);
  if ("mismatch" in checked)
    throw new NetworkError({
      code: "receipt_mismatch",
      providerId,
      phase: "after_content",
      mismatch: checked.mismatch,
    });
  const { receipt } = checked;
  const document = countersign(net, completion, receipt);

  const outcome: Outcome = receipt.finish_reason === "cancelled" ? "caller_gone" : "finished";
  const usage: Usage = {
    promptTokens: receipt.usage.prompt_tokens,
    cachedTokens: receipt.usage.cached_tokens,
    completionTokens: receipt.usage.completion_tokens,
    reasoningTokens: receipt.usage.reasoning_tokens,
  };
  const cost = priceOf(entry.price, usage);
  const owed = cost < hold.amount ? cost : hold.amount;
  const charged = await hold.settle({
    outcome,
    charge: owed,
    job: { jobId, serial: provider.serial, usage, earned: shareOf(owed, net.platformFeePercent), receipt: document },
  });
  attempt.measured(relayedBytes + frame.plaintext.length);
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
    firstContentMs,
    totalMs: net.clock.monotonicMs() - turn.startedMs,
  });

  await passOn(ask, reply, frame.plaintext);
  if (ask.hangUp.aborted) throw callerGone("after_content");
  await reply.end({
    responseHash: responseSha256,
    responseSignature: completion.response_signature,
    receipt: document,
  });
}

/**
 * Passes bytes on to a caller who is still there. When they have left, the attempt was told to stop and
 * its remaining frames are still read: its signed closing says what is owed.
 */
async function passOn(ask: Ask, reply: Reply, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0 || ask.hangUp.aborted) return;
  await reply.write(bytes).catch((error: unknown) => {
    if (!ask.hangUp.aborted) throw error;
  });
}

/** Writes down what an attempt came to, distrusts a machine whose answer is not what it signed, and says what failed. */
function noteFailure(turn: Turn, line: Line, error: unknown): Failure {
  const { net, ask, hold } = turn;
  const { failure } = asNetworkError(ask, error);
  if (failure.code === "internal_error") net.events.bug({ where: "serve", requestId: ask.requestId }, error);
  // Also where the caller has left in the meantime: a lie is a lie.
  if (error instanceof NetworkError && error.failure.code === "receipt_mismatch")
    net.fleet.get(line.providerId)?.distrust();
  hold.note(outcomeOf(failure), { jobId: line.jobId, serial: line.serial });
  net.events.attemptFailed({
    requestId: ask.requestId,
    jobId: line.jobId,
    providerId: line.providerId,
    code: failure.code,
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
