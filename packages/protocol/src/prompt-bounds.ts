import { utf8 } from "./bytes.ts";
import type { Job } from "./dialects/job.ts";

/**
 * What a chat template may add to a prompt on its own account: a default system text, turn markers, how to
 * call tools.
 */
export const TEMPLATE_TOKENS_MAX = 1024;

/**
 * The most tokens that a body's prompt may be charged as, since no tokenizer makes more tokens than it reads bytes. A
 * template that makes more of it says so to nobody: a provider counts no further than this.
 */
export const promptTokensMax = (bodyBytes: number): number => bodyBytes + TEMPLATE_TOKENS_MAX;

/**
 * The least that a request's prompt can come to in tokens, whatever the template does to it: one that leaves out tools,
 * earlier thoughts and white space around a text is not held to them.
 *
 * @param tokenBytesMax bytes of the vocabulary's longest token
 */
export function promptTokensMin({ messages }: Pick<Job, "messages">, tokenBytesMax: number): number {
  let bytes = 0;
  for (const { role, text } of messages) {
    const kept = role === "assistant" ? (text.split(THOUGHT_END).at(-1) ?? "") : text;
    bytes += utf8(kept.trim()).length;
  }
  return Math.ceil(bytes / tokenBytesMax);
}

/** Many templates leave out what an assistant thought in earlier turns, up to this tag. */
const THOUGHT_END = "</think>";
