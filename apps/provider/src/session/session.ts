import { toBase64 } from "@darkbloom/protocol/bytes";
import { spelledHardwareEvidence } from "@darkbloom/protocol/evidence";
import { Deadlines, LATE, within } from "@darkbloom/protocol/time";
import {
  JOIN_TOKEN_NEEDED,
  MACHINE_UNLINKED,
  PROTOCOL_VERSION,
  protocolRefused,
  readRecords,
  readRequest,
  type FromCoordinator,
  type FromProvider,
  type InferenceRequest,
} from "@darkbloom/protocol/wire";
import type { AnswerOutcome, LossReason, ProviderEvents, TrustFacts } from "../events/events.ts";
import { answer } from "../inference/answer.ts";
import type { AnswerNet } from "../inference/net.ts";
import { Credit } from "../inference/outgoing.ts";
import { ChallengeAnswers, type ChallengeNet } from "./challenge-answers.ts";
import { readFrame, trustFactsOf } from "./frames.ts";
import { Outbox } from "./outbox.ts";
import { ChipError } from "./witness.ts";
import { closeCodes, DialError, type Dialer, type Message, type Wire } from "./wire.ts";

export const HEARTBEAT_EVERY_MS = 5_000;
/** What is offered may change more often; it is said this often at most, twice what a coordinator asks for. */
export const OFFER_EVERY_MS = 10_000;
/** Signs of life are asked for this often, and a coordinator that gives none for so long is gone. */
export const COORDINATOR_PING_EVERY_MS = 10_000;
export const COORDINATOR_SILENCE_MS = 30_000;
/** From the dial to the coordinator's first word. */
export const REGISTERED_WAIT_MS = 15_000;
/** Requests beside those that run: a coordinator that counts our slots sends none of these. */
export const WAITING_MAX = 4;
/** Of more than a coordinator has requests for. What stands behind them in a message is skipped: millions fit into one. */
export const RECORDS_PER_MESSAGE_MAX = 4096;
/** Challenges that may be under way; a coordinator sends the next one after the answer. */
export const CHALLENGES_MAX = 4;

/** What a connection needs from outside. */
export interface SessionNet
  extends Omit<AnswerNet, "providerId" | "deadlines" | "open" | "send" | "sendFrame" | "failed">, ChallengeNet {
  readonly events: ProviderEvents;
  readonly authToken: string | undefined;
  readonly machineToken: string | undefined;
  readonly onTrust: (facts: TrustFacts, providerId: string) => void;
}

interface Running {
  readonly credit: Credit;
  readonly cancel: AbortController;
}

/**
 * One connection: dial, register, then answer whatever comes, until it is lost or we have drained.
 * Losing it cancels every answer that is under way, since nobody could be told of them.
 */
export class Session {
  readonly #net: SessionNet;
  readonly #over = new AbortController();
  readonly #running = new Map<string, Running>();
  readonly #answers = new Set<Promise<void>>();
  readonly #registered = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();
  #wire: Wire | undefined;
  #outbox: Outbox | undefined;
  #providerId = "";
  /** What this coordinator wants in place of our serial. Another connection begins with the serial again. */
  #serialAlias: string | undefined;
  #isRegistered = false;
  readonly #deadlines: Deadlines;
  readonly #challengeAnswers: ChallengeAnswers;
  #challenges = 0;
  #offeredAtMs = Number.NEGATIVE_INFINITY;
  /** The coordinator's time, as its last challenge had it. */
  #told: { readonly wallMs: number; readonly atMs: number } | undefined;
  #draining = false;
  #heardAtMs: number;
  #loss: LossReason = "closed";

  constructor(net: SessionNet) {
    this.#net = net;
    this.#deadlines = new Deadlines(net.clock);
    this.#challengeAnswers = new ChallengeAnswers(net, this.#over.signal);
    this.#heardAtMs = net.clock.monotonicMs();
  }

  get running(): number {
    return this.#running.size;
  }

