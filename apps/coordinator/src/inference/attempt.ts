import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import type { EngineRefusalCode, ProviderFault } from "@darkbloom/protocol/provider-words";
import type { OpenedFrame } from "@darkbloom/protocol/sealing";
import { offerOf } from "../catalog/catalog.ts";
import { isAttested } from "../machines/eligibility.ts";
import type { Completion, Line, MachineView } from "../machines/ports.ts";
import type { Order } from "./ask.ts";
import { promptBound } from "./bound.ts";
import { MachineRefusal, saidOfSealed, type SaidError } from "./machine-words.ts";
import type { Net } from "./net.ts";
import { Patience } from "./patience.ts";
import type { Exchange } from "./privacy/content.ts";
import type { AnswerFacts } from "./reply.ts";

/** After a cancel: how long the signed closing is waited for. Then nothing is charged. */
export const CLOSING_WAIT_MS = 30_000;
/** Of frames that say nothing but that a prompt is read, so many may come before the first token. */
const SIGNS_MAX = 64;
/** Credit is given back in steps of this size, so that it costs few frames. */
const CREDIT_STEP_BYTES = 64 * 1024;

/**
 * One provider's turn at one request: seal, send, wait, open, cancel. Leaving the scope early cancels it.
 *
 * The provider may send only so far ahead as it has credit, and gets credit when its frames are taken:
 * a slow caller stops the model instead of filling memory.
 */
export class Attempt implements Disposable {
  /** As it was when the request was handed over. */
  readonly machine: MachineView;
  readonly #wasAttested: boolean;
  readonly exchange: Exchange;
  readonly sealMs: number;
  readonly #net: Net;
  readonly #order: Order;
  readonly #line: Line;
  readonly #startedMs: number;
  #opened: OpenedFrame[] = [];
  #uncreditedBytes = 0;
  #completionTokens = 0;
  readonly #patience: Patience;
  #firstContentMs: number | undefined;
  /** Its caller has been sent something, if only that the prompt is read. */
  #isTold = false;
  #cancelled = false;
  /** Nothing is awaited any more but the signed closing, and that until then. */
  #closingUntilMs: number | undefined;

