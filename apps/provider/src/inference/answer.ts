import {
  dialects,
  fromUtf8,
  NetworkError,
  signReceipt,
  StopWatcher,
  ThinkSplitter,
  toBase64,
  toHex,
  type Clock,
  type Crypto,
  type FinishReason,
  type FromCoordinator,
  type FromProvider,
  type Hpke,
  type Job,
  type Opened,
  type Random,
  type Receipt,
  type Renderer,
  type SealHeader,
  type Signer,
  type TextDelta,
  type Usage,
} from "@darkbloom/protocol";
import { CreditTimeout, type Credit } from "./credit.ts";
import { EngineRefusal, type Engine } from "./engine.ts";
import { Outgoing } from "./outgoing.ts";

type Request = Extract<FromCoordinator, { type: "inference_request" }>;
type Refusal = Extract<FromProvider, { type: "inference_error" }>;

/** What answering needs from outside. */
export interface AnswerNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly random: Random;
  readonly engine: Engine;
  readonly signer: Signer;
  /** Of this connection. */
  readonly providerId: string;
  /** Opens an envelope with the keys that are in force now. */
  open(envelope: Request["envelope"]): Opened;
  send(message: FromProvider): void;
  /** An assumption of ours broke, or the engine did. */
  failed(error: unknown): void;
}

/**
 * One request, from the sealed envelope to the signed receipt: open → lower → run → render → hash →
 * seal → sign. Exactly one `inference_complete` or `inference_error` ends it.
 *
 * The bytes that are rendered here are the ones that the caller receives; nobody rewrites them on the
 * way. A cancel stops the model between two tokens; what exists by then is still closed and signed, so
 * that it can be paid for.
 *
 * @param lost aborts when the connection is gone: then nothing can be told and nothing is
 */
export async function answer(
  net: AnswerNet,
  request: Request,
  credit: Credit,
  cancel: AbortSignal,
  lost: AbortSignal,
): Promise<void> {
  const refuse = (code: Refusal["code"], more: Pick<Refusal, "context_tokens"> = {}) =>
    net.send({ type: "inference_error", request_id: request.request_id, code, ...more });

  try {
    const opened = net.open(request.envelope);
    if ("refused" in opened) return refuse(opened.refused);
    const job = lower(opened.header, opened.body);
    if (!job) return refuse("invalid_request");
    if (opened.header.build !== net.engine.model.build) return refuse("model_unavailable");
    net.send({ type: "inference_accepted", request_id: request.request_id });

    const send = (frames: string) =>
      net.send({ type: "inference_response_chunk", request_id: request.request_id, frames });
    const outgoing = new Outgoing(net, opened.secret, credit, send);
    const told = await tell(net, request, opened.header, job, outgoing, cancel, lost);
    if (!told) return refuse("cancelled");
    net.send(await closing(net, request, opened, job, told));
  } catch (error) {
    if (lost.aborted) return;
    if (error instanceof EngineRefusal)
      return error.code === "context_exceeded"
        ? refuse(error.code, { context_tokens: net.engine.model.contextTokens })
        : refuse("invalid_request");
    if (error instanceof CreditTimeout) return refuse("backpressure_timeout");
    net.failed(error);
    refuse("generation_failed");
  }
}

/**
 * Decodes the body, and refuses one that disagrees with the clear fields that were charged and routed by.
 * Sealed mode is refused too: its receipt must not hold hashes of plaintext, and this one does.
 */
