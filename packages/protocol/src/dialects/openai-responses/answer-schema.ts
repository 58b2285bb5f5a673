import * as z from "zod";

/** What callers of `POST /v1/responses` receive. */

const count = z.int().nonnegative();
const itemStatus = z.enum(["in_progress", "completed", "incomplete"]);

const chance = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()) };
const logprob = z.object({ ...chance, top_logprobs: z.array(z.object(chance)) });

const outputText = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(logprob).meta({ description: "Only where 'include' asks for them" }),
});
const namespace = z.string().exactOptional().meta({ description: "Where the tool was given in one" });
const summaryText = z.object({ type: z.literal("summary_text"), text: z.string() });
const reasoningText = z.object({ type: z.literal("reasoning_text"), text: z.string() });

export const outputItem = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("reasoning"),
    id: z.string(),
    summary: z.array(summaryText),
    content: z.array(reasoningText).meta({ description: "The same text: nothing is summed up" }),
  }),
  z.object({
    type: z.literal("message"),
    id: z.string(),
    status: itemStatus,
    role: z.literal("assistant"),
    content: z.array(outputText),
  }),
  z.object({
    type: z.literal("function_call"),
    id: z.string(),
    call_id: z.string(),
    name: z.string(),
    namespace,
    arguments: z.string().meta({ description: "The JSON text of an object" }),
    status: itemStatus,
  }),
  z.object({
    type: z.literal("custom_tool_call"),
    id: z.string(),
    call_id: z.string(),
    name: z.string(),
    namespace,
    input: z.string(),
    status: itemStatus,
  }),
]);
export type OutputItem = z.infer<typeof outputItem>;

export const responsesUsage = z.object({
  input_tokens: count,
  input_tokens_details: z.object({ cached_tokens: count, cache_write_tokens: z.literal(0) }),
  output_tokens: count.meta({ description: "Thinking included, whether it is told or not" }),
  output_tokens_details: z.object({ reasoning_tokens: count }),
  total_tokens: count,
});
export type ResponsesUsage = z.infer<typeof responsesUsage>;

const echoed = z.looseObject({}).meta({ description: "As it was sent" });

export const responseSchema = z
  .object({
    id: z.string().meta({ description: "resp_ and the job id" }),
    object: z.literal("response"),
    created_at: count.meta({ description: "Seconds since 1970" }),
    completed_at: count.nullable().meta({ description: "Seconds since 1970; null until it has completed" }),
    access_programs: z.null(),
    status: z.enum(["in_progress", "completed", "incomplete"]),
    background: z.literal(false),
    error: z.null(),
    incomplete_details: z
      .object({ reason: z.literal("max_output_tokens") })
      .nullable()
      .meta({ description: "Null too where the caller hung up" }),
    instructions: z.string().nullable(),
    frequency_penalty: z.number(),
    presence_penalty: z.number(),
    max_tool_calls: count
      .nullable()
      .meta({ description: "As it was sent: it bounds hosted tools, of which there are none" }),
    safety_identifier: z.string().nullable().meta({ description: "As it was sent" }),
    prompt_cache_key: z.string().nullable().meta({ description: "As it was sent" }),
    service_tier: z.literal("default"),
    max_output_tokens: count.nullable().meta({ description: "As it was sent, under any of its names" }),
    model: z.string().meta({ description: "As it was asked for" }),
    output: z.array(outputItem),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.string().nullable().meta({ description: "Null over HTTP, where none can be gone on with" }),
    reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }),
    store: z.literal(false),
    temperature: z.number(),
    text: z.object({ format: echoed }),
    tool_choice: z.union([z.string(), echoed]),
    tools: z.array(echoed),
    top_logprobs: count,
    top_p: z.number(),
    truncation: z.literal("disabled"),
    usage: responsesUsage.nullable().meta({ description: "Null until the response has ended" }),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ description: "A response" });
export type ResponseBody = z.infer<typeof responseSchema>;

const at = { sequence_number: count, item_id: z.string(), output_index: count };
const inSummary = { ...at, summary_index: z.literal(0) };
const inContent = { ...at, content_index: z.literal(0) };

export const responsesEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.enum(["response.created", "response.in_progress", "response.completed", "response.incomplete"]),
      sequence_number: count.meta({ description: "From 0, one more with each event" }),
      response: responseSchema.meta({ description: "In the last event the whole response" }),
    }),
    z.object({
      type: z.enum(["response.output_item.added", "response.output_item.done"]),
      sequence_number: count,
      output_index: count,
      item: outputItem,
    }),
    z.object({
      type: z.enum(["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"]),
      ...inSummary,
      part: summaryText,
    }),
    z.object({ type: z.literal("response.reasoning_summary_text.delta"), ...inSummary, delta: z.string() }),
    z.object({ type: z.literal("response.reasoning_summary_text.done"), ...inSummary, text: z.string() }),
    z.object({
      type: z.enum(["response.content_part.added", "response.content_part.done"]),
      ...inContent,
      part: z.discriminatedUnion("type", [outputText, reasoningText]),
    }),
    z.object({ type: z.literal("response.reasoning_text.delta"), ...inContent, delta: z.string() }),
    z.object({ type: z.literal("response.reasoning_text.done"), ...inContent, text: z.string() }),
    z.object({
      type: z.literal("response.output_text.delta"),
      ...inContent,
      delta: z.string(),
      logprobs: z.array(logprob),
    }),
    z.object({
      type: z.literal("response.output_text.done"),
      ...inContent,
      text: z.string(),
      logprobs: z.array(logprob),
    }),
    z.object({ type: z.literal("response.function_call_arguments.delta"), ...at, delta: z.string() }),
    z.object({
      type: z.literal("response.function_call_arguments.done"),
      ...at,
      arguments: z.string(),
    }),
    z.object({ type: z.literal("response.custom_tool_call_input.delta"), ...at, delta: z.string() }),
    z.object({ type: z.literal("response.custom_tool_call_input.done"), ...at, input: z.string() }),
    z.object({
      type: z.literal("error"),
      sequence_number: count,
      code: z.string(),
      message: z.string(),
      param: z.string().nullable(),
    }),
  ])
  .meta({
    description:
      "The data of one event. In this order: response.created, response.in_progress; for each item response.output_item.added, its parts and deltas, response.output_item.done; then response.completed or response.incomplete with the whole response. There is no [DONE].",
  });
