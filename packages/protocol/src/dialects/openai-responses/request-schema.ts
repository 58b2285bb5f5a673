import * as z from "zod";
import { ourWords } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES_MAX, TOOLS_MAX, TOP_LOGPROBS_MAX } from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import { trueOrFalseWords, tokenCountWords } from "../fields.ts";
import { chatRequestRules, chatRequestSchema } from "../openai-chat/request-schema.ts";

export const METADATA_PAIRS_MAX = 16;

/**
 * The body of `POST /v1/responses`, as a server that stores nothing can take it. `null` means absent; what
 * would change the answer and is not served is refused by name; fields that are not in here are hints.
 */
const text = z.string();
const part = z.object({
  type: z.enum(["input_text", "output_text", "text", "refusal"]),
  text: text.nullish(),
  refusal: text.nullish(),
});
const content = z.union([text, z.array(part)]);
const reasoningText = z.array(z.object({ text }));

const item = z.object({
  type: z.enum(["message", "function_call", "function_call_output", "reasoning"]).nullish(),
  role: z.enum(["system", "developer", "user", "assistant"]).nullish(),
  content: z.union([content, reasoningText]).nullish(),
  call_id: z.string().min(1).max(256).nullish(),
  name: z.string().min(1).max(256).nullish(),
  arguments: text.nullish(),
  output: content.nullish(),
  summary: reasoningText.nullish(),
});

const jsonSchema = z.looseObject({}).meta({ description: "JSON Schema" });
const tool = z.object({
  type: z.literal("function"),
  name: text,
  description: text.nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
});
const format = z.union([
  z.object({ type: z.enum(["text", "json_object"]) }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string().min(1).max(64),
    description: text.nullish(),
    schema: jsonSchema,
    strict: z.boolean().nullish(),
  }),
]);
const refusedUnlessNull = z.null().optional();
const { shape: chat } = chatRequestSchema;

const shape = {
  model: chat.model,
  input: z.union([text, z.array(item).min(1).max(MESSAGES_MAX)]),
  instructions: text.nullish(),
  stream: chat.stream,
  max_output_tokens: chat.max_output_tokens.meta({ description: `Default ${MAX_TOKENS_DEFAULT}` }),
  max_completion_tokens: chat.max_completion_tokens.meta({ description: "Used where max_output_tokens is absent" }),
  max_tokens: chat.max_tokens,
  temperature: chat.temperature,
  top_p: chat.top_p,
  top_k: chat.top_k,
  frequency_penalty: chat.frequency_penalty,
  presence_penalty: chat.presence_penalty,
  logit_bias: chat.logit_bias,
  top_logprobs: z.int().min(0).max(TOP_LOGPROBS_MAX).nullish(),
  include: z
    .array(text)
    .max(16)
    .nullish()
    .meta({ description: "message.output_text.logprobs gives log probabilities" }),
  seed: chat.seed,
  stop: chat.stop,
  tools: z.array(tool).max(TOOLS_MAX).nullish(),
  tool_choice: z
    .union([z.enum(["none", "auto", "required"]), z.object({ type: z.literal("function"), name: text })])
    .nullish(),
  parallel_tool_calls: chat.parallel_tool_calls,
  text: z.object({ format: format.nullish() }).nullish(),
  reasoning: z
    .object({
      effort: chat.reasoning_effort,
      summary: z
        .enum(["auto", "concise", "detailed"])
        .nullish()
        .meta({ description: "Any of them tells the thinking as reasoning items, as the model thought it" }),
    })
    .nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= METADATA_PAIRS_MAX)
    .nullish(),
  store: z.boolean().nullish().meta({ description: "Nothing is stored, whatever is sent" }),
  truncation: z.literal("disabled").nullish(),
  background: z.literal(false).nullish(),
  previous_response_id: refusedUnlessNull,
  conversation: refusedUnlessNull,
  prompt: refusedUnlessNull,
  provider_serial: chat.provider_serial,
  provider_serials: chat.provider_serials,
};

export const responsesRequestSchema = z.object(shape).meta({ description: "A Responses request" });
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;

