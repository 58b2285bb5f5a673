import type { EmbedInput, Job, ModelTask, Sampling, TextInput } from "@darkbloom/protocol/dialects";
import type { EngineState } from "../events/events.ts";
import type { Constraint } from "../language/constraint.ts";
import type { Piece, ReplyForm } from "../language/reply.ts";

/** What is loaded, and what the blob and the receipt say of it. */
export interface LoadedModel {
  /** The catalog's name for these weights. */
  readonly build: string;
  /** Of the file, or of the manifest of a model in parts; lower-case hex. */
  readonly weightsSha256: string;
  readonly contextTokens: number;
  /** Bytes of its longest token, at most `TOKEN_BYTES_MAX`, which stands where nobody can say. */
  readonly tokenBytesMax: number;
  readonly tasks: readonly ModelTask[];
  /** Numbers in each vector of a model that embeds. */
  readonly vectorLength?: number;
}

/** What became of one input: all its tokens as one vector, of whatever length the model gives it. */
export interface Embedded {
  readonly vector: Float32Array<ArrayBuffer>;
  /** With those that stand before and behind every text of this model. */
  readonly tokens: number;
}

/** A prompt in the model's own tokens, after its chat template. */
export interface Prompt extends ReplyForm {
  readonly tokens: readonly number[];
  /** What they say, where tokens were sent. */
  readonly text?: string;
}

export interface Generation extends Sampling {
  readonly seed: number;
  readonly maxTokens: number;
  readonly topLogprobs?: number;
  readonly constraint?: Constraint;
}

/** How far a model may write ahead of whoever reads. */
export const AHEAD_TOKENS_MAX = 24;

/** `engine_ended`: for this request, which is not to be tried on another machine. The others say nothing of it: what ran beside it, and what came while there was no model. */
export type EngineEndedCode = "engine_ended" | "generation_failed" | "busy";

/** The model's process ended, or is not back yet. */
export class EngineEnded extends Error {
  override readonly name = "EngineEnded";
  readonly code: EngineEndedCode;

  constructor(code: EngineEndedCode = "engine_ended") {
    super(code);
    this.code = code;
  }
}

/** Of an engine that can end and start again. */
export interface EngineLifecycle {
  /** Whether it takes work now. */
  readonly isReady: boolean;
  /** Calls `listener` at each change, until it is disposed. */
  watch(listener: (state: EngineState) => void): Disposable;
}

export type OnRead = (readTokens: number) => void;

/** What a prompt is made of. */
export type PromptJob = Pick<
  Job,
  "messages" | "tools" | "toolChoice" | "thinks" | "thinksOrRefuses" | "continues" | "settings"
> & {
  /** Gone on with as it stands; the rest is nothing to it then. */
  readonly text?: TextInput;
};

/**
 * A language model, here or in a process of its own: tokens in, tokens out, cancel, usage. An adapter passes
 * `engineContract` where its model generates, and `embedderContract` where it embeds.
 *
 * - `slots` runs go on at once; a further one waits inside the engine.
 * - `run` ends by itself at the model's end-of-turn token ("stop") or after `maxTokens` or at the end of
 *   the context ("length"), as the generator's return value. Tokens that end the turn are counted, and
 *   are not text. It throws EngineRefusal where the prompt alone fills the context, or the model cannot be
 *   held to the constraint.
 * - When `signal` aborts, `run` throws its reason before the next token; the slot is free at once.
 * - Nothing is generated ahead of the reader by more than a few tokens (`AHEAD_TOKENS_MAX`).
 * - The same prompt, sampling and seed give the same text.
 */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  readonly model: LoadedModel;
  readonly slots: number;
  /** Absent where it runs as long as this process does. */
  readonly lifecycle?: EngineLifecycle;
  /**
   * Text of messages never becomes the template's own control tokens.
   *
   * @throws EngineRefusal where the template does not take these messages, or these tools, or what was sent is no token
   *   of this model; EngineEnded
   */
  prompt(job: PromptJob): Promise<Prompt>;
  /**
   * @param cacheScope prompts are kept in memory for reuse within one scope; absent: this one is not kept
   * @param onRead hears now and then how many tokens of a long prompt have been read, until the first piece
   */
  run(
    prompt: Prompt,
    generation: Generation,
    signal: AbortSignal,
    cacheScope?: string,
    onRead?: OnRead,
  ): AsyncGenerator<
    Piece,
    { readonly finish: "stop" | "length"; readonly cachedTokens: number; readonly completionTokens: number }
  >;
  /**
   * Finds out, before anything of them is computed, whether each of these inputs can become a vector.
   *
   * @throws EngineRefusal as `embed` does; EngineEnded; the signal's reason when it aborts
   */
  fit(inputs: readonly EmbedInput[], signal: AbortSignal): Promise<void>;
  /**
   * The vectors of these inputs, in their order. Inputs of several calls take turns. When `signal` aborts, it throws its
   * reason before the next input.
   *
   * @throws EngineRefusal where an input is longer than the context, or holds what is no token of this model; EngineEnded
   */
  embed(inputs: readonly EmbedInput[], signal: AbortSignal): AsyncGenerator<Embedded, void>;
}
