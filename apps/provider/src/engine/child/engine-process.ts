import type { EmbedInput } from "@darkbloom/protocol/dialects";
import { fileURLToPath } from "node:url";
import {
  type Embedded,
  EngineEnded,
  type Engine,
  type EngineEndedCode,
  type EngineLifecycle,
  type Generation,
  type LoadedModel,
  type OnRead,
  type Prompt,
  type PromptJob,
} from "../../inference/engine.ts";
import type { EngineState } from "../../events/events.ts";
import type { LlamaOptions } from "../llama/llama-open.ts";
import type { PostureEntry } from "../../posture/posture.ts";
import { ModelFileError } from "../../files/weights.ts";
import { EngineLife, EngineLoadError, type LifeEnd } from "./engine-life.ts";
import { promptJobOf } from "./orders.ts";
import { EngineSpeechError, type EngineRecord } from "./records.ts";
import { errorOf, GIVE_TOKENS, ENGINE_LINE_TOKENS_MAX, RunReader, type Listener } from "./run-reader.ts";
import { watchBounds, type WatchBounds } from "./watchdog.ts";
import { moreOfPrompt, type LoadedFacts, type LoadingStep } from "./words.ts";

/** Before a process that ended is started again, doubling from the first to the second. */
const ENGINE_RESTART_FIRST_MS = 250;
export const ENGINE_RESTART_PAUSE_MS_MAX = 30_000;
/** A process that ran for so long crashed anew, rather than again. */
const ENGINE_STEADY_MS = 60_000;
/** Loads in a row that may fail before it is given up. */
export const ENGINE_LOADS_FAILED_MAX = 5;

export interface EngineProcessOptions {
  readonly load: LlamaOptions;
  readonly entry?: string;
  readonly bounds?: Partial<WatchBounds>;
  readonly restartFirstMs?: number;
  onLoading?(step: LoadingStep): void;
}

/**
 * A model in a process of its own, so that no request can take the machine's identity, its connection or the other
 * requests along: a process that hangs, swells or crashes is ended and started again.
 */
