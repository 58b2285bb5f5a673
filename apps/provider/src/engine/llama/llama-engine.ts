import type { EmbedInput, TextInput } from "@darkbloom/protocol/dialects";
import type { Llama, LlamaContext, LlamaContextOptions, LlamaModel, Token } from "node-llama-cpp";
import type { Embedded, Engine, Generation, LoadedModel, OnRead, Prompt, PromptJob } from "../../inference/engine.ts";
import type { ChatTemplate, Stretch } from "../../language/chat-template.ts";
import { isBare, templateOf, textTasks } from "./model-templates.ts";
import { plainTextBy } from "../../language/plain-text.ts";
import { EngineRefusal } from "../../language/refusal.ts";
import type { Piece } from "../../language/reply.ts";
import { TokenText } from "../../language/token-text.ts";
import { PrefixSlots } from "./llama-prefix.ts";
import { batchContextOf } from "./llama-binding.ts";
import { BatchSequence, LlamaBatches } from "./llama-batches.ts";
import type { LlamaEmbedder } from "./llama-embedder.ts";
import { grammarOf } from "./llama-grammar.ts";
import { engineVersion, findingsOf, type LlamaOptions, type LoadFindings, type OpenedModel } from "./llama-open.ts";
import { drawingOf, logprobOf, samplerConfig } from "./llama-sampling.ts";
import { controlSpellings, textOf, tagTokens, tokenBytes, tokenBytesMaxOf, tokenize } from "./llama-tokens.ts";
import { contextTokensOf, SLOTS_DEFAULT, THREADS_DEFAULT } from "./model-file.ts";
import { ModelFileError } from "../../files/weights.ts";

/**
 * llama.cpp in this process, through node-llama-cpp. One model stays loaded; the slots are sequences of
 * one context, which take their steps together (`LlamaBatches`).
 */
export class LlamaEngine implements Engine {
  readonly name = "node-llama-cpp";
  readonly version = engineVersion;
  readonly model: LoadedModel;
  readonly slots: number;
  readonly findings: LoadFindings;
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  /** Absent: it was made to go on with texts. */
  readonly #template: ChatTemplate | undefined;
  readonly #plainText: ReturnType<typeof plainTextBy>;
  /** Held until it is disposed: collected before, it would keep the model from ever ending. */
  readonly #context: LlamaContext;
  readonly #batches: LlamaBatches;
  readonly #sequences: PrefixSlots<BatchSequence>;
  readonly #embedder: LlamaEmbedder | undefined;
  readonly #vocabularyTokens: number;
  /** Tokens that tell thoughts, speech and calls apart. */
  readonly #tags: ReadonlySet<Token>;
  readonly #textOf: ReturnType<typeof textOf>;
  readonly #bytesOf: ReturnType<typeof tokenBytes>;

  private constructor(
    llama: Llama,
    model: LlamaModel,
    template: ChatTemplate | undefined,
    context: LlamaContext,
    slots: number,
    loaded: LoadedModel,
    findings: LoadFindings,
    embedder: LlamaEmbedder | undefined,
    nowMs: (() => number) | undefined,
  ) {
    this.#llama = llama;
    this.#embedder = embedder;
    this.#model = model;
    this.#template = template;
    this.#context = context;
    const { on, off } = findings.attention?.paces ?? {};
    const pace = findings.attention?.flash ? on : off;
    const batches = new LlamaBatches(batchContextOf(context), context.batchSize, model.fileInsights.swaSize, {
      msPerPromptToken: pace && 1000 / Math.max(1, pace.promptTokensPerSec),
      ...(nowMs && { nowMs }),
    });
    this.#batches = batches;
    const sequences = Array.from({ length: slots }, (_, id) => new BatchSequence(batches, id));
    this.#sequences = new PrefixSlots(sequences);
    this.#vocabularyTokens = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    this.#plainText = plainTextBy(controlSpellings(model.fileInfo));
    this.#tags = tagTokens(model, template?.steering ?? []);
    this.#textOf = textOf(model, this.#tags);
    this.#bytesOf = tokenBytes(model.vocabularyType, model.fileInfo.metadata.tokenizer.ggml);
    this.model = loaded;
    this.slots = slots;
    this.findings = findings;
  }

