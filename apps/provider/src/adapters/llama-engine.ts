import type { Job } from "@darkbloom/protocol";
import { findPackageJSON } from "node:module";
import {
  getLlama,
  getModuleVersion,
  type Llama,
  LlamaLogLevel,
  type LlamaContext,
  LlamaGrammarEvaluationState,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import type { Engine, Generation, LoadedModel, Prompt } from "../inference/engine.ts";
import { ChatTemplate } from "../language/chat-template.ts";
import { type TemplateFacts, TemplateRefusal } from "../language/probe.ts";
import { templatesIn } from "./model-templates.ts";
import { systemClock } from "@darkbloom/protocol/node";
import { replyGrammar } from "../language/constraint-grammar.ts";
import { EngineRefusal } from "../language/refusal.ts";
import type { Piece } from "../language/reply.ts";
import { TokenText } from "../language/token-text.ts";
import type { LoadingStep } from "./engine/words.ts";
import { PrefixSlots } from "./llama-prefix.ts";
import { batchContextOf } from "./llama-binding.ts";
import { BatchSequence, LlamaBatches } from "./llama-batches.ts";
import { drawingOf, logprobOf, samplerConfig } from "./llama-sampling.ts";
import { controlSpellings, textOf, tagTokens, tokenBytes, tokenBytesMaxOf, tokenize } from "./llama-tokens.ts";
import { CONTEXT_TOKENS_DEFAULT, SLOTS_DEFAULT, THREADS_DEFAULT } from "./model-file.ts";
import { ModelFileError, readWeights } from "./weights.ts";

const engineVersion = await getModuleVersion();

export interface LlamaOptions {
  /** What `readWeights` takes. */
  readonly modelPath: string;
  /** The catalog's name for these weights. */
  readonly build: string;
  readonly slots?: number | undefined;
  readonly threads?: number | undefined;
  /** At most what the model was trained for. */
  readonly contextTokens?: number | undefined;
}

/**
 * llama.cpp in this process, through node-llama-cpp. One model stays loaded; the slots are sequences of
 * one context, which take their steps together (`LlamaBatches`).
 *
 * Nothing is compiled or downloaded: without a prebuilt binary for this machine the start fails.
 */
export class LlamaEngine implements Engine {
  readonly name = "node-llama-cpp";
  readonly version = engineVersion;
  readonly model: LoadedModel;
  readonly slots: number;
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #template: ChatTemplate;
  /** Held until it is disposed: collected before, it would keep the model from ever ending. */
  readonly #context: LlamaContext;
  readonly #batches: LlamaBatches;
  readonly #sequences: PrefixSlots<BatchSequence>;
  readonly #vocabularyTokens: number;
  /** Tokens that tell thoughts, speech and calls apart. */
  readonly #tags: ReadonlySet<Token>;
  readonly #textOf: ReturnType<typeof textOf>;
  readonly #bytesOf: ReturnType<typeof tokenBytes>;

  private constructor(
    llama: Llama,
    model: LlamaModel,
    template: ChatTemplate,
    context: LlamaContext,
    slots: number,
    loaded: LoadedModel,
  ) {
    this.#llama = llama;
    this.#model = model;
    this.#template = template;
    this.#context = context;
    const batches = new LlamaBatches(batchContextOf(context), context.batchSize, model.fileInsights.swaSize);
    this.#batches = batches;
    const sequences = Array.from({ length: slots }, (_, id) => new BatchSequence(batches, id));
    this.#sequences = new PrefixSlots(sequences);
    this.#vocabularyTokens = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    this.#tags = tagTokens(model, template.steering);
    this.#textOf = textOf(model, this.#tags);
    this.#bytesOf = tokenBytes(model.vocabularyType, model.fileInfo.metadata.tokenizer.ggml);
    this.model = loaded;
    this.slots = slots;
  }

  /** How long the step that is under way has taken. */
  stepMs(): number {
    return this.#batches.stepMs;
  }

  /** @throws ModelFileError */
  static async load(options: LlamaOptions, tell: (step: LoadingStep) => void = () => undefined): Promise<LlamaEngine> {
    const { build, slots = SLOTS_DEFAULT, threads = THREADS_DEFAULT } = options;
    const { path: modelPath, sha256: weightsSha256 } = await readWeights(options.modelPath, (done) =>
      tell({ step: "hashing", done }),
    );
    const llama = await getLlama({
      gpu: acceleratorInstalled() ? "auto" : false,
      build: "never",
      skipDownload: true,
      maxThreads: threads,
      logLevel: LlamaLogLevel.disabled,
    });
    try {
      const model = await llama
        .loadModel({ modelPath, onLoadProgress: (done) => tell({ step: "loading", done }) })
        .catch((cause: unknown) => {
          throw new ModelFileError(`${modelPath} is not a model file that can be loaded. A GGUF file is needed.`, {
            cause,
          });
        });
      const template = templateOf(model, modelPath);
      const wanted = Math.min(options.contextTokens ?? CONTEXT_TOKENS_DEFAULT, model.trainContextSize);
      const context = await contextOf(model, modelPath, { sequences: slots, contextSize: wanted, threads });
      // The context may come out a little larger than asked for.
      const contextTokens = Math.min(wanted, context.contextSize);
      const loaded = { build, weightsSha256, contextTokens, tokenBytesMax: tokenBytesMaxOf(model) };
      return new LlamaEngine(llama, model, template, context, slots, loaded);
    } catch (error) {
      await llama.dispose();
      throw error;
    }
  }

  async prompt(job: Pick<Job, "messages" | "tools" | "toolChoice" | "thinks">): Promise<Prompt> {
    // A model that sees no tool calls none.
    const tools = job.toolChoice === "none" ? [] : job.tools;
    const { stretches, form } = this.#template.render({ ...job, tools });
    // What cannot fit is not tokenized: that takes seconds, in which nothing else is heard.
    const bytes = stretches.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    const tokensMin = Math.ceil(bytes / this.model.tokenBytesMax);
    if (tokensMin > this.model.contextTokens) throw new EngineRefusal("context_exceeded", tokensMin);
    return { tokens: tokenize(this.#model, stretches), ...form };
  }

  async *run(
    prompt: Prompt,
    generation: Generation,
    signal: AbortSignal,
    cacheScope?: string,
  ): ReturnType<Engine["run"]> {
    const room = this.model.contextTokens - prompt.tokens.length;
    if (room < 1) throw new EngineRefusal("context_exceeded", prompt.tokens.length);
    const tokensMax = Math.min(generation.maxTokens, room);
    const tokens = prompt.tokens as readonly Token[];
    const grammar = await this.#grammarOf(prompt, generation);
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

  async #grammarOf(prompt: Prompt, generation: Generation): Promise<LlamaGrammarEvaluationState | undefined> {
    if (!generation.constraint) return undefined;
    const rules = replyGrammar(generation.constraint, prompt);
    try {
      const grammar = await this.#llama.createGrammar(rules);
      return new LlamaGrammarEvaluationState({ model: this.#model, grammar });
    } catch {
      // llama.cpp's own words may quote the schema, so they end here.
      throw new EngineRefusal(generation.constraint.kind === "json" ? "schema_refused" : "tools_refused");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sequences.close();
    await this.#batches.close();
    await this.#context.dispose();
    await this.#llama.dispose();
  }
}

function templateOf(model: LlamaModel, modelPath: string): ChatTemplate {
  try {
    return new ChatTemplate(templatesIn(model.fileInfo), factsOf(model), () => systemClock.now());
  } catch (cause) {
    if (!(cause instanceof TemplateRefusal)) throw cause;
    throw new ModelFileError(`${modelPath} cannot be served: ${cause.message}.`, { cause });
  }
}

function factsOf(model: LlamaModel): TemplateFacts {
  const { bosString, eosString } = model.tokens;
  return { bosToken: bosString ?? "", eosToken: eosString ?? "", controlTokens: controlSpellings(model.fileInfo) };
}

async function contextOf(
  model: LlamaModel,
  modelPath: string,
  { sequences, contextSize, threads }: { sequences: number; contextSize: number; threads: number },
): Promise<LlamaContext> {
  return model.createContext({ sequences, contextSize, threads }).catch((cause: unknown) => {
    throw new ModelFileError(
      `There is too little memory for ${sequences} slots of ${contextSize} tokens with ${modelPath}. Ask for fewer slots or a smaller context.`,
      { cause },
    );
  });
}

/** Metal comes with the package for Apple Silicon; CUDA and Vulkan are extras that an operator installs. */
function acceleratorInstalled(): boolean {
  const target = `${process.platform === "darwin" ? "mac" : process.platform}-${process.arch}`;
  return ["metal", "cuda", "vulkan"].some((kind) => installed(`@node-llama-cpp/${target}-${kind}`));
}

function installed(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    return false;
  }
}