export class EngineProcess implements Engine, EngineLifecycle {
  readonly name: string;
  readonly version: string;
  readonly model: LoadedModel;
  readonly slots: number;
  readonly #options: EngineProcessOptions;
  readonly #listeners = new Map<number, Listener>();
  readonly #watchers = new Set<(state: EngineState) => void>();
  #facts: LoadedFacts;
  #life: EngineLife | undefined;
  #nextId = 1;
  #loadsFailed = 0;
  #pauseMs: number;
  #restart: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(options: EngineProcessOptions, life: EngineLife, facts: LoadedFacts) {
    this.#options = options;
    this.#facts = facts;
    this.name = facts.name;
    this.version = facts.version;
    this.model = { ...facts.model };
    this.slots = facts.slots;
    this.#pauseMs = this.#firstPauseMs;
    this.#follow(life);
  }

  /** @throws ModelFileError or EngineLoadError, with a sentence for the machine's owner */
  static async start(options: EngineProcessOptions): Promise<EngineProcess> {
    const life = lifeOf(options);
    try {
      return new EngineProcess(options, life, await life.loaded);
    } catch (error) {
      await life[Symbol.asyncDispose]();
      if (error instanceof EngineLoadError && error.trouble?.kind === "model")
        throw new ModelFileError(error.message, { cause: error });
      throw error;
    }
  }

  get lifecycle(): EngineLifecycle {
    return this;
  }

  get isReady(): boolean {
    return this.#life !== undefined;
  }

  /** Of its process. */
  get posture(): readonly PostureEntry[] {
    return this.#facts.posture;
  }

  get facts(): LoadedFacts {
    return this.#facts;
  }

  /** For tests: the process that the model is in. */
  get pid(): number | undefined {
    return this.#life?.pid;
  }

  watch(listener: (state: EngineState) => void): Disposable {
    this.#watchers.add(listener);
    return { [Symbol.dispose]: () => void this.#watchers.delete(listener) };
  }

  async prompt(job: PromptJob): Promise<Prompt> {
    const life = this.#running();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Prompt>();
    this.#listeners.set(id, {
      begun: false,
      fail: reject,
      take: (record) => {
        if (record.kind === "fail") return reject(errorOf(record.json));
        if (record.kind !== "prompt") throw new EngineSpeechError("not a prompt");
        if (record.tokens.length > PROMPT_TOKENS_MAX) throw new EngineSpeechError("a prompt without end");
        resolve({ tokens: record.tokens, ...moreOfPrompt.parse(record.json) });
      },
    });
    life.send({ kind: "prompt", id, job: promptJobOf(job) });
    try {
      return await promise;
    } finally {
      this.#listeners.delete(id);
    }
  }

  async *run(
    prompt: Prompt,
    generation: Generation,
    signal: AbortSignal,
    cacheScope?: string,
    onRead?: OnRead,
  ): ReturnType<Engine["run"]> {
    signal.throwIfAborted();
    const life = this.#running();
    const id = this.#nextId++;
    const reader = new RunReader(onRead);
    const wake = () => reader.wake();
    signal.addEventListener("abort", wake, { once: true });
    this.#listeners.set(id, reader);
    life.send({ kind: "run", id, prompt, generation, cacheScope, ahead: ENGINE_LINE_TOKENS_MAX });
    let taken = 0;
    try {
      for (;;) {
        signal.throwIfAborted();
        const piece = reader.shift();
        if (piece) {
          if (++taken === GIVE_TOKENS) {
            life.send({ kind: "more", id, tokens: taken });
            taken = 0;
          }
          yield piece;
        } else if (reader.ended) {
          return reader.ended;
        } else {
          await reader.more();
        }
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#listeners.delete(id);
      if (!reader.isOver) life.send({ kind: "stop", id });
    }
  }

  async fit(inputs: readonly EmbedInput[], signal: AbortSignal): Promise<void> {
    for (const some of shares(inputs))
      await this.#ordered("fit", some, signal, (record) => {
        if (record.kind !== "fits") throw new EngineSpeechError("neither a fit nor a refusal");
      });
  }

  async *embed(inputs: readonly EmbedInput[], signal: AbortSignal): AsyncGenerator<Embedded, void> {
    const { vectorLength } = this.model;
    for (const some of shares(inputs))
      yield* await this.#ordered("embed", some, signal, (record) => {
        if (record.kind !== "vectors") throw new EngineSpeechError("no vectors");
        const { vectors } = record;
        if (vectors.length !== some.length || vectors.some(({ vector }) => vector.length !== vectorLength))
          throw new EngineSpeechError("other vectors than were asked for");
        return vectors;
      });
  }

  /** Of as many inputs as go over the line at once; `read` takes what is answered. */
  async #ordered<Answer>(
    kind: "fit" | "embed",
    inputs: readonly EmbedInput[],
    signal: AbortSignal,
    read: (record: EngineRecord) => Answer,
  ): Promise<Answer> {
    signal.throwIfAborted();
    const life = this.#running();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#listeners.set(id, {
      begun: false,
      fail: reject,
      take: (record) => (record.kind === "fail" ? reject(errorOf(record.json)) : resolve(read(record))),
    });
    const stop = () => {
      life.send({ kind: "stop", id });
      reject(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
    life.send({ kind, id, inputs });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#listeners.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    const life = this.#life;
    this.#life = undefined;
    this.#failAll(() => "generation_failed");
    await life?.[Symbol.asyncDispose]();
  }

  get #firstPauseMs(): number {
    return this.#options.restartFirstMs ?? ENGINE_RESTART_FIRST_MS;
  }

  #running(): EngineLife {
    if (!this.#life) throw new EngineEnded("busy");
    return this.#life;
  }

  #take(record: EngineRecord): void {
    // Who has left hears nothing more.
    this.#listeners.get(record.id)?.take(record);
  }

  #follow(life: EngineLife): void {
    this.#life = life;
    life.listen((record) => this.#take(record));
    const startedAtMs = performance.now();
    const ended = async (): Promise<void> => {
      const end = await life.ended;
      if (this.#isClosed) return;
      this.#life = undefined;
      const blamed = this.#blamedFor(end);
      this.#failAll((id) => (id === blamed ? "engine_ended" : "generation_failed"));
      if (performance.now() - startedAtMs > ENGINE_STEADY_MS) this.#pauseMs = this.#firstPauseMs;
      this.#startAgain(`The model's process ${end.how}.`);
    };
    void ended();
  }

  /**
   * The request that an end is laid to: the one that the loop was in, or the only one there was. A request that may
   * have ended one machine's model is not given to another's.
   */
  #blamedFor({ workOf }: LifeEnd): number | undefined {
    if (workOf !== undefined) return workOf;
    const [only, other] = this.#listeners.keys();
    if (other === undefined) return only;
    const [fresh, second] = [...this.#listeners].filter(([, { begun }]) => !begun);
    return second === undefined ? fresh?.[0] : undefined;
  }

  #failAll(codeOf: (id: number) => EngineEndedCode): void {
    for (const [id, listener] of this.#listeners) listener.fail(new EngineEnded(codeOf(id)));
    this.#listeners.clear();
  }

  #startAgain(why: string): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, ENGINE_RESTART_PAUSE_MS_MAX);
    this.#tell({ state: "restarting", why, retryInMs: pauseMs });
    this.#restart = setTimeout(() => void this.#load(), pauseMs);
  }

  async #load(): Promise<void> {
    const life = lifeOf(withAttention(this.#options, this.#facts));
    // So that whoever disposes in the meantime ends it.
    this.#restart = undefined;
    const closing = () => this.#isClosed;
    try {
      const facts = await life.loaded;
      if (closing()) return await life[Symbol.asyncDispose]();
      if (facts.model.weightsSha256 !== this.model.weightsSha256)
        throw new EngineLoadError("The model file has changed since this provider started. Start it again.");
      this.#facts = facts;
      this.#loadsFailed = 0;
      this.#follow(life);
      this.#tell({ state: "ready" });
    } catch (error) {
      await life[Symbol.asyncDispose]();
      if (closing()) return;
      const why = error instanceof EngineLoadError ? error.message : "The model's process could not be started.";
      if (++this.#loadsFailed < ENGINE_LOADS_FAILED_MAX) return this.#startAgain(why);
      this.#tell({ state: "failed", why: `${why} It was tried ${ENGINE_LOADS_FAILED_MAX} times.` });
    }
  }

  #tell(state: EngineState): void {
    for (const listener of this.#watchers) listener(state);
  }
}

/** Inputs that go to the model together: so many, or so many bytes of them, and one at least. */
const ENGINE_SHARE_INPUTS_MAX = 32;
const ENGINE_SHARE_BYTES_MAX = 16 * 1024;
const TOKEN_BYTES_ABOUT = 4;

/** A vector comes back as soon as its share is done, and a caller who leaves is heard between two inputs. */
function* shares(inputs: readonly EmbedInput[]): Generator<readonly EmbedInput[]> {
  let share: EmbedInput[] = [];
  let bytes = 0;
  for (const input of inputs) {
    const more = typeof input === "string" ? Buffer.byteLength(input) : TOKEN_BYTES_ABOUT * input.length;
    if (share.length === ENGINE_SHARE_INPUTS_MAX || (share.length > 0 && bytes + more > ENGINE_SHARE_BYTES_MAX)) {
      yield share;
      share = [];
      bytes = 0;
    }
    share.push(input);
    bytes += more;
  }
  if (share.length > 0) yield share;
}

/** Far above any context. */
const PROMPT_TOKENS_MAX = 4 * 1024 * 1024;

/** What was measured at the first load is not measured again. */
const withAttention = (options: EngineProcessOptions, { attention }: LoadedFacts): EngineProcessOptions => {
  const { attentions } = options.load;
  return attentions && attention
    ? { ...options, load: { ...options.load, attentions: [...attentions, attention] } }
    : options;
};

const lifeOf = (options: EngineProcessOptions): EngineLife =>
  new EngineLife({
    entry: options.entry ?? fileURLToPath(new URL("engine-child.ts", import.meta.url)),
    load: options.load,
    bounds: { ...watchBounds, ...options.bounds },
    ...(options.onLoading && { onLoading: options.onLoading.bind(options) }),
  });
