import type * as z from "zod";
import type { Failure } from "../failures.ts";
import type { ParamPath, RequestId } from "../ids.ts";
import type { Usage } from "../money.ts";
import type { PromptSize } from "../prompt-bounds.ts";
import type { Embed, Endpoint, Job, Sampling } from "./job.ts";

/** What an answer and a refusal are held against: figures of what was sent, and none of its words. */
export interface Figures {
  readonly asLines: boolean;
  /** As a receipt tells it. */
  readonly sampling: Omit<Sampling, "logitBias" | "stop"> & { readonly logitBias: number; readonly stop: number };
  readonly prompt: PromptSize;
  readonly embed?: Omit<Embed, "inputs"> & { readonly inputs: number };
  /** Whether some of the texts are tokens already. */
  readonly hasTokens: boolean;
  readonly hasFormat: boolean;
  readonly formatParam?: ParamPath;
  readonly continues: boolean;
  readonly thinksOrRefuses: boolean;
}

export const finishReasons = ["stop", "length", "tool_calls", "cancelled"] as const;
export type FinishReason = (typeof finishReasons)[number];

export interface Finish {
  readonly reason: FinishReason;
  /** The caller's stop string that ended the answer, if one did. */
  readonly stopString?: string;
}

/** What an answer's rendering needs beyond the model's own words. */
export interface RenderFacts {
  /** Shows up in the body's `id`. */
  readonly jobId: string;
  /** Seconds since 1970, for `created`. */
  readonly createdSec: number;
  /** The same, now: for when an answer was completed. */
  nowSec(): number;
}

/** One token with its natural log probability under the distribution that it was drawn from. */
export interface TokenChance {
  readonly text: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
}
export interface TokenLogprob extends TokenChance {
  /** The likeliest tokens at this place, likeliest first. */
  readonly top: readonly TokenChance[];
}

/** One step of an answer: text, split into what is thought and what is said, or a tool call in pieces. */
export type Delta =
  | { readonly kind: "said"; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  | { readonly kind: "thought"; readonly text: string }
  /** A call begins; its `arguments` follow at once, with nothing in between. */
  | { readonly kind: "call"; readonly id: string; readonly name: string }
  | { readonly kind: "arguments"; readonly text: string };

export type TextDelta = Extract<Delta, { kind: "said" | "thought" }>;

/**
 * Renders one answer into the bytes that the caller receives, as UTF-8 text, piece by piece. The
 * concatenation of all that it returns is the response body, so that its hash can be taken on the way.
 * A streaming renderer returns events as they come; a plain one returns "" until `end`.
 *
 * Called in this order: `begin`, then for each choice from 0 on any number of `delta` and one `finish`,
 * then `end`. Choices do not interleave.
 */
export interface Renderer {
  /** What may stand between any two events of a stream, and before the first, so that it is not silent; a comment where it is absent. */
  readonly keepAlive?: string;
  /** When the first token exists, hidden or not. */
  begin(prompt: Pick<Usage, "promptTokens" | "cachedTokens">): string;
  delta(delta: Delta, choice: number): string;
  /** Of an endpoint that embeds, in place of deltas: the vector of the next input. */
  vector?(values: Float32Array<ArrayBuffer>): string;
  /** This choice has ended. */
  finish(finish: Finish, choice: number): string;
  /** The proper end, with the dialect's last event. `usage` is the sum over all choices. */
  end(usage: Usage): string;
}

/** A request that was understood. */
export interface Decoded {
  readonly job: Job;
  /** Knows what only this dialect knows of the request, such as which parts the caller wants to see. */
  readonly renderer: (facts: RenderFacts) => Renderer;
}

/** An answer that its own renderer cannot have written. */
export class AnswerMalformed extends Error {
  override readonly name = "AnswerMalformed";
}

/** Reads an answer as it passes. Both throw AnswerMalformed. */
export interface AnswerCheck {
  push(bytes: Uint8Array): void;
  /** @param isCut whether its machine was told to stop, so that it may hold less than was asked for */
  end(isCut: boolean): void;
}

/** For the API description. */
export interface DialectWords {
  readonly summary: string;
  readonly description: string;
  readonly request: z.ZodType;
  readonly response: z.ZodType;
  /** The data of one event of a stream; absent where the endpoint has none. */
  readonly event?: z.ZodType;
  readonly error: z.ZodType;
}

export interface Dialect {
  readonly endpoint: Endpoint;
  readonly words: DialectWords;
  /** Parses and checks a body. Throws NetworkError `body_invalid` or `unsupported`, naming the field. */
  decode(body: unknown): Decoded;
  /** Of an endpoint that embeds: whether an answer of this model holds the vectors that were asked for, each of so many numbers. */
  checkVectors?(model: string, figures: Figures, vectorLength: number): AnswerCheck;
  /** The body of an HTTP error, as a JSON string. */
  errorBody(failure: Failure, requestId: RequestId): string;
  /** Its events carry numbers, so that one of ours goes on where the provider's end. */
  readonly numbersEvents?: true;
  /**
   * The event that ends a stream which failed after its first content, with its blank line.
   *
   * @param eventsSent how many events the caller has, comments not counted, where they are numbered
   */
  errorEvent(failure: Failure, requestId: RequestId, eventsSent: number): string;
  /**
   * The message that ends a response over a WebSocket, or stands in its place.
   *
   * @param headers that an HTTP answer would have had
   */
  errorLine?(failure: Failure, headers: Readonly<Record<string, string>>): string;
}
