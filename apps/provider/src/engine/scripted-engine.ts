import type { EmbedInput, Message, TokenChance, TextInput, TokenLogprob } from "@darkbloom/protocol/dialects";
import { TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";
import { createHash } from "node:crypto";
import {
  EngineEnded,
  type Embedded,
  type Engine,
  type Generation,
  type LoadedModel,
  type OnRead,
  type Prompt,
  type PromptJob,
} from "../inference/engine.ts";
import { EngineRefusal } from "../language/refusal.ts";
import { taggedCalls } from "../language/tool-syntax.ts";
import { Slots } from "./slots.ts";

/** The message of a fault that a script asked for. */
export const SCRIPTED_FAULT = "scripted fault";

/** What a scripted model does with one prompt. */
export interface Script {
  /** What it says, token by token. */
  readonly pieces: readonly string[];
  /** Before the first token, and between two. */
  readonly firstTokenMs?: number;
  readonly tokenMs?: number;
  /** Before that it reads the prompt, so many tokens at each of these times. */
  readonly reads?: { readonly everyMs: number; readonly tokens: number; readonly times: number };
  /** After so many tokens it throws, or says nothing more. */
  readonly failAfter?: number;
  readonly hangAfter?: number;
  /** It does not even begin. */
  readonly refuses?: EngineRefusalCode;
  /** It is ended because it makes no progress. */
  readonly hangsForGood?: boolean;
}

export interface ScriptedOptions {
  readonly clock: Clock;
  readonly script: (messages: readonly Message[], job: PromptJob) => Script;
  readonly slots?: number;
  readonly model?: Partial<LoadedModel>;
}

/** Each word is a token, and so is the space before it. */
const wordsOf = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];

/**
 * An engine that is told what to say, how fast and when to fail: for tests and benchmarks, where a
 * model's own time and words would be in the way. Everything around it is the real thing. It says its
 * script whatever it is constrained to, and its log probabilities are made up, the same each time.
 */
