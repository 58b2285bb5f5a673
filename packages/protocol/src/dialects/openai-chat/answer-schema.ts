import * as z from "zod";
import { failures } from "../../failures.ts";

/** What callers of `POST /v1/chat/completions` receive, as it is published and as the tests check it. */

const count = z.int().nonnegative();
const finishReason = z.enum(["stop", "length", "tool_calls"]);

export const openaiUsage = z.object({
  prompt_tokens: count,
  completion_tokens: count.meta({ description: "Thinking included, whether it is handed out or not" }),
  total_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count }),
  completion_tokens_details: z.object({ reasoning_tokens: count }),
});
export type ChatUsage = z.infer<typeof openaiUsage>;

/** Programs look for the one name or the other. */
const thought = {
  reasoning_content: z.string().exactOptional().meta({ description: "Only where it was asked for" }),
  reasoning: z.string().exactOptional().meta({ description: "The same, always beside reasoning_content" }),
};

const chance = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()) };
const logprobs = z
  .object({
    content: z.array(z.object({ ...chance, top_logprobs: z.array(z.object(chance)) })),
    refusal: z.null(),
  })
  .nullable()
  .meta({ description: "Only with logprobs: of the visible text's tokens" });
export type ChatLogprobs = z.infer<typeof logprobs>;

const functionCall = z.object({
  name: z.string(),
  arguments: z.string().meta({ description: "The JSON text of an object" }),
});

export const chatResponseSchema = z
  .object({
    id: z.string().meta({ description: "chatcmpl- and the job id" }),
    object: z.literal("chat.completion"),
    created: count.meta({ description: "Seconds since 1970" }),
    model: z.string().meta({ description: "As it was asked for" }),
    choices: z
      .array(
        z.object({
          index: count,
          message: z.object({
            role: z.literal("assistant"),
            content: z.string().nullable().meta({ description: "null where there are only tool calls" }),
            ...thought,
            refusal: z.null(),
            tool_calls: z
              .array(z.object({ id: z.string(), type: z.literal("function"), function: functionCall }))
              .exactOptional(),
          }),
          logprobs,
          finish_reason: finishReason,
        }),
      )
      .min(1),
    usage: openaiUsage,
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
          index: count,
          delta: z.strictObject({
            role: z.literal("assistant").exactOptional().meta({ description: "In the first chunk" }),
            content: z.string().exactOptional(),
            ...thought,
            tool_calls: z
              .array(
                z.object({
                  index: count,
                  id: z.string().exactOptional().meta({ description: "In the first chunk of a call" }),
                  type: z.literal("function").exactOptional(),
                  function: z.object({ name: z.string().exactOptional(), arguments: z.string().exactOptional() }),
                }),
              )
              .exactOptional(),
          }),
          logprobs,
          finish_reason: finishReason.nullable(),
        }),
      )
      .max(1)
      .meta({ description: "Empty in the chunk that carries the usage" }),
    usage: openaiUsage
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
