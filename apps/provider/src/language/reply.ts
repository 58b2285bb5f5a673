import type { TokenLogprob } from "@darkbloom/protocol";
import type { ToolSyntax } from "./tool-syntax.ts";

/** How the reply to a prompt begins, and how its calls are told from its words. */
export interface ReplyForm {
  /** The template has already opened the model's thinking, so the answer begins inside it. */
  readonly opensThinking: boolean;
  /** How this model writes a tool call; absent where no tools were offered. */
  readonly toolSyntax?: ToolSyntax;
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
