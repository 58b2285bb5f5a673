import type { Dialect } from "./dialect.ts";
import type { Endpoint } from "./job.ts";
import { openaiChat } from "./openai-chat/index.ts";

/** The dialect that each inference endpoint speaks. */
export const dialects: Readonly<Record<Endpoint, Dialect>> = {
  "/v1/chat/completions": openaiChat,
};
