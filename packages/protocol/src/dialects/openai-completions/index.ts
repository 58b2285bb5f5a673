import type { Dialect } from "../dialect.ts";
import { promptFieldOf } from "../engine-refusals.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { openaiErrorBody, openaiErrorEvent } from "../openai-chat/errors.ts";
import { completionSchema } from "./answer-schema.ts";
import { PlainRenderer, StreamRenderer } from "./render.ts";
import { decodeCompletionRequest } from "./request.ts";
import { completionRequestSchema } from "./request-schema.ts";

/** OpenAI's older text completions: a text is gone on with as it stands. */
export const openaiCompletions: Dialect = {
  endpoint: "/v1/completions",
  words: {
    summary: "Create a text completion (legacy)",
    description:
      "A text is gone on with as it stands, without a chat template; what looks like a control token in it is text. Models whose 'tasks' in GET /v1/models name complete do this. For conversations there is /v1/chat/completions.",
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
