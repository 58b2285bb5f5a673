import { anthropicCountTokens, anthropicMessages } from "./anthropic-messages/index.ts";
import type { Dialect } from "./dialect.ts";
import { fieldOf } from "./fields.ts";
import type { Endpoint } from "./job.ts";
import { openaiChat } from "./openai-chat/index.ts";
import { openaiCompletions } from "./openai-completions/index.ts";
import { openaiEmbeddings } from "./openai-embeddings/index.ts";
import { openaiCompact, openaiResponses } from "./openai-responses/index.ts";

/** The dialect that each inference endpoint speaks. */
export const dialects: Readonly<Record<Endpoint, Dialect>> = {
  "/v1/chat/completions": openaiChat,
  "/v1/responses": openaiResponses,
  "/v1/responses/compact": openaiCompact,
  "/v1/completions": openaiCompletions,
  "/v1/messages": anthropicMessages,
  "/v1/messages/count_tokens": anthropicCountTokens,
  "/v1/embeddings": openaiEmbeddings,
};

/**
 * The dialect of one request. OpenAI's two are told apart by their shape, so that a body with `messages`
 * sent to Responses, or one with `input` sent to chat, is understood and answered as what it is.
 */
export function dialectFor(endpoint: Endpoint, body: unknown): Dialect {
  const hasMessages = hasField(body, "messages");
  const hasInput = hasField(body, "input");
  if (endpoint === "/v1/responses" && hasMessages && !hasInput) return openaiChat;
  if (endpoint === "/v1/chat/completions" && hasInput && !hasMessages) return openaiResponses;
  return dialects[endpoint];
}

/** `null` means absent, as everywhere in these dialects. */
const hasField = (body: unknown, field: string): boolean => (fieldOf(body, field) ?? null) !== null;
