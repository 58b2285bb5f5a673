import { toBase64 } from "@darkbloom/protocol/bytes";
import { failureOfRefusal, taskOf } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { ENVELOPE_LIFE_MS } from "@darkbloom/protocol/limits";
import type { EngineRefusalCode, ProviderFault } from "@darkbloom/protocol/provider-words";
import { AnswerOpener, sealRequest, type OpenedFrame } from "@darkbloom/protocol/sealing";
import { offerOf, type CatalogEntry } from "../catalog/catalog.ts";
import { isAttested } from "../machines/eligibility.ts";
import type { Completion, Line, LineEvent, MachineView } from "../machines/ports.ts";
import type { Ask } from "./ask.ts";
import { isPlausible, longestTokensMax, promptBound } from "./bound.ts";
import type { Net } from "./net.ts";
import { Patience } from "./patience.ts";

/** After a cancel: how long the signed closing is waited for. Then nothing is charged. */
export const CLOSING_WAIT_MS = 30_000;
/** Of frames that say nothing but that a prompt is read, so many may come before the first token. */
const SIGNS_MAX = 64;
/** Credit is given back in steps of this size, so that it costs few frames. */
const CREDIT_STEP_BYTES = 64 * 1024;

/** A machine says that its model cannot take this request, nor could another: it costs the caller the request. */
export class MachineRefusal extends NetworkError {
  readonly refusal: EngineRefusalCode;

  constructor(failure: NetworkError["failure"], refusal: EngineRefusalCode) {
    super(failure);
    this.refusal = refusal;
  }
}

/**
 * One provider's turn at one request: seal, send, wait, open, cancel. Leaving the scope early cancels it.
 *
 * The provider may send only so far ahead as it has credit, and gets credit when its frames are taken:
 * a slow caller stops the model instead of filling memory.
 */
export class Attempt implements Disposable {
  readonly provider: MachineView;
  /** When it was handed over. */
  readonly wasAttested: boolean;
  readonly sealMs: number;
  readonly #net: Net;
  readonly #ask: Ask;
  readonly #entry: CatalogEntry;
  readonly #maxTokens: number;
  readonly #line: Line;
  readonly #opener: AnswerOpener;
  readonly #startedMs: number;
  #opened: OpenedFrame[] = [];
  #uncreditedBytes = 0;
  #completionTokens = 0;
  readonly #patience: Patience;
  #firstContentMs: number | undefined;
  /** Its caller has been sent something, if only that the prompt is read. */
  #isTold = false;
  #cancelled = false;

