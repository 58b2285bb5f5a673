import type { Dialect } from "../dialect.ts";
import { promptFieldOf } from "../engine-refusals.ts";
import { chatChunkSchema, chatResponseSchema, openaiErrorSchema } from "./answer-schema.ts";
import { openaiErrorBody, openaiErrorEvent } from "./errors.ts";
import { PlainRenderer, StreamRenderer } from "./render.ts";
import { decodeChatRequest } from "./request.ts";
import { chatRequestSchema } from "./request-schema.ts";

/** OpenAI's Chat Completions: text, tools that the caller runs, and answers held to a JSON Schema. */
export const openaiChat: Dialect = {
  endpoint: "/v1/chat/completions",
  words: {
    summary: "Create a chat completion",
    description:
      "Compatible with OpenAI's Chat Completions. The answer is rendered and signed by the machine that made it and relayed untouched: `x-response-hash` is the SHA-256 of the body, `x-se-signature` the machine's signature over it. A stream ends with one SSE comment `: darkbloom-receipt …`; its hash and signature are also HTTP trailers.",
    request: chatRequestSchema,
    response: chatResponseSchema,
    event: chatChunkSchema,
    error: openaiErrorSchema,
  },
  decode(body) {
    const { job, wishes } = decodeChatRequest(body);
    return {
      job,
      renderer: (facts) =>
        job.stream ? new StreamRenderer(job, wishes, facts) : new PlainRenderer(job, wishes, facts),
    };
  },
  errorBody: (failure) => openaiErrorBody(failure, promptFieldOf("/v1/chat/completions")),
  errorEvent: (failure) => openaiErrorEvent(failure, promptFieldOf("/v1/chat/completions")),
};

export { chatChunkSchema, chatResponseSchema, openaiErrorSchema } from "./answer-schema.ts";
export { chatRequestSchema } from "./request-schema.ts";
