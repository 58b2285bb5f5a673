import * as z from "zod";
import { failures } from "../../failures.ts";

/** What callers of `POST /v1/chat/completions` receive, as it is published and as the tests check it. */

const count = z.int().nonnegative();
const finishReason = z.enum(["stop", "length"]);

const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count.meta({ description: "Thinking included, whether it is handed out or not" }),
  total_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count }),
  completion_tokens_details: z.object({ reasoning_tokens: count }),
});
export type ChatUsage = z.infer<typeof usage>;

const reasoning = z.string().exactOptional().meta({ description: "Only with include_reasoning" });

export const chatResponseSchema = z
  .object({
    id: z.string().meta({ description: "chatcmpl- and the job id" }),
    object: z.literal("chat.completion"),
    created: count.meta({ description: "Seconds since 1970" }),
    model: z.string().meta({ description: "As it was asked for" }),
    choices: z.tuple([
      z.object({
        index: z.literal(0),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string(),
          reasoning_content: reasoning,
          refusal: z.null(),
        }),
        logprobs: z.null(),
        finish_reason: finishReason,
      }),
    ]),
    usage,
  })
  .meta({ description: "One chat completion" });
export type ChatResponse = z.infer<typeof chatResponseSchema>;

export const chatChunkSchema = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion.chunk"),
    created: count,
    model: z.string(),
    choices: z
      .array(
        z.object({
          index: z.literal(0),
          delta: z.strictObject({
            role: z.literal("assistant").exactOptional().meta({ description: "In the first chunk" }),
            content: z.string().exactOptional(),
            reasoning_content: reasoning,
          }),
          logprobs: z.null(),
          finish_reason: finishReason.nullable(),
        }),
      )
      .max(1)
      .meta({ description: "Empty in the chunk that carries the usage" }),
    usage: usage
      .nullable()
      .exactOptional()
      .meta({ description: "Only with stream_options.include_usage; null but in the last chunk" }),
  })
  .meta({ description: "The data of one event of a streamed chat completion; the last event's data is [DONE]" });
export type ChatChunk = z.infer<typeof chatChunkSchema>;

/** OpenAI's word for an empty balance, which clients look for, stands in place of ours. */
export const insufficientFundsCode = "insufficient_quota";

export const openaiErrorSchema = z
  .object({
    error: z.object({
      message: z.string().meta({ description: "What happened and what to do next" }),
      type: z.enum([...new Set(Object.values(failures).map((row) => row.openai))]),
      code: z.enum(Object.keys(failures).map((code) => (code === "insufficient_funds" ? insufficientFundsCode : code))),
      param: z.string().nullable().meta({ description: "The path of the field that is at fault" }),
    }),
  })
  .meta({ description: "OpenAI's error envelope" });
export type OpenaiError = z.infer<typeof openaiErrorSchema>;
