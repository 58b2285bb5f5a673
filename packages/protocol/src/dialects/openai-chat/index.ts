import type { Dialect } from "../dialect.ts";
import { openaiErrorBody, openaiErrorEvent } from "./errors.ts";
import { PlainRenderer, StreamRenderer } from "./render.ts";
import { decodeChatRequest } from "./request.ts";

/** OpenAI's Chat Completions, text only. */
export const openaiChat: Dialect = {
  endpoint: "/v1/chat/completions",
  decode: decodeChatRequest,
  render: (job, facts) => (job.stream ? new StreamRenderer(job, facts) : new PlainRenderer(job, facts)),
  errorBody: openaiErrorBody,
  errorEvent: openaiErrorEvent,
};

export { chatChunkSchema, chatResponseSchema, openaiErrorSchema } from "./answer-schema.ts";
export { chatRequestSchema } from "./request-schema.ts";