  private constructor(
    net: Net,
    order: Order,
    line: Line,
    exchange: Exchange,
    { startedMs, readingMsMax }: { startedMs: number; readingMsMax: number },
  ) {
    const { ask } = order;
    this.#net = net;
    this.#order = order;
    this.#line = line;
    this.exchange = exchange;
    this.#startedMs = startedMs;
    this.machine = line.machine();
    this.#wasAttested = isAttested(this.machine, startedMs);
    this.#patience = new Patience(promptBound(ask.terms, this.#contextTokens), readingMsMax);
    this.sealMs = net.clock.monotonicMs() - startedMs;
    ask.hangUp.addEventListener("abort", this.#cancel, { once: true });
    ask.shutdown.addEventListener("abort", this.#interrupt, { once: true });
  }

  /**
   * Seals the request for the machine at the other end of the line and hands it over.
   *
   * @param readingMsMax how much longer a machine may be waited for that reads the prompt
   */
  static start(net: Net, order: Order, line: Line, readingMsMax: number): Attempt {
    const startedMs = net.clock.monotonicMs();
    const { content, terms } = order.ask;
    const exchange = content.exchangeOver(line, order.ask.terms, order, net);
    const attempt = new Attempt(net, order, line, exchange, { startedMs, readingMsMax });
    line.send({ callerRequestId: terms.requestId, account: terms.account, envelope: exchange.envelope });
    return attempt;
  }

  get jobId(): JobId {
    return this.#line.jobId;
  }
  get providerId(): ProviderId {
    return this.#line.providerId;
  }
  /** What the caller is told of whoever answers. */
  get facts(): Omit<AnswerFacts, "timing"> {
    const { providerId, toldSerial, chipName, verdict } = this.machine;
    return {
      jobId: this.jobId,
      providerId,
      serial: toldSerial,
      chip: chipName,
      attested: this.#wasAttested,
      trustLevel: verdict.level,
      privacy: this.#order.ask.content.privacy,
    };
  }
  /** From the hand-over to the first token; undefined before it. */
  get firstContentMs(): number | undefined {
    return this.#firstContentMs;
  }

  /**
   * Resolves when the first content exists, hidden or not, or when the caller of a stream is to be told that the prompt is
   * read. Until then any failure may be another machine's chance.
   *
   * @param untoldUntilMs from then on a machine that reads, and says so in its answer, is the one that answers
   */
  async firstContent(untoldUntilMs: number): Promise<void> {
    const signs: OpenedFrame[] = [];
    const isDue = () =>
      signs.length > 0 && this.#order.ask.terms.stream && this.#net.clock.monotonicMs() >= untoldUntilMs;
    while (this.#firstContentMs === undefined && !isDue()) {
      const { frame, completion } = await this.#open(isDue);
      if (completion) throw this.#mismatch("stream");
      if (!frame) continue;
      if (!this.#isSign(frame) || signs.length === SIGNS_MAX) this.#began();
      signs.push(frame);
    }
    this.#isTold = true;
    this.#opened = [...signs, ...this.#opened];
  }

  /** The next frame; the last one is marked final. After a hang-up too, until the provider has closed. */
  async next(): Promise<OpenedFrame> {
    const { frame } = await this.#open();
    if (!frame) throw this.#mismatch("stream");
    if (this.#firstContentMs === undefined && !this.#isSign(frame)) this.#began();
    // A comment that keeps the stream alive says nothing of the model: only tokens do, and vectors.
    const isVectors = this.#order.ask.terms.task === "embed" && frame.plaintext.length > 0;
    if (isVectors || frame.completionTokens > this.#completionTokens) this.#patience.spoke();
    this.#completionTokens = frame.completionTokens;
    return frame;
  }

  /** Before the first token, from a machine that says that it reads: it keeps the stream alive, and says nothing more. */
  #isSign({ completionTokens, final }: OpenedFrame): boolean {
    return this.#patience.hasRead && completionTokens === 0 && !final;
  }

  #began(): void {
    this.#firstContentMs = this.#net.clock.monotonicMs() - this.#startedMs;
    this.#line.began({ firstContentMs: this.#firstContentMs, promptBytes: this.#order.ask.terms.bodyBytes });
  }

  /** What the provider signed about it all; follows the final frame. */
  async completion(): Promise<Completion> {
    this.#closingUntilMs = this.#net.clock.monotonicMs() + CLOSING_WAIT_MS;
    const { completion } = await this.#open();
    if (!completion) throw this.#mismatch("stream");
    return completion;
  }

  /** What this machine sent is no answer, whoever signed it. */
  broken(): NetworkError {
    return this.#providerFault("generation_failed");
  }

  /** Tells routing that this was good, and how fast. */
  measured(relayedBytes: number): void {
    // The bytes of vectors, or padded ones, say nothing of how fast it writes.
    const { content, terms } = this.#order.ask;
    if (terms.task === "embed" || content.privacy === "sealed") return this.#line.measured();
    const totalMs = this.#net.clock.monotonicMs() - this.#startedMs;
    const firstContentMs = this.#firstContentMs ?? totalMs;
    this.#line.measured({ decodeMs: totalMs - firstContentMs, relayedBytes, isStream: terms.stream });
  }

  /** The next opened frame, or the completion where that came instead; nothing where `isDue` once a sign of reading came. */
  async #open(isDue = (): boolean => false): Promise<{ frame?: OpenedFrame; completion?: Completion }> {
    for (;;) {
      const frame = this.#opened.shift();
      if (frame) return { frame };
      // What says only that a prompt is read stays within the first credit.
      if (this.#isTold) this.#creditTaken();
      const fromMs = this.#net.clock.monotonicMs();
      if (this.#cancelled) this.#closingUntilMs ??= fromMs + CLOSING_WAIT_MS;
      const waitMs = this.#closingUntilMs === undefined ? this.#patience.waitMs : this.#closingUntilMs - fromMs;
      // However much it sends, and however fast: what says nothing new is waited for no longer.
      if (waitMs <= 0) throw this.#tooSlow(this.#patience.idleMs);
      this.#throwIfOver();
      const event = await this.#line.take(waitMs);
      this.#patience.waited(this.#net.clock.monotonicMs() - fromMs);
      switch (event?.kind) {
        case undefined:
          throw this.#tooSlow(waitMs);
        case "reading":
          this.#patience.read(event.readTokens);
          if (isDue()) return {};
          continue;
        case "frames":
          this.#uncreditedBytes += event.bytes.length;
          this.#opened = this.#openFrames(event.bytes);
          continue;
        case "complete":
          return { completion: event.completion };
        case "gone":
          throw this.#fault({
            code: event.silent ? "provider_silent" : "provider_gone",
            providerId: this.providerId,
            phase: this.#phase,
          });
        case "error":
          throw await this.#refusal(event.error);
      }
    }
  }

  /** Who has been told of an answer waits for its closing after a hang-up; who has not, for nothing. */
  #throwIfOver(): void {
    const { hangUp, shutdown } = this.#order.ask;
    shutdown.throwIfAborted();
    if (!this.#isTold) hangUp.throwIfAborted();
  }

  #tooSlow(waitMs: number): NetworkError {
    const isReading = this.#firstContentMs === undefined && this.#patience.hasRead;
    const waitedMs = this.#closingUntilMs === undefined ? waitMs : CLOSING_WAIT_MS;
    return this.#fault({
      code: "too_slow",
      providerId: this.providerId,
      phase: this.#phase,
      ...(isReading ? { waitedMs: this.#patience.idleMs, reading: true } : { waitedMs }),
    });
  }

  #openFrames(bytes: Uint8Array): OpenedFrame[] {
    try {
      const frames = this.exchange.opener.push(bytes);
      // Counters rise; none may pass what the hold pays for.
      if (frames.every(({ completionTokens }) => completionTokens <= this.#order.maxTokens)) return frames;
    } catch {
      // Not what its provider sealed, or not in that order.
    }
    throw this.#mismatch("stream");
  }
  #creditTaken(): void {
    if (this.#uncreditedBytes < CREDIT_STEP_BYTES) return;
    this.#line.credit(this.#uncreditedBytes);
    this.#uncreditedBytes = 0;
  }

  async #refusal(error: SaidError): Promise<NetworkError> {
    const { code, prompt_tokens } = error;
    switch (code) {
      case "busy":
      case "over_share":
      case "draining":
        if (this.#hasTaken) return this.#providerFault("generation_failed");
        // It had a free slot by our count, or it would not have been asked. What a caller has sent it lately, only it knows.
        if (code === "busy") this.#line.wasBusy();
        if (code === "over_share") this.#line.declined(this.#order.ask.terms.account);
        return new NetworkError({ code: "provider_busy", providerId: this.providerId });
      case "cancelled":
        // Only who was told to stop may say that it did.
        return this.#cancelled
          ? new NetworkError({ code: "caller_gone", phase: this.#phase })
          : this.#providerFault("generation_failed");
      case "context_exceeded":
      case "messages_refused":
      case "schema_refused":
      case "tools_refused":
      case "tokens_refused":
      case "dimensions_refused":
      case "continuation_refused":
      case "thinking_refused":
        return this.#engineRefusal(code, prompt_tokens);
      case "refused":
      case "cannot_open":
        return (
          (await this.#saidOfSealed(error)) ?? this.#providerFault(code === "refused" ? "generation_failed" : code)
        );
      case "engine_ended":
        return this.#fault({ code, providerId: this.providerId, phase: this.#phase });
      case "invalid_request":
      case "model_unavailable":
      case "generation_failed":
      case "backpressure_timeout":
      case "internal":
        return this.#providerFault(code);
    }
  }

  /** Who has begun, or says that it reads, can neither be too busy nor refuse: that is an answer that broke off like any other. */
  get #hasTaken(): boolean {
    return this.#isTold || this.#patience.hasRead;
  }

  /** Believed of who has not taken it alone, and of what was sent. */
  #engineRefusal(code: EngineRefusalCode, promptTokens: number | undefined): NetworkError {
    const { content, terms } = this.#order.ask;
    const failure = !this.#hasTaken && content.refusalOf(code, terms, this.#contextTokens, promptTokens);
    return failure ? new MachineRefusal(failure, code) : this.#providerFault("generation_failed");
  }

  /** Believed likewise, where it was the caller who sealed it. */
  #saidOfSealed(error: SaidError): Promise<NetworkError | undefined> | undefined {
    const { machine, jobId } = this;
    const { content, terms } = this.#order.ask;
    if (this.#hasTaken || content.privacy !== "sealed") return undefined;
    return saidOfSealed(this.#net.crypto, error, { machine, jobId, requestSha256: terms.bodySha256 });
  }

  /** As the machine signed it. */
  get #contextTokens(): number {
    const { entry } = this.#order;
    return offerOf(entry, this.machine.models)?.contextTokens ?? entry.contextTokens;
  }

  #providerFault(fault: ProviderFault): NetworkError {
    return this.#fault({ code: "provider_fault", providerId: this.providerId, phase: this.#phase, fault });
  }

  #fault(failure: ConstructorParameters<typeof NetworkError>[0]): NetworkError {
    if (!this.#cancelled) this.#line.faulted();
    return new NetworkError(failure);
  }

  #mismatch(mismatch: "stream"): NetworkError {
    return this.#fault({ code: "receipt_mismatch", providerId: this.providerId, phase: this.#phase, mismatch });
  }

  get #phase(): "before_content" | "after_content" {
    return this.#isTold ? "after_content" : "before_content";
  }

  readonly #cancel = (): void => {
    this.#cancelled = true;
    this.#line.cancel();
    if (!this.#isTold) this.#line.interrupt(this.#order.ask.hangUp.reason);
  };

  readonly #interrupt = (): void => this.#line.interrupt(this.#order.ask.shutdown.reason);

  [Symbol.dispose](): void {
    this.#order.ask.hangUp.removeEventListener("abort", this.#cancel);
    this.#order.ask.shutdown.removeEventListener("abort", this.#interrupt);
    this.#line[Symbol.dispose]();
  }
}
