import type { Dialect } from "../dialect.ts";
import { promptFieldOf } from "../engine-refusals.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { openaiErrorBody, openaiErrorEvent } from "../openai-chat/errors.ts";
import { completionSchema } from "./answer-schema.ts";
import { PlainRenderer, StreamRenderer } from "./render.ts";
import { decodeCompletionRequest } from "./request.ts";
import { completionRequestSchema } from "./request-schema.ts";

/** OpenAI's older text completions. The models here are chat models, so the prompt is one user message. */
export const openaiCompletions: Dialect = {
  endpoint: "/v1/completions",
  words: {
    summary: "Create a text completion (legacy)",
    description:
      "OpenAI's older endpoint, for clients that still use it; new ones take /v1/chat/completions. The models of this network are chat models: the prompt is read as one message of a user. Thinking is never told.",
    request: completionRequestSchema,
    response: completionSchema,
    event: completionSchema,
    error: openaiErrorSchema,
  },
  decode(body) {
    const { job, includeUsage } = decodeCompletionRequest(body);
    return {
      job,
      renderer: (facts) => (job.stream ? new StreamRenderer(job, includeUsage, facts) : new PlainRenderer(job, facts)),
    };
  },
  errorBody: (failure) => openaiErrorBody(failure, promptFieldOf("/v1/completions")),
  errorEvent: (failure) => openaiErrorEvent(failure, promptFieldOf("/v1/completions")),
};

export { completionSchema } from "./answer-schema.ts";
export { completionRequestSchema } from "./request-schema.ts";
