import type { ParamPath, Serial } from "../ids.ts";
import type { Schema } from "../schema/shape.ts";

/** The inference endpoints. Each is one dialect of the same path. */
export const endpoints = [
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/responses/compact",
  "/v1/completions",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/embeddings",
] as const;
export type Endpoint = (typeof endpoints)[number];

/** What a model can be asked for: to answer a conversation, to go on with a text as it stands, to turn texts into vectors. */
export const modelTasks = ["generate", "complete", "embed"] as const;
export type ModelTask = (typeof modelTasks)[number];

/** A text, or tokens of the model's own vocabulary. */
export type TextInput = string | readonly number[];
/** What becomes one vector. */
export type EmbedInput = TextInput;

/** Texts that are gone on with as they stand, without a chat template. */
export interface Raw {
  readonly prompts: readonly TextInput[];
  /** Each answer begins with its prompt. */
  readonly echo: boolean;
}

export type Role = "system" | "user" | "assistant" | "tool";

/** What an assistant asked a tool to do. */
export interface ToolCall {
  /** Names the call, so that a result can answer it. */
  readonly id: string;
  readonly name: string;
  /** JSON text of an object, as the model wrote it. */
  readonly arguments: string;
}

export interface Message {
  readonly role: Role;
  readonly text: string;
  /** An assistant's. */
  readonly toolCalls?: readonly ToolCall[];
  /** What an assistant thought before it spoke. */
  readonly thought?: string;
  /** Of a tool's message: the call that it answers. */
  readonly callId?: string;
}

/** A function that the model may call. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of its arguments, as the caller wrote it: the model reads it. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What of it is enforced when the model writes a call. */
  readonly schema: Schema;
}

export type ToolChoice = "none" | "auto" | "required" | { readonly name: string };

export interface Embed {
  readonly inputs: readonly EmbedInput[];
  readonly encoding: "float" | "base64";
  /** Numbers of each vector; absent: as many as the model gives. */
  readonly dimensions?: number;
}

/** What steers the sampler; all of it is written into the receipt. */
export interface Sampling {
  /** 0–2. */
  readonly temperature: number;
  /** Above 0, at most 1. */
  readonly topP: number;
  /** Only so many of the likeliest tokens are considered; 0 means all. */
  readonly topK: number;
  /** −2 to 2 each. */
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  /** Leaves out tokens below this share of the likeliest one's probability: 0–1. */
  readonly minP: number;
  /** Of tokens that the answer has already: above 0; 1 changes nothing. */
  readonly repetitionPenalty: number;
  /** Added to a token's logit, −100 to 100; by token id. */
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
  /** Absent: the provider draws one, and the receipt names it. Further choices count on from it. */
  readonly seed?: number;
  readonly stop: readonly string[];
}

/** A name that a template reads, and what it finds there. */
export type TemplateSetting = readonly [name: string, value: string | number | boolean | null];

/** What a request asks of a model. */
export const taskOf = ({ embed, raw }: Pick<Job, "embed" | "raw">): ModelTask =>
  embed ? "embed" : raw ? "complete" : "generate";

/** A request in any dialect, decoded: what the model is to do. How it is told is the renderer's. */
export interface Job {
  readonly endpoint: Endpoint;
  /** As the caller wrote it; not yet looked up. */
  readonly model: string;
  readonly stream: boolean;
  /** Of a stream: its events are lines of JSON, each of them one message over a WebSocket. */
  readonly asLines?: true;
  /** False where the model writes nothing: the prompt is only counted, which is free, or `embed` says what is done. */
  readonly generates: boolean;
  /** What becomes vectors. There are no messages then. */
  readonly embed?: Embed;
  /** What is gone on with, each by as many of the choices, in turn. There are no messages then. */
  readonly raw?: Raw;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  /** `none` where there are no tools. */
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  /** The visible answer must be JSON of this shape; absent: any text. */
  readonly format?: Schema;
  /** Which field asked for `format`, where it is not the dialect's own. */
  readonly formatParam?: ParamPath;
  /** It is the string itself that `format` describes, without JSON's quotes. */
  readonly formatIsText?: boolean;
  readonly sampling: Sampling;
  /** Bounds each choice's generation and the hold, in tokens. */
  readonly maxTokens: number;
  /** Answers to the one prompt, or to all of `raw`: 1 to `CHOICES_MAX`. */
  readonly choices: number;
  /** With each visible token its log probability and those of so many others; absent: none. */
  readonly topLogprobs?: number;
  /** For models whose template can turn thinking on or off; absent: as the template has it. */
  readonly thinks?: boolean;
  /** `thinks` was said by a field that is served or refused: a model that cannot do so is not asked. */
  readonly thinksOrRefuses?: true;
  /**
   * Of a last message that an assistant began: true, it is gone on with, or the request is refused; false, another
   * one follows it. Absent: it is gone on with where the template can.
   */
  readonly continues?: boolean;
  /** What a template is told beside the messages, where it reads it: later ones count. */
  readonly settings?: readonly TemplateSetting[];
  /** Machines that the caller insists on; empty means any. */
  readonly pins: readonly Serial[];
}