const rules = chatRequestRules;
const partWords = { expected: ourWords`expected a string or a list of text parts, not empty` };
const partType = {
  expected: ourWords`expected 'input_text' or 'output_text'`,
  refused: ourWords`the models served here read text alone, no images, audio or files`,
  refusedWords: ["input_image", "input_file", "input_audio", "input_video", "image_url"],
};
const nothingIsStored = ourWords`nothing is stored here; send the whole conversation as 'input'`;
const itemsUnserved = [
  "file_search_call",
  "computer_call",
  "computer_call_output",
  "web_search_call",
  "image_generation_call",
  "code_interpreter_call",
  "local_shell_call",
  "local_shell_call_output",
  "shell_call",
  "shell_call_output",
  "apply_patch_call",
  "apply_patch_call_output",
  "mcp_list_tools",
  "mcp_approval_request",
  "mcp_approval_response",
  "mcp_call",
  "custom_tool_call",
  "custom_tool_call_output",
  "item_reference",
  "compaction",
];
const toolsUnserved = [
  "file_search",
  "web_search",
  "web_search_preview",
  "computer_use_preview",
  "computer",
  "code_interpreter",
  "image_generation",
  "local_shell",
  "shell",
  "apply_patch",
  "mcp",
  "custom",
  "namespace",
  "tool_search",
];

/** What is said of each field; one for every field of the schema. */
export const responsesRequestRules = {
  "": rules[""],
  model: rules.model,
  input: { expected: ourWords`it is required, a string or a list of 1 to ${MESSAGES_MAX} items` },
  "input.*": { expected: ourWords`expected a message, a function_call, a function_call_output or a reasoning item` },
  "input.*.type": {
    expected: ourWords`expected 'message', 'function_call', 'function_call_output' or 'reasoning'`,
    refused: ourWords`only messages, function calls with their outputs, and reasoning are served`,
    refusedWords: itemsUnserved,
  },
  "input.*.role": { expected: ourWords`expected 'system', 'developer', 'user' or 'assistant'` },
  "input.*.content": partWords,
  "input.*.content.*": partWords,
  "input.*.content.*.type": partType,
  "input.*.output": partWords,
  "input.*.output.*": partWords,
  "input.*.output.*.type": partType,
  "input.*.call_id": { expected: ourWords`expected a call's id; an output's must be an earlier call's` },
  "input.*.name": { expected: ourWords`expected the name of a function` },
  "input.*.arguments": { expected: ourWords`expected the JSON text of an object` },
  "input.*.summary": { expected: ourWords`expected a list of objects with 'text'` },
  instructions: { expected: ourWords`expected a string` },
  stream: rules.stream,
  max_output_tokens: { expected: tokenCountWords },
  max_completion_tokens: { expected: tokenCountWords },
  max_tokens: { expected: tokenCountWords },
  temperature: rules.temperature,
  top_p: rules.top_p,
  top_k: rules.top_k,
  frequency_penalty: rules.frequency_penalty,
  presence_penalty: rules.presence_penalty,
  logit_bias: rules.logit_bias,
  top_logprobs: { expected: ourWords`expected a whole number from 0 to ${TOP_LOGPROBS_MAX}` },
  include: { expected: ourWords`expected a list of at most 16 strings` },
  seed: rules.seed,
  stop: rules.stop,
  "stop.*": rules["stop.*"],
  tools: rules.tools,
  "tools.*": { expected: ourWords`expected an object with 'type' "function" and a 'name'` },
  "tools.*.type": {
    expected: ourWords`expected 'function'`,
    refused: ourWords`only functions are served as tools`,
    refusedWords: toolsUnserved,
  },
  tool_choice: rules.tool_choice,
  "tool_choice.type": {
    expected: ourWords`expected 'function'`,
    refused: ourWords`only functions are served as tools; send 'none', 'auto', 'required' or one function`,
    refusedWords: ["allowed_tools", ...toolsUnserved],
  },
  parallel_tool_calls: { expected: trueOrFalseWords },
  text: { expected: ourWords`expected an object, such as one with 'format'` },
  "text.format": {
    expected: ourWords`expected an object with 'type' "text", "json_object" or "json_schema" and, for the last, 'name' and 'schema'`,
  },
  reasoning: { expected: ourWords`expected an object with 'effort' or 'summary'` },
  "reasoning.effort": rules.reasoning_effort,
  "reasoning.summary": { expected: ourWords`expected 'auto', 'concise' or 'detailed'` },
  metadata: {
    expected: ourWords`expected at most ${METADATA_PAIRS_MAX} pairs of strings, of 64 and 512 characters at most`,
  },
  store: { expected: trueOrFalseWords },
  truncation: { refused: ourWords`nothing is cut out of the input; leave the field out` },
  background: { refused: nothingIsStored },
  previous_response_id: { refused: nothingIsStored },
  conversation: { refused: nothingIsStored },
  prompt: { refused: nothingIsStored },
  provider_serial: rules.provider_serial,
  "provider_serial.*": rules["provider_serial.*"],
  provider_serials: rules.provider_serials,
  "provider_serials.*": rules["provider_serials.*"],
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