  /** Stays connected until the connection is lost or `leave` aborts. Returns how it ended. */
  async run(
    dialer: Dialer,
    coordinator: string,
    leave: AbortSignal,
  ): Promise<{ reason: LossReason; stayedMs: number }> {
    const { clock, events } = this.#net;
    const over = this.#over.signal;
    const stop = AbortSignal.any([over, leave]);
    let joinedAtMs: number | undefined;
    try {
      const listener = {
        received: (message: Message) => this.#received(message),
        heard: () => void (this.#heardAtMs = clock.monotonicMs()),
        drained: () => this.#outbox?.flush(),
        closed: (code: number, reason: string) => this.#end(this.#lossOf(code, reason)),
      };
      this.#wire = await dialer.dial(listener, stop);
      this.#outbox = new Outbox(this.#wire, this.#net.defer, () => this.#drop("unread"));
      this.#heardAtMs = clock.monotonicMs();
      await this.#register();
      if ((await within(clock, REGISTERED_WAIT_MS, this.#registered.promise, stop)) === LATE)
        this.#end("not_registered");
      over.throwIfAborted();
      joinedAtMs = clock.monotonicMs();
      events.joined({ providerId: this.#providerId, coordinator, serialAlias: this.#serialAlias });
      using _engine = this.#net.engine.lifecycle?.watch(() => this.#beat());
      await Promise.all([this.#heartbeats(stop), this.#watchSilence(stop)]);
    } catch (error) {
      if (error instanceof DialError) this.#loss = error.code;
      else if (!stop.aborted) this.#failed("session", error);
    } finally {
      this.#end(this.#loss);
      this.#wire?.close(closeCodes.goodbye, "goodbye");
      await Promise.all(this.#answers);
    }
    const endedAtMs = clock.monotonicMs();
    return { reason: this.#loss, stayedMs: endedAtMs - (joinedAtMs ?? endedAtMs) };
  }

  /** Takes no new work, finishes what runs, and resolves when the coordinator has acknowledged. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (!this.#isRegistered || this.#over.signal.aborted) return;
    this.#send({ type: "provider_drain" });
    await Promise.race([
      this.#drained.promise,
      new Promise((resolve) => this.#over.signal.addEventListener("abort", resolve)),
    ]);
  }

  async #register(): Promise<void> {
    const { keys, offers } = this.#net;
    const { bytes, signature } = await keys.show(keys.ageingOrNone);
    const offer = await offers.show();
    this.#send({
      type: "register",
      protocols: [PROTOCOL_VERSION],
      blob: toBase64(bytes),
      signature: toBase64(signature),
      offer: toBase64(offer.bytes),
      offer_signature: toBase64(offer.signature),
      auth_token: this.#net.authToken,
      machine_token: this.#net.machineToken,
      ...(this.#net.witness && { hardware: spelledHardwareEvidence(this.#net.witness.evidence) }),
    });
  }

  /** Registered, once a coordinator that gives pseudonyms has a blob that carries ours. */
  async #confirm(): Promise<void> {
    if (this.#serialAlias !== undefined) await this.#renew(false);
    this.#isRegistered = true;
    this.#registered.resolve();
  }

  async #renew(rotate: boolean): Promise<void> {
    const { bytes, signature } = await this.#net.keys.show(rotate, this.#serialAlias);
    this.#send({ type: "renew", blob: toBase64(bytes), signature: toBase64(signature) });
  }

  /** Not while a challenge is answered, whose answer names the offer that stands. */
  async #offerAnew(): Promise<void> {
    const { offers, clock } = this.#net;
    const nowMs = clock.monotonicMs();
    if (this.#challenges > 0 || nowMs - this.#offeredAtMs < OFFER_EVERY_MS || !offers.isOld) return;
    this.#offeredAtMs = nowMs;
    const { bytes, signature } = await offers.show();
    this.#send({ type: "offer", offer: toBase64(bytes), signature: toBase64(signature) });
  }

  #received(message: Message): void {
    this.#heardAtMs = this.#net.clock.monotonicMs();
    if (typeof message !== "string") return this.#receivedRecords(message);
    const frame = readFrame(message);
    switch (frame?.type) {
      // A frame that we do not know may be a newer coordinator's; it is skipped.
      case undefined:
        return;
      case "registered":
        if (this.#providerId !== "") return;
        // Kept at once: what follows in the same breath already belongs to this id.
        this.#providerId = frame.provider_id;
        this.#serialAlias = frame.serial_alias;
        return this.#track(this.#confirm());
      case "trust_status": {
        const facts = trustFactsOf(frame);
        this.#net.events.trust(facts);
        return this.#net.onTrust(facts, this.#providerId);
      }
      case "attestation_challenge":
        this.#told = { wallMs: Date.parse(frame.timestamp), atMs: this.#heardAtMs };
        return this.#challenges < CHALLENGES_MAX ? this.#track(this.#answerChallenge(frame)) : undefined;
      case "credit":
        return this.#running.get(frame.job_id)?.credit.give(frame.bytes);
      case "cancel":
        return this.#running.get(frame.job_id)?.cancel.abort(new Error("cancelled"));
      case "provider_drain_ack":
        return this.#drained.resolve();
    }
  }

  #receivedRecords(message: Uint8Array): void {
    let records = 0;
    try {
      for (const { kind, jobId, bytes } of readRecords(message)) {
        if (this.#over.signal.aborted || ++records > RECORDS_PER_MESSAGE_MAX) return;
        if (kind !== "request") continue;
        const request = readRequest(jobId, bytes);
        if (request) this.#admit(request);
        else this.#send({ type: "inference_error", job_id: jobId, code: "cannot_open" });
      }
    } catch (error) {
      // What cannot be read is skipped, like a frame that we do not know.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  async #answerChallenge(challenge: Extract<FromCoordinator, { type: "attestation_challenge" }>): Promise<void> {
    this.#challenges++;
    try {
      this.#send(await this.#challengeAnswers.to(challenge));
    } finally {
      this.#challenges--;
    }
  }

  #admit(request: InferenceRequest): void {
    const { job_id: id } = request;
    // An id that is taken is not one of ours to answer twice.
    if (this.#running.has(id)) return;
    const refusal = this.#draining
      ? "draining"
      : !this.#isReady || this.#running.size >= this.#net.offers.slots + WAITING_MAX
        ? "busy"
        : undefined;
    if (refusal) return this.#send({ type: "inference_error", job_id: id, code: refusal });
    const running: Running = {
      credit: new Credit(this.#net.clock, request.credit_bytes),
      cancel: new AbortController(),
    };
    this.#running.set(id, running);
    this.#track(this.#answer(request, running));
  }

  async #answer(request: InferenceRequest, running: Running): Promise<void> {
    const startedMs = this.#net.clock.monotonicMs();
    let outcome: AnswerOutcome = "lost";
    const net: AnswerNet = {
      ...this.#net,
      providerId: this.#providerId,
      deadlines: this.#deadlines,
      open: ({ envelope, cache_scope }) =>
        this.#net.keys.open(envelope, this.#providerId, cache_scope, this.#sharedNow()),
      send: (message) => this.#send(message),
      sendFrame: (frame, isLast) => {
        if (!this.#over.signal.aborted) this.#outbox?.sendFrame(request.job_id, frame, isLast);
      },
      failed: (error) => this.#failed("answer", error),
    };
    try {
      outcome = await answer(net, request, running.credit, running.cancel.signal, this.#over.signal);
    } finally {
      this.#running.delete(request.job_id);
      const durationMs = this.#net.clock.monotonicMs() - startedMs;
      this.#net.events.answered({ jobId: request.job_id, outcome, durationMs, running: this.#running.size });
    }
  }

  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error: unknown) => this.#failed("answer", error))
      .finally(() => this.#answers.delete(tracked));
    this.#answers.add(tracked);
  }

  async #heartbeats(stop: AbortSignal): Promise<void> {
    for (;;) {
      this.#beat();
      await this.#net.clock.sleep(HEARTBEAT_EVERY_MS, stop);
      if (this.#net.keys.ageingOrNone) await this.#renew(true);
      await this.#offerAnew();
    }
  }

  /** What a request says of time is judged by its coordinator's clock, which nobody can set between two challenges. */
  #sharedNow(): number {
    const { clock } = this.#net;
    return this.#told ? this.#told.wallMs + clock.monotonicMs() - this.#told.atMs : clock.now();
  }

  /** Whether there is a model to give work to. */
  get #isReady(): boolean {
    return this.#net.engine.lifecycle?.isReady !== false;
  }

  #beat(): void {
    this.#send({ type: "heartbeat", status: this.#isReady ? "ready" : "restarting" });
  }

  async #watchSilence(stop: AbortSignal): Promise<void> {
    for (;;) {
      await this.#net.clock.sleep(COORDINATOR_PING_EVERY_MS, stop);
      if (this.#net.clock.monotonicMs() - this.#heardAtMs > COORDINATOR_SILENCE_MS) this.#drop("silent");
      else this.#wire?.ping();
    }
  }

  /** For a coordinator to which nothing can be said any more. */
  #drop(reason: LossReason): void {
    this.#end(reason);
    this.#wire?.terminate();
  }

  /** Without signatures nothing of this machine's is worth anything: it leaves, and comes back when its key signs. */
  #failed(where: "session" | "answer", error: unknown): void {
    if (!(error instanceof ChipError)) return this.#net.events.bug({ where }, error);
    this.#net.events.chipFailed({ step: "signature", fault: error.code });
    this.#end("key_unavailable");
  }

  #send(message: FromProvider): void {
    if (!this.#over.signal.aborted) this.#outbox?.send(message);
  }

  #lossOf(code: number, reason: string): LossReason {
    if (code !== closeCodes.policy) return "closed";
    if (reason === JOIN_TOKEN_NEEDED) return this.#net.authToken === undefined ? "token_missing" : "token_refused";
    if (reason === MACHINE_UNLINKED) return "unlinked";
    if (this.#providerId === "") return protocolRefused(reason) ?? "refused";
    return reason === "replaced" ? "replaced" : "closed";
  }

  #end(reason: LossReason): void {
    if (this.#over.signal.aborted) return;
    this.#loss = reason;
    const gone = new Error("the connection is gone");
    this.#over.abort(gone);
    for (const { cancel } of this.#running.values()) cancel.abort(gone);
  }
}
