import type { Job, Sampling, Schema, TokenLogprob, Tool, EngineRefusalCode } from "@darkbloom/protocol";

/** What is loaded, and what the blob and the receipt say of it. */
export interface LoadedModel {
  /** The catalog's name for these weights. */
  readonly build: string;
  /** Of the file, or of the manifest of a model in parts; lower-case hex. */
  readonly weightsSha256: string;
  readonly contextTokens: number;
}

/** A prompt in the model's own tokens, after its chat template. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** The template has already opened the model's thinking, so the answer begins inside it. */
  readonly opensThinking: boolean;
  /** How this model writes a tool call; absent where no tools were offered. */
  readonly toolSyntax?: ToolSyntax;
}

/**
 * How a model writes a call: `open`, one JSON object with the members `name` and `argumentsKey`, `close`.
 * Several calls follow each other. Both tags may be empty, where the object alone is the call.
 */
export interface ToolSyntax {
  readonly open: string;
  readonly close: string;
  readonly argumentsKey: "arguments" | "parameters";
}

/** What a model's words are held to while it writes. The thinking that a template opened is free. */
export type Constraint =
  | { readonly kind: "json"; readonly schema: Schema }
  /** Calls and nothing else; `many`: one or more, else exactly one. */
  | { readonly kind: "calls"; readonly tools: readonly Tool[]; readonly many: boolean }
  /** Free text; but a call, once it has begun, is one of these. */
  | { readonly kind: "calls_if_any"; readonly tools: readonly Tool[]; readonly many: boolean };

export interface Generation extends Sampling {
  readonly seed: number;
  readonly maxTokens: number;
  readonly topLogprobs?: number;
  readonly constraint?: Constraint;
}

/** Why a model cannot begin with this request, and could not elsewhere. Says nothing of the prompt itself. */
export class EngineRefusal extends Error {
  override readonly name = "EngineRefusal";
  readonly code: EngineRefusalCode;

  constructor(code: EngineRefusalCode) {
    super(code);
    this.code = code;
  }
}

/** One step of the generation. `text` is empty while a character is incomplete. */
export interface Piece {
  readonly text: string;
  /** So far, this one included. */
  readonly completionTokens: number;
  /** Of the prompt's tokens, those that were in memory already; the same in every piece. */
  readonly cachedTokens: number;
  /** Where they were asked for. */
  readonly logprob?: TokenLogprob;
}

/**
 * A language model in this process: tokens in, tokens out, cancel, usage. An adapter passes
 * `engineContract`.
 *
 * - `slots` runs go on at once; a further one waits inside the engine.
 * - `run` ends by itself at the model's end-of-turn token ("stop") or after `maxTokens` or at the end of
 *   the context ("length"), as the generator's return value. Tokens that end the turn are counted, and
 *   are not text. It throws EngineRefusal where the prompt alone fills the context, or the model cannot be
 *   held to the constraint.
 * - When `signal` aborts, `run` throws its reason before the next token; the slot is free at once.
 * - Nothing is generated ahead of the reader by more than a token.
 * - The same prompt, sampling and seed give the same text.
 */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  readonly model: LoadedModel;
  readonly slots: number;
  /**
   * Text of messages never becomes the template's own control tokens.
   *
   * @throws EngineRefusal where the template does not take these messages, or these tools
   */
  prompt(job: Pick<Job, "messages" | "tools" | "toolChoice" | "thinks">): Prompt;
  /** @param cacheScope prompts are kept in memory for reuse within one scope; absent: this one is not kept */
  run(
    prompt: Prompt,
    generation: Generation,
    signal: AbortSignal,
    cacheScope?: string,
  ): AsyncGenerator<
    Piece,
    { readonly finish: "stop" | "length"; readonly cachedTokens: number; readonly completionTokens: number }
  >;
}
