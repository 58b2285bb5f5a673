import { failures, NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { leastOf } from "@darkbloom/protocol/lists";
import { microUsd } from "@darkbloom/protocol/money";
import { Hold } from "../ledger/hold.ts";
import type { HoldId, Outcome } from "../ledger/settlement.ts";
import { timeOrderedId } from "../ledger/time-ordered-id.ts";
import type { Taken } from "../limits/key-rates.ts";
import type { Want } from "../machines/eligibility.ts";
import type { Line } from "../machines/ports.ts";
import type { SlotRequest } from "../machines/slots.ts";
import type { Ask, Order } from "./ask.ts";
import { Attempt } from "./attempt.ts";
import { outputBound, tokenBounds, worstCase } from "./bound.ts";
import { refuseWhereOthersCould } from "./candidates.ts";
import { CannotOpen, MachineRefusal } from "./machine-words.ts";
import type { Net } from "./net.ts";
import { READING_MS_MAX } from "./patience.ts";
import { Relay } from "./relay.ts";
import type { Reply } from "./reply.ts";
import { settle } from "./settle.ts";

/** Machines that one request may try. */
export const ATTEMPTS_MAX = 3;
/** A stream whose prompt is still read begins after so long with its machine's sign of life; before, another may be asked. */
export const READING_UNTOLD_MS = 30_000;
/** Machines that may say that they are busy before that counts as an attempt. */
export const BUSY_MAX = 8;

/**
 * One request, start to end: price → rate → hold → attempts until the first content → relay → check → settle.
 * Read this first; every step is a function of one file, and this is the only place with their order.
 *
 * Another machine is tried only while the caller has been sent nothing; a refusal that would cost the caller the request is
 * believed when a second machine says the same, where there is one.
 *
 * Throws NetworkError. Whatever happens, leaving the scope settles the hold, frees the slot and cancels
 * an attempt that still runs.
 */
export async function serve(net: Net, ask: Ask, reply: Reply): Promise<void> {
  const { terms, content } = ask;
  const entry = net.catalog.find(terms.model);
  if (!entry) throw new NetworkError({ code: "model_not_found", knownModels: net.catalog.entries.length });
  content.refuseFor(entry, terms, () => net.fleet.machinesFor(entry.build));
  const maxTokens = outputBound(entry, terms);
  const order = { ask, entry, maxTokens };

  const startedMs = net.clock.monotonicMs();
  const { hangUp, shutdown } = ask;
  using rated = rateFor(net, order);
  await using hold = await holdFor(net, order);
  spendKeyOfWhoLeaves(ask, hold);
  const holdMs = net.clock.monotonicMs() - startedMs;

  const { task, pins, candidates, minTrust, bodyBytes, account, route } = terms;
  const want = { entry, task, pins, candidates, minTrust, maxTokens, promptBytes: bodyBytes, account, route };
  const tried = passedOver(net, ask, want);
  using words = net.unopened.wordsOn(account);
  /** Of those who could not open it. */
  const unopened: Line[] = [];
  const refusals: { readonly line: Line; readonly refusal: MachineRefusal["refusal"] }[] = [];
  let last: NetworkError | undefined;
  let [attempts, busy] = [0, 0];
  for (;;) {
    const jobId = `job_${timeOrderedId(net)}` as JobId;
    const queuedAtMs = net.clock.monotonicMs();
    using line = await slotFor(net, { want, tried, jobId, account, bytes: bodyBytes }, ask, last).catch(
      (error: unknown): never => {
        const refusal = asNetworkError(ask, error);
        if (!last) hold.note(outcomeOf(refusal.failure));
        // Where no other machine is left, the caller is told what went wrong on the last one.
        const isLast = !hangUp.aborted && !shutdown.aborted && refusal.failure.code !== "no_candidate";
        throw last && isLast ? last : refusal;
      },
    );
    const queueMs = net.clock.monotonicMs() - queuedAtMs;
    tried.add(line.providerId);
    // While it was waited for, this machine has said too often that it cannot open what this account seals.
    if (candidates && net.unopened.waitSecAt(account, line.machine().identityKey) !== undefined) {
      if (!last) passedOver(net, ask, want);
      continue;
    }
    attempts++;
    try {
      // From the request's start: what one machine read, or a slot was waited for, is not waited for again.
      const readingMsMax = Math.max(0, READING_MS_MAX - (net.clock.monotonicMs() - startedMs));
      using attempt = Attempt.start(net, order, line, readingMsMax);
      await attempt.firstContent(startedMs + READING_UNTOLD_MS);
      words.opened();
      const { sealMs, firstContentMs } = attempt;
      reply.begin({ ...attempt.facts, timing: { holdMs, queueMs, sealMs, firstContentMs } });
      const relay = new Relay(net.crypto, ask, reply, attempt);
      await relay.all();
      await settle(net, order, { hold, rated, reply, attempt, relay }, { startedMs, queueMs, attempts });
      // What one machine could answer, the others had no reason to refuse.
      for (const { line: refused } of refusals) refused.faulted();
      // What one machine could open, its caller had sealed well, to that one at least.
      for (const other of unopened) other.declined(account);
      return;
    } catch (error) {
      last = noteFailure(net, ask, hold, line, startedMs, error);
      // Who took no work has not tried; how often that may be has a bound of its own.
      if (last.failure.code === "provider_busy" && busy++ < BUSY_MAX) attempts--;
      if (error instanceof CannotOpen) {
        words.said(line.machine().identityKey);
        unopened.push(line);
      }
      // Whoever refuses it by a word to its caller alone has read it.
      if (error instanceof MachineRefusal && error.frame) words.opened();
      const isDoubted = error instanceof MachineRefusal && !refusals.some(({ refusal }) => refusal === error.refusal);
      if (isDoubted) refusals.push({ line, refusal: error.refusal });
      if (attempts >= ATTEMPTS_MAX || !(isDoubted || mayMoveOn(ask, last.failure))) throw last;
    }
  }
}

/**
 * Machines that are asked for nothing that this account seals, since they could open too little of it.
 *
 * @throws NetworkError where no other is named: `no_candidate` where another could serve, or `rate_limit_exceeded`
 */
function passedOver(net: Net, { terms: { account } }: Ask, want: Want): Set<ProviderId> {
  const { entry, candidates } = want;
  if (!candidates) return new Set();
  const machines = [...net.fleet.machinesFor(entry.build)];
  const over = net.unopened.passedOver(account, machines);
  const named = machines.filter((machine) => candidates.some(({ providerId }) => providerId === machine.providerId));
  if (named.length === 0 || named.some(({ providerId }) => !over.has(providerId))) return over;
  refuseWhereOthersCould(want, () => machines, net.clock.monotonicMs(), over);
  const retryAfterSec = leastOf(named.map(({ identityKey }) => net.unopened.waitSecAt(account, identityKey) ?? 0));
  throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
}

/**
 * Takes the most that this can use of what its key may in a minute: here, where its model says how much that is, and its
 * settlement what it was. Whatever comes of it, it was one request.
 *
 * @throws NetworkError `rate_limit_exceeded`
 */
function rateFor({ ratedKeys }: Net, { ask: { terms }, entry }: Order): Taken {
  const { promptTokens, completionTokens: answerTokens } = tokenBounds(entry, terms);
  const taken = ratedKeys.take(terms.keyId, terms.rates, { requests: 1, promptTokens, answerTokens });
  if ("rate" in taken) throw new NetworkError({ code: "rate_limit_exceeded", ...taken });
  return taken;
}

/**
 * Sets aside the most that this can cost, which is nothing where only the account's own machines may serve it.
 *
 * @throws NetworkError `insufficient_funds`, `account_in_debt`, `key_limit_reached`, `idempotency_conflict`
 */
function holdFor(net: Net, { ask: { terms }, entry }: Order): Promise<Hold> {
  const { requestId, account, keyId, route, caps, idempotencyKeySha256, bodySha256 } = terms;
  const { promptTokens, completionTokens } = tokenBounds(entry, terms);
  return Hold.take(
    net.ledger,
    {
      holdId: `hold_${timeOrderedId(net)}` as HoldId,
      requestId,
      account,
      keyId,
      model: entry.id,
      amount: route === "self" ? microUsd(0n) : worstCase(entry, terms),
      tokens: BigInt(promptTokens + completionTokens),
      caps,
      at: net.clock.now(),
      ...(idempotencyKeySha256 && { idempotency: { keySha256: idempotencyKeySha256, bodySha256 } }),
    },
    net.clock,
  );
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

/** Writes down what an attempt came to, distrusts a machine whose answer is not what it signed, and says what failed. */
function noteFailure(net: Net, ask: Ask, hold: Hold, line: Line, startedMs: number, error: unknown): NetworkError {
  const { requestId } = ask.terms;
  const failed = asNetworkError(ask, error);
  const { failure } = failed;
  if (failure.code === "internal_error") net.events.bug({ where: "serve", requestId }, error);
  // Also where the caller has left in the meantime: a lie is a lie.
  if (error instanceof NetworkError && error.failure.code === "receipt_mismatch") line.distrust();
  hold.note(outcomeOf(failure), { jobId: line.jobId, serial: line.serial });
  net.events.attemptFailed({
    requestId,
    jobId: line.jobId,
    providerId: line.providerId,
    code: failure.code,
    ...(failure.code === "receipt_mismatch" && {
      mismatch: failure.mismatch,
      ...(failure.field && { field: failure.field }),
    }),
    durationMs: net.clock.monotonicMs() - startedMs,
  });
  return failed;
}

/** A machine that may serve this now. What was sealed to machines that cannot is sent back, unless one of them has said what it thinks of it. */
async function slotFor(
  net: Net,
  request: SlotRequest,
  { hangUp, shutdown }: Ask,
  last: NetworkError | undefined,
): Promise<Line> {
  const { want, tried } = request;
  const sendBack = (): void => {
    if (!(last instanceof MachineRefusal) && !(last instanceof CannotOpen))
      refuseWhereOthersCould(want, () => net.fleet.machinesFor(want.entry.build), net.clock.monotonicMs(), tried);
  };
  sendBack();
  try {
    return await net.slots.acquire(request, hangUp, shutdown);
  } catch (error) {
    // Who has left is told nothing of it either way.
    if (!shutdown.aborted) sendBack();
    throw error;
  }
}

/** A plain answer may move to another machine at any time before it is sent; a stream only before its first content. */
const mayMoveOn = (ask: Ask, failure: Failure): boolean =>
  failures[failure.code].retry === "elsewhere" &&
  !(ask.terms.stream && "phase" in failure && failure.phase === "after_content");

function outcomeOf(failure: Failure): Outcome {
  if (failure.code === "caller_gone") return "caller_gone";
  if (failure.code === "too_slow") return "too_slow";
  if (failure.code === "receipt_mismatch") return "receipt_mismatch";
  if (failure.code === "draining") return "shutdown";
  return failures[failure.code].blame === "provider" ? "provider_fault" : "refused";
}

function asNetworkError({ hangUp }: Ask, error: unknown): NetworkError {
  if (hangUp.aborted) return hangUp.reason instanceof NetworkError ? hangUp.reason : callerGone;
  return error instanceof NetworkError ? error : new NetworkError({ code: "internal_error" }, { cause: error });
}

const callerGone = new NetworkError({ code: "caller_gone", phase: "before_content" });
