import { toBase64 } from "@darkbloom/protocol/bytes";
import { failureOfRefusal, taskOf } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { ENVELOPE_LIFE_MS } from "@darkbloom/protocol/limits";
import { mostOf } from "@darkbloom/protocol/lists";
import { inputTokensMax, promptTokensMax } from "@darkbloom/protocol/prompt-bounds";
import type { EngineRefusalCode, ProviderFault } from "@darkbloom/protocol/provider-words";
import { AnswerOpener, sealRequest, type OpenedFrame } from "@darkbloom/protocol/sealing";
import { offerOf, type CatalogEntry } from "../catalog/catalog.ts";
import type { Completion, Line, LineEvent, ShownView } from "../machines/ports.ts";
import type { Ask } from "./ask.ts";
import type { Net } from "./net.ts";

/** From the hand-over to the first token. A cold or busy machine may take long; a frozen one is noticed sooner by its silence. */
export const FIRST_CONTENT_WAIT_MS = 60_000;
/** Between two frames of an answer. A provider that thinks sends progress frames. */
export const STREAM_IDLE_MS = 60_000;
/** After a cancel: how long the signed closing is waited for. Then nothing is charged. */
export const CLOSING_WAIT_MS = 30_000;
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
  readonly provider: ShownView;
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
  /** How long frames were waited for since the model last made a token. */
  #idleMs = 0;
  #firstContentMs: number | undefined;
  #cancelled = false;

  private constructor(
    net: Net,
    ask: Ask,
    entry: CatalogEntry,
    maxTokens: number,
    line: Line,
    opener: AnswerOpener,
    provider: ShownView,
    startedMs: number,
  ) {
    this.#net = net;
    this.#ask = ask;
    this.#entry = entry;
    this.#maxTokens = maxTokens;
    this.#line = line;
    this.#opener = opener;
    this.#startedMs = startedMs;
    this.provider = provider;
    this.sealMs = net.clock.monotonicMs() - startedMs;
    ask.hangUp.addEventListener("abort", this.#cancel, { once: true });
  }

  /** Seals the body for the machine at the other end of the line and hands it over. */
  static start(net: Net, ask: Ask, entry: CatalogEntry, maxTokens: number, line: Line): Attempt {
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
    const attempt = new Attempt(net, ask, entry, maxTokens, line, opener, line.machine(), startedMs);
    line.send({ callerRequestId: ask.requestId, account: ask.account, envelope });
    return attempt;
  }

  get jobId(): JobId {
    return this.#line.jobId;
  }
  get providerId(): ProviderId {
    return this.#line.providerId;
  }
  /** From the hand-over to the first token; zero before it. */
  get firstContentMs(): number {
    return this.#firstContentMs ?? 0;
  }

  /**
   * Resolves when the first content exists, hidden or not. Until then any failure may be another machine's chance.
   *
   * @param over aborts when the request is over without an answer
   */
  async firstContent(over: AbortSignal): Promise<void> {
    const { frame } = await this.#open(FIRST_CONTENT_WAIT_MS, over);
    if (!frame) throw this.#mismatch("stream");
    this.#firstContentMs = this.#net.clock.monotonicMs() - this.#startedMs;
    this.#line.began({ firstContentMs: this.#firstContentMs, promptBytes: this.#ask.body.length });
    this.#opened.unshift(frame);
  }

  /** The next frame; the last one is marked final. After a hang-up too, until the provider has closed. */
  async next(): Promise<OpenedFrame> {
    const fromMs = this.#net.clock.monotonicMs();
    const { frame } = await this.#open(
      this.#cancelled ? CLOSING_WAIT_MS : Math.max(1, STREAM_IDLE_MS - this.#idleMs),
      this.#ask.shutdown,
    );
    if (!frame) throw this.#mismatch("stream");
    // A comment that keeps the stream alive says nothing of the model: only tokens do, and vectors.
    const isVectors = taskOf(this.#ask.job) === "embed" && frame.plaintext.length > 0;
    const progressed = isVectors || frame.completionTokens > this.#completionTokens;
    this.#idleMs = progressed ? 0 : this.#idleMs + this.#net.clock.monotonicMs() - fromMs;
    this.#completionTokens = frame.completionTokens;
    return frame;
  }

  /** What the provider signed about it all; follows the final frame. */
  async completion(): Promise<Completion> {
    const { completion } = await this.#open(CLOSING_WAIT_MS, this.#ask.shutdown);
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

  /** The next opened frame, or the completion where that came instead. */
  async #open(waitMs: number, signal: AbortSignal): Promise<{ frame?: OpenedFrame; completion?: Completion }> {
    for (;;) {
      const frame = this.#opened.shift();
      if (frame) return { frame };
      this.#creditTaken();
      const event = await this.#line.take(waitMs, signal);
      switch (event?.kind) {
        case undefined:
          throw this.#fault({ code: "too_slow", providerId: this.providerId, phase: this.#phase, waitedMs: waitMs });
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
        return this.#isPlausible(code)
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

  /**
   * A refusal costs the caller the request and the machine nothing, so it is believed no further than it must
   * be: before any content, and of something that was sent.
   */
  #isPlausible(refusal: EngineRefusalCode): boolean {
    const { job } = this.#ask;
    if (this.#phase === "after_content") return false;
    switch (refusal) {
      case "context_exceeded":
        // A prompt that fills the context leaves no room for an answer; a vector needs none.
        return this.#longestTokens >= this.#contextTokens + (job.embed ? 1 : 0);
      case "messages_refused":
        return true;
      case "schema_refused":
        return job.format !== undefined;
      case "tools_refused":
        return job.tools.length > 0;
      case "tokens_refused":
        return (job.embed?.inputs ?? job.raw?.prompts ?? []).some((text) => typeof text !== "string");
      case "dimensions_refused":
        return job.embed?.dimensions !== undefined;
      case "continuation_refused":
        return job.continues === true;
      case "thinking_refused":
        return job.thinksOrRefuses === true;
    }
  }

  /** What a machine says of a prompt's length is believed between the two figures that we know. */
  #lengths(promptTokens = 0): { contextTokens: number; promptTokens: number } {
    const contextTokens = this.#contextTokens;
    return {
      contextTokens,
      promptTokens: Math.max(contextTokens, Math.min(promptTokens, this.#longestTokens)),
    };
  }

  /** The most tokens that what shares one context can come to: the prompt, or the longest of several texts. */
  get #longestTokens(): number {
    const { job, body } = this.#ask;
    return job.embed
      ? mostOf(job.embed.inputs.map((input) => inputTokensMax(input, this.#contextTokens + 1)))
      : promptTokensMax(body.length);
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
    return this.#firstContentMs === undefined ? "before_content" : "after_content";
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
