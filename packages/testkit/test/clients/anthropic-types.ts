/** What a server answers, as Anthropic's SDK has it: read by scripts/derive-sdk-schemas.ts, run by nobody. */
import type { PageResponse } from "@anthropic-ai/sdk/core/pagination";
import type {
  ErrorResponse,
  Message,
  MessageTokensCount,
  ModelInfo,
  RawMessageStreamEvent,
} from "@anthropic-ai/sdk/resources";

export type MessagesBody = Message;
export type MessagesEvent = RawMessageStreamEvent;
export type TokenCountBody = MessageTokensCount;
export type AnthropicErrorBody = ErrorResponse;
export type ModelBody = ModelInfo;
export type ModelsBody = PageResponse<ModelInfo>;