function lower(header: SealHeader, body: Uint8Array): Job | undefined {
  try {
    const job = dialects[header.endpoint].decode(JSON.parse(fromUtf8(body)));
    const agrees = job.endpoint === header.endpoint && job.model === header.model && job.stream === header.stream;
    return agrees && header.mode === "transparent" ? job : undefined;
  } catch (error) {
    if (error instanceof NetworkError || error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

interface Told {
  readonly responseHash: Uint8Array<ArrayBuffer>;
  readonly finish: FinishReason;
  readonly usage: Usage;
  readonly sampling: Receipt["sampling"];
  readonly startedAt: number;
}

/** Runs the model and sends what it says, or undefined where a cancel came before its first token. */
async function tell(
  net: AnswerNet,
  request: Request,
  header: SealHeader,
  job: Job,
  outgoing: Outgoing,
  cancel: AbortSignal,
  lost: AbortSignal,
): Promise<Told | undefined> {
  const startedAt = net.clock.now();
  const seed = job.sampling.seed ?? new DataView(net.random.bytes(4).buffer).getUint32(0);
  const prompt = net.engine.prompt(job.messages);
  const room = net.engine.model.contextTokens - prompt.tokens.length;
  if (room < 1) throw new EngineRefusal("context_exceeded");
  const maxTokens = Math.min(header.max_tokens, job.maxTokens, room);
  const renderer = dialects[job.endpoint].render(job, {
    jobId: request.request_id,
    createdSec: Math.floor(startedAt / 1000),
    model: job.model,
  });

  const stop = AbortSignal.any([cancel, lost]);
  const words = new Words(job, renderer, prompt.opensThinking);
  const run = net.engine.run(prompt, { ...job.sampling, seed, maxTokens }, stop);
  let completionTokens = 0;
  let cachedTokens = 0;
  let finish: FinishReason = "stop";
  let begun = false;
  try {
    for (;;) {
      const step = await run.next();
      if (!begun) {
        begun = true;
        outgoing.add(renderer.begin());
      }
      if (step.done) {
        ({ finish, cachedTokens, completionTokens } = step.value);
        break;
      }
      completionTokens = step.value.completionTokens;
      outgoing.add(words.push(step.value.text));
      if (words.stopped) break;
      await (completionTokens === 1 ? outgoing.begin(1, stop) : outgoing.flush(completionTokens, stop));
    }
  } catch (error) {
    if (lost.aborted || !cancel.aborted) throw error;
    if (!begun) return undefined;
    finish = "cancelled";
  } finally {
    await run.return({ finish: "stop", cachedTokens, completionTokens });
  }

  outgoing.add(words.end());
  // What was held back may hold a stop string too.
  if (words.stopped && finish === "length") finish = "stop";
  const usage: Usage = {
    promptTokens: prompt.tokens.length,
    cachedTokens,
    completionTokens,
    reasoningTokens: Math.min(words.thoughtPieces, completionTokens),
  };
  outgoing.add(renderer.end(finish, usage));
  const responseHash = await outgoing.end(completionTokens, lost);
  const { temperature, topP, stop: stops } = job.sampling;
  const sampling = { temperature, top_p: topP, seed, stop: stops.length, max_tokens: maxTokens };
  return { responseHash, finish, usage, sampling, startedAt };
}

/**
 * The model's text on its way into the dialect: thoughts are parted from what is said, and stop strings
 * end what is said. A stop string in a thought ends nothing: the caller asked about the answer.
 */
class Words {
  readonly #splitter: ThinkSplitter;
  readonly #watcher: StopWatcher;
  readonly #renderer: Renderer;
  #stopped = false;
  /** Pieces of text that held a thought: about as many tokens, since a token is one piece. */
  thoughtPieces = 0;

  constructor(job: Job, renderer: Renderer, startsThinking: boolean) {
    this.#splitter = new ThinkSplitter({ startsThinking });
    this.#watcher = new StopWatcher(job.sampling.stop);
    this.#renderer = renderer;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  push(text: string): string {
    const deltas = this.#splitter.push(text);
    if (deltas.some(({ kind }) => kind === "thought")) this.thoughtPieces++;
    return deltas.map((delta) => this.#render(delta)).join("");
  }

  /** What was held back and is text after all. */
  end(): string {
    if (this.#stopped) return "";
    const rest = this.#splitter.end().map((delta) => this.#render(delta));
    const held = this.#watcher.end();
    return rest.join("") + (held === "" ? "" : this.#renderer.delta({ kind: "said", text: held }));
  }

  #render(delta: TextDelta): string {
    if (delta.kind === "thought") return this.#renderer.delta(delta);
    const { text, stopped } = this.#watcher.push(delta.text);
    if (stopped !== undefined) this.#stopped = true;
    return text === "" ? "" : this.#renderer.delta({ kind: "said", text });
  }
}

/** Signs the hash and the receipt. */
async function closing(
  net: AnswerNet,
  request: Request,
  { header, body }: Extract<Opened, { body: unknown }>,
  job: Job,
  told: Told,
): Promise<FromProvider> {
  const { engine, signer, clock, crypto, providerId } = net;
  const candidate = header.candidates.find(({ provider_id }) => provider_id === providerId);
  if (!candidate) throw new RangeError("an opened envelope does not name this provider");
  const receipt: Receipt = {
    v: 1,
    job_id: request.request_id,
    request_id: request.caller_request_id,
    privacy: header.mode,
    endpoint: header.endpoint,
    model: job.model,
    build: engine.model.build,
    weights_sha256: engine.model.weightsSha256,
    engine: { name: engine.name, version: engine.version },
    request_sha256: toHex(crypto.sha256(body)),
    response_sha256: toHex(told.responseHash),
    ...(header.nonce !== undefined && { nonce: header.nonce }),
    sampling: told.sampling,
    usage: {
      prompt_tokens: told.usage.promptTokens,
      cached_tokens: told.usage.cachedTokens,
      completion_tokens: told.usage.completionTokens,
      reasoning_tokens: told.usage.reasoningTokens,
    },
    finish_reason: told.finish,
    provider_id: providerId,
    identity_key: toBase64(signer.publicKey),
    evidence_sha256: candidate.evidence_sha256,
    started_at: new Date(told.startedAt).toISOString(),
    finished_at: new Date(clock.now()).toISOString(),
  };
  const [signed, responseSignature] = await Promise.all([
    signReceipt(signer, receipt),
    signer.signResponseHash(told.responseHash),
  ]);
  return {
    type: "inference_complete",
    request_id: request.request_id,
    receipt: signed.jcs,
    receipt_signature: signed.signature,
    response_signature: toBase64(responseSignature),
  };
}