  private constructor(
    net: Net,
    ask: Ask,
    entry: CatalogEntry,
    maxTokens: number,
    line: Line,
    opener: AnswerOpener,
    provider: MachineView,
    startedMs: number,
    readingMsMax: number,
  ) {
    this.#net = net;
    this.#ask = ask;
    this.#entry = entry;
    this.#maxTokens = maxTokens;
    this.#line = line;
    this.#opener = opener;
    this.#startedMs = startedMs;
    this.provider = provider;
    this.#patience = new Patience(promptBound(ask, this.#contextTokens), readingMsMax);
    this.wasAttested = isAttested(provider, startedMs);
    this.sealMs = net.clock.monotonicMs() - startedMs;
    ask.hangUp.addEventListener("abort", this.#cancel, { once: true });
  }

  /**
   * Seals the body for the machine at the other end of the line and hands it over.
   *
   * @param readingMsMax how much longer a machine may be waited for that reads the prompt
   */
  static start(net: Net, ask: Ask, entry: CatalogEntry, maxTokens: number, line: Line, readingMsMax: number): Attempt {
    const startedMs = net.clock.monotonicMs();
    const { context, keyId, suite, evidenceSha256, nowMs } = line.sealing();
    const { envelope, secrets } = sealRequest(net, {
      header: {
        v: 1,
        suite,
        mode: "transparent",
        id: toBase64(net.random.bytes(16)),
        expires_at: new Date(nowMs + ENVELOPE_LIFE_MS).toISOString(),
        endpoint: ask.job.endpoint,
        model: entry.id,
        ...(ask.job.model !== entry.id && { asked_model: ask.job.model }),
        build: entry.build,
        stream: ask.job.stream,
        max_tokens: maxTokens,
        features: ask.job.tools.length > 0 ? ["tools"] : [],
        min_trust: ask.minTrust,
        pins: [...ask.pins],
        ...(ask.nonce !== undefined && { nonce: ask.nonce }),
        candidates: [{ provider_id: line.providerId, key_id: keyId, evidence_sha256: evidenceSha256 }],
      },
      body: ask.body,
      recipients: [{ keyId, context }],
    });
    const [secret] = secrets;
    if (!secret) throw new RangeError("sealing for one candidate gave no response secret");
    const opener = new AnswerOpener(net.hpke, secret);
    const attempt = new Attempt(net, ask, entry, maxTokens, line, opener, line.machine(), startedMs, readingMsMax);
    line.send({ callerRequestId: ask.requestId, account: ask.account, envelope });
    return attempt;
  }

  get jobId(): JobId {
    return this.#line.jobId;
  }
  get providerId(): ProviderId {
    return this.#line.providerId;
  }
  /** From the hand-over to the first token; undefined before it. */
  get firstContentMs(): number | undefined {
    return this.#firstContentMs;
  }

  /**
   * Resolves when the first content exists, hidden or not, or when the caller of a stream is to be told that the prompt is
   * read. Until then any failure may be another machine's chance.
   *
   * @param over aborts when the request is over without an answer
   * @param untoldUntilMs from then on a machine that reads, and says so in its answer, is the one that answers
   */
  async firstContent(over: AbortSignal, untoldUntilMs: number): Promise<void> {
    const signs: OpenedFrame[] = [];
    const isDue = () => signs.length > 0 && this.#ask.job.stream && this.#net.clock.monotonicMs() >= untoldUntilMs;
    while (this.#firstContentMs === undefined && !isDue()) {
      const { frame, completion } = await this.#open(over, isDue);
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
    const { frame } = await this.#open(this.#ask.shutdown);
    if (!frame) throw this.#mismatch("stream");
    if (this.#firstContentMs === undefined && !this.#isSign(frame)) this.#began();
    // A comment that keeps the stream alive says nothing of the model: only tokens do, and vectors.
    const isVectors = taskOf(this.#ask.job) === "embed" && frame.plaintext.length > 0;
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
    this.#line.began({ firstContentMs: this.#firstContentMs, promptBytes: this.#ask.body.length });
  }

  /** What the provider signed about it all; follows the final frame. */
  async completion(): Promise<Completion> {
    const { completion } = await this.#open(this.#ask.shutdown, undefined, CLOSING_WAIT_MS);
    if (!completion) throw this.#mismatch("stream");
    return completion;
  }

  /** What this machine sent is no answer, whoever signed it. */
  broken(): NetworkError {
    return this.#providerFault("generation_failed");
  }

  /** Tells routing that this was good, and how fast. */
  measured(relayedBytes: number): void {
    // The bytes of vectors say nothing of how fast it writes.
    if (taskOf(this.#ask.job) === "embed") return this.#line.measured();
    const totalMs = this.#net.clock.monotonicMs() - this.#startedMs;
    const firstContentMs = this.#firstContentMs ?? totalMs;
    this.#line.measured({ decodeMs: totalMs - firstContentMs, relayedBytes, isStream: this.#ask.job.stream });
  }

  /** The next opened frame, or the completion where that came instead; nothing where `isDue` once a sign of reading came. */
  async #open(
    signal: AbortSignal,
    isDue = (): boolean => false,
    closingWaitMs = this.#cancelled ? CLOSING_WAIT_MS : undefined,
  ): Promise<{ frame?: OpenedFrame; completion?: Completion }> {
    for (;;) {
      const frame = this.#opened.shift();
      if (frame) return { frame };
      // What says only that a prompt is read stays within the first credit.
      if (this.#isTold) this.#creditTaken();
      const waitMs = closingWaitMs ?? this.#patience.waitMs;
      const fromMs = this.#net.clock.monotonicMs();
      const event = await this.#line.take(waitMs, signal);
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
          throw this.#refusal(event.error);
      }
    }
  }

  #tooSlow(waitMs: number): NetworkError {
    const isReading = this.#firstContentMs === undefined && this.#patience.hasRead;
    return this.#fault({
      code: "too_slow",
      providerId: this.providerId,
      phase: this.#phase,
      ...(isReading ? { waitedMs: this.#patience.idleMs, reading: true } : { waitedMs: waitMs }),
    });
  }

  #openFrames(bytes: Uint8Array): OpenedFrame[] {
    try {
      const frames = this.#opener.push(bytes);
      // Counters rise; none may pass what the hold pays for.
      if (frames.every(({ completionTokens }) => completionTokens <= this.#maxTokens)) return frames;
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

  #refusal({ code, prompt_tokens }: Extract<LineEvent, { kind: "error" }>["error"]): NetworkError {
    switch (code) {
      case "busy":
        // It had a free slot by our count, or it would not have been asked.
        if (!this.#cancelled) this.#line.wasBusy();
        return new NetworkError({ code: "provider_busy", providerId: this.providerId });
      case "draining":
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
        return this.#phase === "before_content" && isPlausible(code, this.#ask, this.#contextTokens)
          ? new MachineRefusal(failureOfRefusal(code, this.#ask.job, this.#lengths(prompt_tokens)), code)
          : this.#providerFault("generation_failed");
      case "engine_ended":
        return this.#fault({ code, providerId: this.providerId, phase: this.#phase });
      case "invalid_request":
      case "model_unavailable":
      case "cannot_open":
      case "generation_failed":
      case "backpressure_timeout":
      case "internal":
        return this.#providerFault(code);
    }
  }

  /** What a machine says of a prompt's length is believed between the two figures that we know. */
  #lengths(promptTokens = 0): { contextTokens: number; promptTokens: number } {
    const contextTokens = this.#contextTokens;
    return {
      contextTokens,
      promptTokens: Math.max(contextTokens, Math.min(promptTokens, longestTokensMax(this.#ask, contextTokens))),
    };
  }

  /** As the machine signed it. */
  get #contextTokens(): number {
    return offerOf(this.#entry, this.provider.models)?.contextTokens ?? this.#entry.contextTokens;
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
  };

  [Symbol.dispose](): void {
    this.#ask.hangUp.removeEventListener("abort", this.#cancel);
    this.#line[Symbol.dispose]();
  }
}
