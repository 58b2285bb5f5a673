/** What a server answers, as Anthropic's SDK has it: read by scripts/derive-sdk-schemas.ts, run by nobody. */
import type { ErrorResponse, Message, MessageTokensCount, RawMessageStreamEvent } from "@anthropic-ai/sdk/resources";

export type MessagesBody = Message;
export type MessagesEvent = RawMessageStreamEvent;
export type TokenCountBody = MessageTokensCount;
export type AnthropicErrorBody = ErrorResponse;