  /** How long the step that is under way has taken. */
  stepMs(): number {
    return Math.max(this.#batches.stepMs, this.#embedder?.stepMs ?? 0);
  }

  /**
   * A model that goes on with texts, talks where it has a chat template, and embeds too where its file says so.
   *
   * @throws ModelFileError
   */
  static async open(
    opened: OpenedModel,
    options: LlamaOptions,
    embedder?: LlamaEmbedder,
    nowMs?: () => number,
  ): Promise<LlamaEngine> {
    const { llama, model, modelPath, weightsSha256, attention } = opened;
    const { build, slots = SLOTS_DEFAULT, threads = THREADS_DEFAULT } = options;
    const template = isBare(model.fileInfo) ? undefined : templateOf(model, modelPath);
    const wanted = contextTokensOf(modelPath, model.trainContextSize, options.contextTokens);
    const context = await contextOf(model, modelPath, {
      sequences: slots,
      contextSize: wanted,
      threads,
      ...(attention && { flashAttention: attention.flash }),
    });
    // The context may come out a little larger than asked for.
    const contextTokens = Math.min(wanted, context.contextSize);
    const tasks = textTasks({ hasTemplate: template !== undefined, embeds: embedder !== undefined });
    const loaded = {
      build,
      weightsSha256,
      contextTokens,
      tokenBytesMax: tokenBytesMaxOf(model),
      tasks,
      ...(embedder && { vectorLength: embedder.vectorLength }),
    };
    return new LlamaEngine(llama, model, template, context, slots, loaded, findingsOf(opened), embedder, nowMs);
  }

  async prompt(job: PromptJob): Promise<Prompt> {
    if (job.text !== undefined) return this.#continued(job.text);
    if (!this.#template) throw new RangeError("this model holds no conversation");
    // A model that sees no tool calls none.
    const tools = job.toolChoice === "none" ? [] : job.tools;
    const { stretches, form } = this.#template.render({ ...job, tools });
    return { tokens: this.#tokensOf(stretches), ...form };
  }

  /** A text that is gone on with as it stands: nothing in it steers, and nothing in the reply is a thought or a call. */
  #continued(text: TextInput): Prompt {
    const form = { opensThinking: false, continues: true } as const;
    if (typeof text === "string") {
      const tokens = this.#tokensOf(this.#plainText(text));
      const { bos, eos } = this.#model.tokens;
      // A model goes on with nothing from where texts begin, or from where the one before ended.
      const first = bos ?? eos;
      return { tokens: tokens.length === 0 && first !== null ? [first] : tokens, ...form };
    }
    if (text.length > this.model.contextTokens) throw new EngineRefusal("context_exceeded", text.length);
    if (!text.every((token) => token < this.#vocabularyTokens)) throw new EngineRefusal("tokens_refused");
    return { tokens: text, text: this.#model.detokenize(text as readonly Token[], true), ...form };
  }

  #tokensOf(stretches: readonly Stretch[]): Token[] {
    // What cannot fit is not tokenized: that takes seconds, in which nothing else is heard.
    const bytes = stretches.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    const tokensMin = Math.ceil(bytes / this.model.tokenBytesMax);
    if (tokensMin > this.model.contextTokens) throw new EngineRefusal("context_exceeded", tokensMin);
    return tokenize(this.#model, stretches);
  }

  async *run(
    prompt: Prompt,
    generation: Generation,
    signal: AbortSignal,
    cacheScope?: string,
    onRead?: OnRead,
  ): ReturnType<Engine["run"]> {
    const room = this.model.contextTokens - prompt.tokens.length;
    if (room < 1) throw new EngineRefusal("context_exceeded", prompt.tokens.length);
    const tokensMax = Math.min(generation.maxTokens, room);
    const tokens = prompt.tokens as readonly Token[];
    const grammar = await grammarOf({ llama: this.#llama, model: this.#model }, prompt, generation);
    const { sequence, cachedTokens, give } = await this.#sequences.take(tokens, cacheScope, signal);
    let sound = true;
    try {
      const { topLogprobs } = generation;
      const config = samplerConfig(generation, tokensMax, this.#vocabularyTokens, grammar);
      const steps = this.#batches.run(
        {
          sequence,
          tokens: tokens.slice(cachedTokens),
          drawing: drawingOf(this.#model, config, topLogprobs),
          tokensMax,
          isEnd: (token) => this.#model.isEogToken(token as Token),
          onRead: (readTokens) => onRead?.(cachedTokens + readTokens),
        },
        signal,
      );
      const text = new TokenText(this.#textOf, tokens);
      let said = 0;
      let finish: "stop" | "length" = "length";
      for await (const drawn of steps) {
        const token = drawn.token as Token;
        said++;
        if (this.#model.isEogToken(token)) {
          finish = "stop";
          break;
        }
        yield {
          text: text.push(token),
          completionTokens: said,
          cachedTokens,
          ...(this.#tags.has(token) && { special: true }),
          ...(topLogprobs !== undefined && { logprob: logprobOf(this.#bytesOf, drawn) }),
        } satisfies Piece;
      }
      const rest = text.end();
      if (rest !== "") yield { text: rest, completionTokens: said, cachedTokens };
      return { finish, cachedTokens, completionTokens: said };
    } catch (error) {
      sound = signal.aborted && error === signal.reason;
      throw error;
    } finally {
      await give(sound);
    }
  }

  fit(inputs: readonly EmbedInput[], signal: AbortSignal): Promise<void> {
    return this.#vectors.fit(inputs, signal);
  }

  embed(inputs: readonly EmbedInput[], signal: AbortSignal): AsyncGenerator<Embedded, void> {
    return this.#vectors.embed(inputs, signal);
  }

  get #vectors(): LlamaEmbedder {
    if (!this.#embedder) throw new RangeError("this model does not embed");
    return this.#embedder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sequences.close();
    await this.#embedder?.[Symbol.asyncDispose]();
    await this.#batches.close();
    await this.#context.dispose();
    await this.#llama.dispose();
  }
}

async function contextOf(
  model: LlamaModel,
  modelPath: string,
  options: LlamaContextOptions & { readonly sequences: number; readonly contextSize: number },
): Promise<LlamaContext> {
  return model.createContext(options).catch((cause: unknown) => {
    throw new ModelFileError(
      `There is too little memory for ${options.sequences} slots of ${options.contextSize} tokens with ${modelPath}. Ask for fewer slots or a smaller context.`,
      { cause },
    );
  });
}
