import * as z from "zod";
import { failures } from "../../failures.ts";

/**
 * What callers of `POST /v1/messages` receive, as it is published and as the tests check it. Anthropic's
 * types have every one of these fields, so the ones that mean nothing here are there as null; but for a
 * text's `citations`, which the API leaves out and which clients refuse as null.
 */

const count = z.int().nonnegative();
const tokenDetails = z.object({
  thinking_tokens: count.meta({ description: "Thinking, whether it is handed out or not; part of output_tokens" }),
});

const cumulativeUsage = {
  input_tokens: count.meta({ description: "Of the prompt, without what was read from the cache" }),
  cache_creation_input_tokens: z.literal(0),
  cache_read_input_tokens: count.meta({ description: "Prompt tokens that did not have to be computed again" }),
  output_tokens: count.meta({ description: "Thinking included, whether it is handed out or not" }),
  output_tokens_details: tokenDetails.nullable().meta({ description: "Null in message_start alone" }),
  server_tool_use: z.null(),
};
const deltaUsage = z.object(cumulativeUsage);
export type MessageDeltaUsage = z.infer<typeof deltaUsage>;

const usage = z.object({
  ...cumulativeUsage,
  cache_creation: z.null(),
  inference_geo: z.null(),
  service_tier: z.null(),
  speed: z.null(),
});
export type MessageUsage = z.infer<typeof usage>;

const textBlock = z.object({ type: z.literal("text"), text: z.string() });
const thinkingBlock = z.object({
  type: z.literal("thinking"),
  thinking: z.string(),
  signature: z.string().meta({ description: "The job id: it names the receipt, which signs all of the answer" }),
});
const toolUseBlock = z.object({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.unknown()).meta({ description: "Empty where the output bound cut it" }),
  caller: z.object({ type: z.literal("direct") }),
});
const block = z.discriminatedUnion("type", [textBlock, thinkingBlock, toolUseBlock]);

const stopReasons = ["end_turn", "max_tokens", "tool_use", "stop_sequence"] as const;
export type StopReason = (typeof stopReasons)[number];
const stopReason = z.enum(stopReasons);
const stopSequence = z.string().nullable().meta({ description: "The stop sequence that ended the answer, if one did" });

const message = {
  id: z.string().meta({ description: "msg_ and the job id" }),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string().meta({ description: "As it was asked for" }),
  content: z.array(block),
  container: z.null(),
  diagnostics: z.null(),
  stop_details: z.null(),
  stop_reason: stopReason,
  stop_sequence: stopSequence,
  usage,
};

export const messagesResponseSchema = z.object(message).meta({ description: "One message" });
export type MessagesResponse = z.infer<typeof messagesResponseSchema>;

const index = count.meta({ description: "Of the block in content" });

export const messagesEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("message_start"),
      message: z.object({ ...message, content: z.tuple([]), stop_reason: z.null(), stop_sequence: z.null() }),
    }),
    z.object({ type: z.literal("content_block_start"), index, content_block: block }),
    z.object({
      type: z.literal("content_block_delta"),
      index,
      delta: z.discriminatedUnion("type", [
        z.object({ type: z.literal("text_delta"), text: z.string() }),
        z.object({ type: z.literal("thinking_delta"), thinking: z.string() }),
        z.object({ type: z.literal("signature_delta"), signature: z.string() }),
        z.object({ type: z.literal("input_json_delta"), partial_json: z.string() }),
      ]),
    }),
    z.object({ type: z.literal("content_block_stop"), index }),
    z.object({
      type: z.literal("message_delta"),
      delta: z.object({
        container: z.null(),
        stop_details: z.null(),
        stop_reason: stopReason,
        stop_sequence: stopSequence,
      }),
      usage: deltaUsage,
    }),
    z.object({ type: z.literal("message_stop") }),
  ])
  .meta({ description: "The data of one event of a streamed message; its type is the event's name too" });
export type MessagesEvent = z.infer<typeof messagesEventSchema>;

export const tokenCountSchema = z
  .object({ input_tokens: count.meta({ description: "System prompt, messages and tools together" }) })
  .meta({ description: "How many tokens a prompt has" });
export type TokenCount = z.infer<typeof tokenCountSchema>;

export const anthropicErrorSchema = z
  .object({
    type: z.literal("error"),
    error: z.object({
      type: z.enum([...new Set(Object.values(failures).map((row) => row.anthropic))]),
      message: z.string().meta({ description: "What happened and what to do next" }),
      details: z
        .object({ error_code: z.literal("thread_unsupported_request"), unsupported: z.array(z.literal("thread")) })
        .optional()
        .meta({ description: "Where 'thread' was sent, which needs a server that stores conversations" }),
    }),
    request_id: z.string(),
  })
  .meta({ description: "Anthropic's error envelope" });
export type AnthropicError = z.infer<typeof anthropicErrorSchema>;
