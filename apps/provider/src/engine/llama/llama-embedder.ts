import type { EmbedInput } from "@darkbloom/protocol/dialects";
import { type GgufFileInfo, type LlamaEmbeddingContext, type LlamaModel, type Token } from "node-llama-cpp";
import { setImmediate } from "node:timers/promises";
import type { Embedded } from "../../inference/engine.ts";
import { EngineRefusal } from "../../language/refusal.ts";
import { tokenBytesMaxOf } from "./llama-tokens.ts";
import { hasTemplate } from "./model-templates.ts";
import { ModelFileError } from "../../files/weights.ts";

/** Of GGUF's `<architecture>.pooling_type`, those that make one vector of a text: https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py */
const poolings = new Map<unknown, Pooling>([
  [1, "mean"],
  [2, "first"],
  [3, "last"],
]);
/** Which of its tokens a text's vector is made of. */
export type Pooling = "mean" | "first" | "last";

/**
 * How a model file says that one vector is made of a text's tokens; undefined: it was made for something else. Any model
 * has states that could be pooled, but only one that was trained for it has them mean something together.
 */
export function poolingOf({ architectureMetadata }: Pick<GgufFileInfo, "architectureMetadata">): Pooling | undefined {
  return poolings.get(Reflect.get(architectureMetadata, "pooling_type"));
}

/** Such a model writes no text, and has one context for all slots. */
export const onlyEmbeds = (info: Pick<GgufFileInfo, "architectureMetadata" | "metadata">): boolean =>
  poolingOf(info) !== undefined && !hasTemplate(info);

/**
 * A model that turns texts into vectors: llama.cpp's context for that, whose pooling is the file's. It takes one input at
 * a time, whole, since node-llama-cpp reads one vector of a step; those of several requests come in turn.
 */
export class LlamaEmbedder implements AsyncDisposable {
  readonly vectorLength: number;
  readonly #model: LlamaModel;
  readonly #context: LlamaEmbeddingContext;
  readonly #contextTokens: number;
  readonly #tokenBytesMax: number;
  readonly #vocabularyTokens: number;
  #last: Promise<unknown> = Promise.resolve();
  #stepSinceMs: number | undefined;
  #isClosed = false;

  private constructor(model: LlamaModel, context: LlamaEmbeddingContext, contextTokens: number) {
    this.#model = model;
    this.#context = context;
    this.#contextTokens = contextTokens;
    this.#tokenBytesMax = tokenBytesMaxOf(model);
    this.#vocabularyTokens = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    this.vectorLength = model.embeddingVectorSize;
  }

  /** @throws ModelFileError */
  static async open(
    model: LlamaModel,
    modelPath: string,
    { contextTokens, threads }: { readonly contextTokens: number; readonly threads: number },
  ): Promise<LlamaEmbedder> {
    // One more than it may use, and all of it one step: a model that looks both ways sees a text whole.
    const size = contextTokens + 1;
    const context = await model
      .createEmbeddingContext({ contextSize: size, batchSize: size, threads })
      .catch((cause: unknown) => {
        throw new ModelFileError(
          `There is too little memory for vectors of ${contextTokens} tokens with ${modelPath}. Ask for a smaller context.`,
          { cause },
        );
      });
    return new LlamaEmbedder(model, context, contextTokens);
  }

  /** How long the input that is under way has taken. */
  get stepMs(): number {
    return this.#stepSinceMs === undefined ? 0 : performance.now() - this.#stepSinceMs;
  }

  async fit(inputs: readonly EmbedInput[], signal: AbortSignal): Promise<void> {
    for (const input of inputs) {
      this.#lengthOf(this.#tokensOf(input));
      // Others that use the model are heard between two texts.
      await setImmediate();
      signal.throwIfAborted();
    }
  }

  async *embed(inputs: readonly EmbedInput[], signal: AbortSignal): AsyncGenerator<Embedded, void> {
    for (const input of inputs) {
      const tokens = this.#tokensOf(input);
      const turn = this.#last.then(() => this.#vectorOf(tokens, signal));
      this.#last = turn.catch(() => undefined);
      yield await turn;
    }
  }

  async #vectorOf(tokens: Token[], signal: AbortSignal): Promise<Embedded> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new Error("the model was closed");
    const length = this.#lengthOf(tokens);
    this.#stepSinceMs = performance.now();
    try {
      const { vector } = await this.#context.getEmbeddingFor(tokens);
      return { vector: Float32Array.from(vector), tokens: length };
    } finally {
      this.#stepSinceMs = undefined;
    }
  }

  /** With what stands before and behind every text of this model. */
  #lengthOf(tokens: Token[]): number {
    const length = this.#context.calculateInputLength(tokens);
    if (length > this.#contextTokens) throw new EngineRefusal("context_exceeded", length);
    return length;
  }

  #tokensOf(input: EmbedInput): Token[] {
    if (typeof input !== "string") {
      if (input.length > this.#contextTokens) throw new EngineRefusal("context_exceeded", input.length);
      if (!input.every((token) => token < this.#vocabularyTokens)) throw new EngineRefusal("tokens_refused");
      return [...input] as Token[];
    }
    // What cannot fit is not tokenized: that takes seconds, in which nothing else is heard.
    const tokensMin = Math.ceil(Buffer.byteLength(input) / this.#tokenBytesMax);
    if (tokensMin > this.#contextTokens) throw new EngineRefusal("context_exceeded", tokensMin);
    // What a text spells is text: no control token comes of it.
    return this.#model.tokenize(input, false);
  }

  /** Lets the input that is under way end; those that wait are told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#context.dispose();
  }
}
