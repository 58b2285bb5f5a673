import { utf8 } from "./bytes.ts";
import type { EmbedInput, Job } from "./dialects/job.ts";

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

/** What a model puts before and behind each text that has no template, in tokens; most put one at either end, or none. */
export const EMBED_TOKENS_ADDED_MAX = 4;

/** The most tokens that a body's texts may be charged as, likewise. */
export const embedTokensMax = (bodyBytes: number, inputs: number): number =>
  bodyBytes + inputs * EMBED_TOKENS_ADDED_MAX;

/** Of what shares one context: its words in bytes, or as tokens; of several that have one each, the most of both. */
export interface PromptSize {
  readonly bytes: number;
  readonly tokens: number;
}

/**
 * How large a request's prompt is at least, whatever the template does to it: one that leaves out tools, earlier thoughts and
 * white space around a text is not held to them.
 */
export function promptSizeOf({ messages, embed, raw }: Pick<Job, "messages" | "embed" | "raw">): PromptSize {
  const texts = embed?.inputs ?? raw?.prompts;
  if (texts) {
    let [bytes, tokens] = [0, 0];
    for (const text of texts) {
      if (typeof text === "string") bytes = Math.max(bytes, bytesOf(text));
      else tokens = Math.max(tokens, text.length);
    }
    return { bytes, tokens };
  }
  let bytes = 0;
  for (const { role, text } of messages)
    bytes += bytesOf(role === "assistant" ? (text.split(THOUGHT_END).at(-1) ?? "") : text);
  return { bytes, tokens: 0 };
}

const bytesOf = (text: string): number => utf8(text.trim()).length;

/** The least that it can come to in tokens. @param tokenBytesMax bytes of the vocabulary's longest token */
export const promptTokensMin = ({ bytes, tokens }: PromptSize, tokenBytesMax: number): number =>
  Math.max(Math.ceil(bytes / tokenBytesMax), tokens);

/**
 * The most tokens that one text can become in a vector's context. Some tokenizers read a text in its compatibility form, which
 * may be longer than what was sent; what is long enough as it stands is not looked at again.
 *
 * @param enough from so many on it does not matter how many more
 */
export function inputTokensMax(input: EmbedInput, enough: number): number {
  if (typeof input !== "string") return input.length + EMBED_TOKENS_ADDED_MAX;
  const sent = utf8(input).length + EMBED_TOKENS_ADDED_MAX;
  return sent >= enough ? sent : utf8(input.normalize("NFKD")).length + EMBED_TOKENS_ADDED_MAX;
}

/** Many templates leave out what an assistant thought in earlier turns, up to this tag. */
const THOUGHT_END = "</think>";
