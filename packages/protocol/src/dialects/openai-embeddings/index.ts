import type { Dialect } from "../dialect.ts";
import { promptFieldOf } from "../engine-refusals.ts";
import { openaiErrorSchema } from "../openai-chat/answer-schema.ts";
import { openaiErrorBody, openaiErrorEvent } from "../openai-chat/errors.ts";
import { embeddingsSchema } from "./answer-schema.ts";
import { VectorsCheck } from "./check.ts";
import { EmbeddingsRenderer } from "./render.ts";
import { decodeEmbeddingsRequest } from "./request.ts";
import { embeddingsRequestSchema } from "./request-schema.ts";

/** OpenAI's embeddings: texts in, vectors out. No token is generated, so that its receipt has no sampling and no finish. */
export const openaiEmbeddings: Dialect = {
  endpoint: "/v1/embeddings",
  words: {
    summary: "Turn texts into vectors",
    description:
      "Compatible with OpenAI's embeddings, for models whose `tasks` in `GET /v1/models` name `embed`. Every vector has the length 1. A text longer than the model's context is refused, and never cut. Tokens are those of the model's own vocabulary.",
    request: embeddingsRequestSchema,
    response: embeddingsSchema,
    error: openaiErrorSchema,
  },
  decode(body) {
    const job = decodeEmbeddingsRequest(body);
    return { job, renderer: () => new EmbeddingsRenderer(job) };
  },
  checkVectors(model, { embed }, vectorLength) {
    if (!embed) throw new RangeError("a request without inputs");
    return new VectorsCheck(model, embed, vectorLength);
  },
  errorBody: (failure) => openaiErrorBody(failure, promptFieldOf("/v1/embeddings")),
  errorEvent: (failure) => openaiErrorEvent(failure, promptFieldOf("/v1/embeddings")),
};

export { embeddingsSchema } from "./answer-schema.ts";
export { embeddingsBytesMax } from "./render.ts";
export { DIMENSIONS_MAX, embeddingsRequestSchema } from "./request-schema.ts";