export class ScriptedEngine implements Engine {
  readonly name = "scripted";
  readonly version = "1";
  readonly model: LoadedModel;
  readonly slots: number;
  readonly #options: ScriptedOptions;
  readonly #scripts = new WeakMap<readonly number[], Script>();
  readonly #free: Slots<number>;
  /** Runs that have not ended: zero when all is closed properly. */
  running = 0;
  /** Tokens that were made, over all runs; and vectors. */
  generated = 0;
  embedded = 0;

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.slots = options.slots ?? 4;
    this.#free = new Slots(Array.from({ length: this.slots }, (_, slot) => slot));
    this.model = {
      build: "scripted",
      weightsSha256: "0".repeat(64),
      contextTokens: 2048,
      tokenBytesMax: TOKEN_BYTES_MAX,
      tasks: ["generate", "complete", "embed"],
      vectorLength: 8,
      ...options.model,
    };
  }

  async prompt(job: PromptJob): Promise<Prompt> {
    if (job.text !== undefined) return this.#continued(job.text, job);
    const tools = job.toolChoice === "none" ? [] : job.tools;
    const words = [
      ...job.messages.flatMap(({ role, text }) => [role, ...wordsOf(text)]),
      ...tools.flatMap(({ name, description = "" }) => [name, ...wordsOf(description)]),
    ];
    const tokens = words.map((_, at) => at);
    this.#scripts.set(tokens, this.#options.script(job.messages, job));
    return {
      tokens,
      opensThinking: false,
      thought: { open: "<think>", close: "</think>", asTokens: false, expected: false },
      ...(tools.length > 0 && { toolSyntax: taggedCalls }),
      ...(job.continues === true && { continues: true }),
    };
  }

  /** Each word is a token; the script is asked about a message of these words. */
  #continued(sent: TextInput, job: PromptJob): Prompt {
    if (typeof sent !== "string" && sent.some((token) => token >= SCRIPTED_VOCABULARY_TOKENS))
      throw new EngineRefusal("tokens_refused");
    const text = typeof sent === "string" ? sent : sent.map((token) => ` ${token}`).join("");
    const tokens = wordsOf(text).map((_, at) => at);
    this.#scripts.set(tokens, this.#options.script([{ role: "user", text }], job));
    return { tokens, opensThinking: false, continues: true, ...(typeof sent !== "string" && { text }) };
  }

  async *run(
    prompt: Prompt,
    generation: Generation,
    signal: AbortSignal,
    _cacheScope?: string,
    onRead?: OnRead,
  ): ReturnType<Engine["run"]> {
    const script = this.#scripts.get(prompt.tokens);
    if (!script) throw new RangeError("this prompt was not made by this engine");
    const room = Math.min(generation.maxTokens, this.model.contextTokens - prompt.tokens.length);
    if (room <= 0) throw new EngineRefusal("context_exceeded", prompt.tokens.length);
    if (script.refuses) throw new EngineRefusal(script.refuses);
    if (script.hangsForGood) {
      await this.#pause(script.firstTokenMs, signal);
      throw new EngineEnded();
    }
    const slot = await this.#free.take(signal);
    this.running++;
    try {
      const { everyMs, tokens, times } = script.reads ?? { everyMs: 0, tokens: 0, times: 0 };
      for (let at = 1; at <= times; at++) {
        await this.#pause(everyMs, signal);
        onRead?.(at * tokens);
      }
      for (const [at, text] of script.pieces.entries()) {
        if (at >= room) return { finish: "length", cachedTokens: 0, completionTokens: at };
        if (script.failAfter === at) throw new Error(SCRIPTED_FAULT);
        const pauseMs = script.hangAfter === at ? Infinity : at === 0 ? script.firstTokenMs : script.tokenMs;
        if (pauseMs !== undefined) await this.#pause(pauseMs, signal);
        signal.throwIfAborted();
        this.generated++;
        const { topLogprobs } = generation;
        const logprob = topLogprobs === undefined ? {} : { logprob: madeUp(text, at, topLogprobs) };
        yield { text, completionTokens: at + 1, cachedTokens: 0, ...logprob };
      }
      const completionTokens = Math.min(script.pieces.length + 1, room);
      return { finish: completionTokens > script.pieces.length ? "stop" : "length", cachedTokens: 0, completionTokens };
    } finally {
      this.running--;
      this.#free.give(slot);
    }
  }

  async fit(inputs: readonly EmbedInput[], signal: AbortSignal): Promise<void> {
    for (const input of inputs) {
      signal.throwIfAborted();
      this.#taken(input);
    }
  }

  /** Each word is a token; an input is the message that the script is asked about. The vector is the sum of its words' own, so that texts with the same words are near each other. */
  async *embed(inputs: readonly EmbedInput[], signal: AbortSignal): AsyncGenerator<Embedded, void> {
    const { vectorLength } = this.model;
    if (vectorLength === undefined) throw new RangeError("this model does not embed");
    for (const input of inputs) {
      signal.throwIfAborted();
      const { words, script } = this.#taken(input);
      if (script.failAfter === 0) throw new Error(SCRIPTED_FAULT);
      await this.#pause(script.hangAfter === 0 ? Infinity : script.firstTokenMs, signal);
      signal.throwIfAborted();
      this.embedded++;
      yield { vector: madeUpVector(words, vectorLength), tokens: words.length };
    }
  }

  #taken(input: EmbedInput): { readonly words: readonly string[]; readonly script: Script } {
    const words = typeof input === "string" ? wordsOf(input).map((word) => word.trim()) : input.map(String);
    if (words.length > this.model.contextTokens) throw new EngineRefusal("context_exceeded", words.length);
    if (typeof input !== "string" && input.some((token) => token >= SCRIPTED_VOCABULARY_TOKENS))
      throw new EngineRefusal("tokens_refused");
    const script = this.#options.script([{ role: "user", text: words.join(" ") }], noTools);
    if (script.refuses) throw new EngineRefusal(script.refuses);
    return { words, script };
  }

  async #pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (ms === undefined || ms === 0) return;
    if (ms !== Infinity) return this.#options.clock.sleep(ms, signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const noTools: Omit<PromptJob, "messages"> & { messages: [] } = { messages: [], tools: [], toolChoice: "none" };
const SCRIPTED_VOCABULARY_TOKENS = 1000;

function madeUpVector(words: readonly string[], length: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(length);
  for (const word of words) {
    const hash = createHash("shake256", { outputLength: 4 * length })
      .update(word)
      .digest();
    for (let at = 0; at < length; at++) vector[at] = (vector[at] ?? 0) + hash.readInt32LE(4 * at) / 2 ** 31;
  }
  return vector;
}

/** A token that had the better half of what was left, and others that share the rest. */
function madeUp(text: string, at: number, count: number): TokenLogprob {
  const chance = (word: string, logprob: number): TokenChance => ({
    text: word,
    bytes: [...Buffer.from(word, "utf8")],
    logprob,
  });
  const own = chance(text, -((at % 4) + 1) / 8);
  const others = Array.from({ length: Math.max(0, count - 1) }, (_, rank) => chance(` other${rank}`, -3 - rank));
  return { ...own, top: count === 0 ? [] : [own, ...others] };
}
