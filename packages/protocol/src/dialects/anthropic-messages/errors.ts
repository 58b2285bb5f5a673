import { type Failure, failures, sentenceOf } from "../../failures.ts";
import type { RequestId } from "../../ids.ts";
import type { AnthropicError } from "./answer-schema.ts";

/** The body of an HTTP error in Anthropic's envelope, as a JSON string. */
export function anthropicErrorBody(failure: Failure, requestId: RequestId): string {
  return JSON.stringify({
    type: "error",
    error: { type: failures[failure.code].anthropic, message: sentenceOf(failure) },
    request_id: requestId,
  } satisfies AnthropicError);
}

/** The event that ends a stream after a fault. No `message_stop` follows: clients take that for a proper end. */
export function anthropicErrorEvent(failure: Failure, requestId: RequestId): string {
  return `event: error\ndata: ${anthropicErrorBody(failure, requestId)}\n\n`;
}
