import type { TokenLogprob } from "@darkbloom/protocol/dialects";
import type { ToolSyntax } from "./tool-syntax.ts";

/** How the reply to a prompt begins, and how thoughts, words and calls are told apart in it. */
export interface ReplyForm {
  /** The template has already opened the model's thinking, so the reply begins inside it. */
  readonly opensThinking: boolean;
  /** Absent: nothing of the reply is a thought. */
  readonly thought?: ThoughtForm;
  /** Stands before what is said, and is no part of it. */
  readonly speech?: string;
  /** How this model writes a tool call; absent where no tools were offered. */
  readonly toolSyntax?: ToolSyntax;
  /** The reply goes on with a text that the prompt ends with: white space at its beginning belongs to it. */
  readonly continues?: boolean;
}

export interface ThoughtForm {
  readonly open: string;
  readonly close: string;
  /** The tags are tokens of their own; the same characters from other tokens are text. */
  readonly asTokens: boolean;
  /** The model may think of its own accord, also where its answer has a form. */
  readonly expected: boolean;
}

/** One step of the generation. `text` is empty while a character is incomplete. */
export interface Piece {
  readonly text: string;
  /** So far, this one included. */
  readonly completionTokens: number;
  /** Of the prompt's tokens, those that were in memory already; the same in every piece. */
  readonly cachedTokens: number;
  /** The text is, or ends with, one token of the vocabulary that steers: no text was cut into it. */
  readonly special?: boolean;
  /** Where they were asked for. */
  readonly logprob?: TokenLogprob;
}
