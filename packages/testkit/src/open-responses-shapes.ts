import * as z from "zod";

/**
 * What the Open Responses specification (version 2026-04-24) asks of bodies and events: which members there must be, and which of
 * them may be null. Members beyond it are allowed everywhere; events of other types are not.
 */

const int = z.int();
const nullable = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);
const status = z.enum(["in_progress", "completed", "incomplete"]);
const chance = { token: z.string(), logprob: z.number(), bytes: z.array(int) };
const logprobs = z.array(z.object({ ...chance, top_logprobs: z.array(z.object(chance)) }));

const part = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input_text"), text: z.string() }),
  // An earlier schema asked for the log probabilities too.
  z.object({ type: z.literal("output_text"), text: z.string(), annotations: z.array(z.unknown()), logprobs }),
  z.object({ type: z.literal("summary_text"), text: z.string() }),
  z.object({ type: z.literal("reasoning_text"), text: z.string() }),
  z.object({ type: z.literal("refusal"), refusal: z.string() }),
]);

const item = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message"),
    id: z.string(),
    status,
    role: z.enum(["user", "assistant", "system", "developer"]),
    content: z.array(part),
    phase: z.enum(["commentary", "final_answer"]).exactOptional(),
  }),
  z.object({
    type: z.literal("function_call"),
    id: z.string(),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
    status,
  }),
  z.object({
    type: z.literal("reasoning"),
    id: z.string(),
    summary: z.array(part),
    content: z.array(part).exactOptional(),
    encrypted_content: z.string().exactOptional(),
  }),
  z.object({ type: z.literal("compaction"), id: z.string(), encrypted_content: z.string() }),
]);

const usage = z.object({
  input_tokens: int,
  output_tokens: int,
  total_tokens: int,
  input_tokens_details: z.object({ cached_tokens: int }),
  output_tokens_details: z.object({ reasoning_tokens: int }),
});

const functionTool = z.object({
  type: z.literal("function"),
  name: z.string(),
  description: nullable(z.string()),
  parameters: nullable(z.looseObject({})),
  strict: nullable(z.boolean()),
});

export const openResponse = z.object({
  id: z.string().min(1),
  object: z.literal("response"),
  created_at: int,
  completed_at: nullable(int),
  status: z.string(),
  incomplete_details: nullable(z.object({ reason: z.string() })),
  model: z.string(),
  previous_response_id: nullable(z.string()),
  instructions: nullable(z.string()),
  output: z.array(item),
  error: nullable(z.object({ code: z.string(), message: z.string() })),
  tools: z.array(functionTool),
  tool_choice: z.union([z.enum(["none", "auto", "required"]), z.looseObject({ type: z.string() })]),
  truncation: z.enum(["auto", "disabled"]),
  parallel_tool_calls: z.boolean(),
  text: z.object({ format: z.looseObject({ type: z.string() }) }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: int,
  temperature: z.number(),
  reasoning: nullable(z.object({ effort: nullable(z.string()), summary: nullable(z.string()) })),
  usage: nullable(usage),
  max_output_tokens: nullable(int),
  max_tool_calls: nullable(int),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.unknown().refine((given) => given !== undefined),
  safety_identifier: nullable(z.string()),
  prompt_cache_key: nullable(z.string()),
});
export type OpenResponse = z.infer<typeof openResponse>;

export const openCompaction = z.object({
  id: z.string().min(1),
  object: z.literal("response.compaction"),
  output: z.array(item).min(1),
  created_at: int,
  usage,
});

const numbered = { sequence_number: int };
const at = { ...numbered, item_id: z.string(), output_index: int };
const inContent = { ...at, content_index: int };
const inSummary = { ...at, summary_index: int };
const snapshots = ["response.created", "response.in_progress", "response.completed", "response.incomplete"] as const;

export const openEvent = z.discriminatedUnion("type", [
  z.object({ type: z.enum([...snapshots, "response.failed"]), ...numbered, response: openResponse }),
  z.object({
    type: z.enum(["response.output_item.added", "response.output_item.done"]),
    ...numbered,
    output_index: int,
    item,
  }),
  z.object({ type: z.enum(["response.content_part.added", "response.content_part.done"]), ...inContent, part }),
  z.object({ type: z.literal("response.output_text.delta"), ...inContent, delta: z.string(), logprobs }),
  z.object({ type: z.literal("response.output_text.done"), ...inContent, text: z.string(), logprobs }),
  z.object({ type: z.literal("response.function_call_arguments.delta"), ...at, delta: z.string() }),
  z.object({ type: z.literal("response.function_call_arguments.done"), ...at, arguments: z.string() }),
  z.object({
    type: z.enum(["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"]),
    ...inSummary,
    part,
  }),
  z.object({ type: z.literal("response.reasoning_summary_text.delta"), ...inSummary, delta: z.string() }),
  z.object({ type: z.literal("response.reasoning_summary_text.done"), ...inSummary, text: z.string() }),
]);
export type OpenEvent = z.infer<typeof openEvent>;

/** Over a WebSocket, where a request fails. */
export const openSocketError = z.object({
  type: z.literal("error"),
  status: int,
  error: z.object({
    type: z.string().exactOptional(),
    code: z.string(),
    message: z.string(),
    param: nullable(z.string()).exactOptional(),
  }),
});
