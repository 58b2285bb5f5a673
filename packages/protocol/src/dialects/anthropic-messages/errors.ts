import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures } from "../../failures.ts";
import type { RequestId } from "../../ids.ts";
import type { AnthropicError } from "./answer-schema.ts";

/** By this the official client knows to send the whole conversation again instead of a thread's name. */
const noThreads = { error_code: "thread_unsupported_request" as const, unsupported: ["thread" as const] };

/** The body of an HTTP error in Anthropic's envelope, as a JSON string. */
export function anthropicErrorBody(failure: Failure, requestId: RequestId): string {
  return JSON.stringify({
    type: "error",
    error: {
      type: failures[failure.code].anthropic,
      message: wordsOf(failure),
      ...(failure.code === "unsupported" && failure.param === "thread" && { details: noThreads }),
    },
    request_id: requestId,
  } satisfies AnthropicError);
}

/** Programs that shorten a conversation and ask again look for the words that Anthropic's own API has for this. */
const wordsOf = (failure: Failure): string =>
  failure.code === "context_length_exceeded"
    ? `prompt is too long: ${failure.promptTokens} tokens > ${failure.contextTokens} maximum. Shorten the messages.`
    : sentenceOf(failure);

/** The event that ends a stream after a fault. No `message_stop` follows: clients take that for a proper end. */
export function anthropicErrorEvent(failure: Failure, requestId: RequestId): string {
  return `event: error\ndata: ${anthropicErrorBody(failure, requestId)}\n\n`;
}
