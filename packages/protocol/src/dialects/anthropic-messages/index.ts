import type { Dialect } from "../dialect.ts";
import {
  anthropicErrorSchema,
  messagesEventSchema,
  messagesResponseSchema,
  tokenCountSchema,
} from "./answer-schema.ts";
import { decodeCountTokensRequest } from "./count-tokens.ts";
import { anthropicErrorBody, anthropicErrorEvent } from "./errors.ts";
import { decodeMessagesRequest } from "./request.ts";
import { countTokensRequestSchema, messagesRequestSchema } from "./request-schema.ts";

/** Anthropic's Messages, text and the caller's own tools. */
export const anthropicMessages: Dialect = {
  endpoint: "/v1/messages",
  words: {
    summary: "Create a message",
    description:
      "Anthropic's Messages: text, tools that the caller runs, thinking, and answers held to a JSON Schema. 'max_tokens' may be left out, which Anthropic does not allow, and 'temperature' may go up to 2. A thinking block's signature is the job id, which names the receipt.",
    request: messagesRequestSchema,
    response: messagesResponseSchema,
    event: messagesEventSchema,
    error: anthropicErrorSchema,
  },
  decode: decodeMessagesRequest,
  errorBody: anthropicErrorBody,
  errorEvent: anthropicErrorEvent,
};

/** Counts a prompt as the model's own template and tokenizer make it; nothing is generated or charged. */
export const anthropicCountTokens: Dialect = {
  endpoint: "/v1/messages/count_tokens",
  words: {
    summary: "Count the tokens of a message request",
    description:
      "The count of the prompt as the model itself would read it, with system prompt and tools. Nothing is generated and nothing is charged.",
    request: countTokensRequestSchema,
    response: tokenCountSchema,
    error: anthropicErrorSchema,
  },
  decode: decodeCountTokensRequest,
  errorBody: anthropicErrorBody,
  errorEvent: anthropicErrorEvent,
};

export {
  anthropicErrorSchema,
  messagesEventSchema,
  messagesResponseSchema,
  tokenCountSchema,
} from "./answer-schema.ts";
export {
  anthropicModelSchema,
  anthropicModelsSchema,
  type AnthropicModel,
  type AnthropicModels,
} from "./model-schema.ts";
export { countTokensRequestSchema, messagesRequestSchema } from "./request-schema.ts";
