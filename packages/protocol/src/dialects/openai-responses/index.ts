import { failures, type Failure } from "../../failures.ts";
import type { RequestId } from "../../ids.ts";
import type { Dialect } from "../dialect.ts";
import { jsonLine } from "../json-text.ts";
import { previousIdOf } from "../turns.ts";
import { promptFieldOf } from "../engine-refusals.ts";
import { openaiErrorSchema, type OpenaiError } from "../openai-chat/answer-schema.ts";
import { openaiErrorBody } from "../openai-chat/errors.ts";
import { responseSchema, responsesEventSchema } from "./answer-schema.ts";
import { compactedSchema, compactRequestSchema, decodeCompactRequest } from "./compact.ts";
import { PlainRenderer, StreamRenderer } from "./render.ts";
import { decodeResponsesRequest } from "./request.ts";
import { responsesRequestSchema } from "./request-schema.ts";

/** OpenAI's Responses, for a server that stores nothing. */
export const openaiResponses: Dialect = {
  endpoint: "/v1/responses",
  words: {
    summary: "Create a response",
    description:
      "Compatible with OpenAI's Responses where nothing has to be stored: text, function calls, reasoning and structured outputs. The whole conversation comes as 'input'. A WebSocket at the same path takes the same bodies as messages of type `response.create`, and gives the events as messages.",
    request: responsesRequestSchema,
    response: responseSchema,
    event: responsesEventSchema,
    error: openaiErrorSchema,
  },
  decode(body) {
    const { job, request, tools } = decodeResponsesRequest(body);
    const previousId = previousIdOf(body);
    return {
      job,
      renderer: (facts) =>
        job.stream
          ? new StreamRenderer(job, request, tools, facts, previousId)
          : new PlainRenderer(job, request, tools, facts),
    };
  },
  errorBody,
  numbersEvents: true,
  errorEvent: responsesErrorEvent,
  errorLine: responsesErrorLine,
};

/** A conversation that has grown long, in fewer words: the model sums it up. */
export const openaiCompact: Dialect = {
  endpoint: "/v1/responses/compact",
  words: {
    summary: "Compact a conversation",
    description:
      "The messages of the user as they were, and one item of type 'compaction' in place of everything else: a summary that the model writes, and that is paid like every answer. Send 'output' as the first items of the next 'input'. Only the summary's own network reads it.",
    request: compactRequestSchema,
    response: compactedSchema,
    error: openaiErrorSchema,
  },
  decode: decodeCompactRequest,
  errorBody: (failure) => openaiErrorBody(failure, promptFieldOf("/v1/responses/compact")),
  errorEvent: responsesErrorEvent,
};

function errorBody(failure: Failure): string {
  return openaiErrorBody(failure, promptFieldOf("/v1/responses"));
}

/** `event: error`, numbered after the events before it. */
function responsesErrorEvent(failure: Failure, _requestId: RequestId, eventsSent: number): string {
  const { code, message, param } = (JSON.parse(errorBody(failure)) as OpenaiError).error;
  return `event: error\ndata: ${jsonLine({ type: "error", code, message, param, sequence_number: eventsSent })}\n\n`;
}

/** OpenAI's envelope with the status that an HTTP answer would have had. */
function responsesErrorLine(failure: Failure, headers: Readonly<Record<string, string>>): string {
  const { error } = JSON.parse(errorBody(failure)) as OpenaiError;
  const { status } = failures[failure.code];
  return `${jsonLine({ type: "error", status, error: { ...error, headers } })}\n`;
}

export { responseSchema, responsesEventSchema } from "./answer-schema.ts";
export { responsesRequestSchema } from "./request-schema.ts";
