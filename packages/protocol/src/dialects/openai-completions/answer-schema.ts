import * as z from "zod";
import { openaiUsage } from "../openai-chat/answer-schema.ts";

const logprobs = z
  .object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number()),
    top_logprobs: z.array(z.record(z.string(), z.number())),
    text_offset: z.array(z.int().nonnegative()).meta({ description: "Where each token begins in the text" }),
  })
  .nullable()
  .meta({ description: "Only with logprobs" });
export type CompletionLogprobs = NonNullable<z.infer<typeof logprobs>>;

/** What callers of `POST /v1/completions` receive, as one body and as the data of each event. */
export const completionSchema = z
  .object({
    id: z.string().meta({ description: "cmpl- and the job id" }),
    object: z.literal("text_completion"),
    created: z.int().nonnegative().meta({ description: "Seconds since 1970" }),
    model: z.string().meta({ description: "As it was asked for" }),
    choices: z.array(
      z.object({
        text: z.string(),
        index: z.int().nonnegative(),
        logprobs,
        finish_reason: z.enum(["stop", "length"]).nullable().meta({ description: "null but in a choice's last event" }),
      }),
    ),
    usage: openaiUsage.nullable().exactOptional(),
  })
  .meta({ description: "A text completion, or one event of it; a stream's last event's data is [DONE]" });
export type Completion = z.infer<typeof completionSchema>;
