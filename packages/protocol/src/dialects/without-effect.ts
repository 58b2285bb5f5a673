import type { Endpoint } from "./job.ts";

/** Of all of OpenAI's endpoints. */
const openai = [
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "stream_options.include_obfuscation",
  "cache_prompt",
  "guided_decoding_backend",
  "return_tokens_as_token_ids",
] as const;

/** Likewise, where nothing is streamed. */
const plainOpenai = openai.filter((field) => !field.startsWith("stream_options"));

/**
 * Fields that programs send, and that are taken: none of them changes what an answer says. docs/clients.md lists them
 * too. What nobody here has heard of is taken as well.
 */
export const withoutEffect: Readonly<Record<Endpoint, readonly string[]>> = {
  "/v1/chat/completions": [...openai, "verbosity", "usage"],
  "/v1/responses": [...openai, "text.verbosity", "max_tool_calls"],
  "/v1/responses/compact": [...plainOpenai, "max_tool_calls", "tool_choice"],
  "/v1/completions": openai,
  "/v1/messages": ["metadata", "service_tier", "speed", "diagnostics", "cache_control"],
  "/v1/messages/count_tokens": ["metadata", "service_tier", "speed", "diagnostics", "cache_control"],
  "/v1/embeddings": ["user"],
};
