import * as z from "zod";
import { ourWords } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES_MAX, TOOLS_MAX, TOP_LOGPROBS_MAX } from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import { conversationRules, conversationShape } from "../open-model-fields.ts";
import { trueOrFalseWords, tokenCountWords } from "../fields.ts";
import { chatRequestRules, chatRequestSchema, toolFieldRules } from "../openai-chat/request-schema.ts";
import { jsonSchema, toolChoice, toolSchema } from "./tool-schema.ts";

export const METADATA_PAIRS_MAX = 16;
export const INCLUDES_MAX = 16;
/** Of a word of the caller's that the response repeats. */
export const ECHOED_CHARS_MAX = 512;

/**
 * The body of `POST /v1/responses`, as a server that stores nothing can take it. `null` means absent; what
 * would change the answer and is not served is refused by name; fields that are not in here are hints.
 */
const text = z.string();
const callId = z.string().min(1).max(256);
const part = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["input_text", "output_text", "text"]), text }),
  z.object({ type: z.literal("refusal"), refusal: text }),
]);
const content = z.union([text, z.array(part).min(1)]);
const namespace = z.string().min(1).max(256).nullish();
const thoughts = z.array(z.object({ text })).nullish();

const item = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message").nullish(),
    role: z.enum(["system", "developer", "user", "assistant"]).meta({ description: "developer is read as system" }),
    content: content.meta({ description: "Text, or a list of text parts, which are joined by line breaks" }),
  }),
  z.object({
    type: z.literal("function_call"),
    call_id: callId,
    name: z.string().min(1).max(256),
    namespace,
    arguments: text.meta({ description: "The JSON text of an object" }),
  }),
  z.object({
    type: z.literal("function_call_output"),
    call_id: callId.meta({ description: "Of an earlier function_call" }),
    output: content,
  }),
  z.object({
    type: z.literal("custom_tool_call"),
    call_id: callId,
    name: z.string().min(1).max(256),
    namespace,
    input: text,
  }),
  z.object({
    type: z.literal("custom_tool_call_output"),
    call_id: callId.meta({ description: "Of an earlier custom_tool_call" }),
    output: content,
  }),
  z
    .object({ type: z.literal("web_search_call") })
    .meta({ description: "Left out: what was found stands in the messages that follow" }),
  z
    .object({ type: z.literal("compaction"), encrypted_content: text })
    .meta({ description: "A summary from `POST /v1/responses/compact` of this network" }),
  z
    .object({ type: z.literal("reasoning"), content: thoughts, summary: thoughts })
    .meta({ description: "What the assistant thought before the message or call that follows" }),
]);

const format = z.union([
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object"), schema: jsonSchema.nullish() }),
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
  stream_options: z
    .object({ include_obfuscation: z.boolean().nullish() })
    .nullish()
    .meta({ description: "Accepted; nothing is obfuscated" }),
  type: z
    .literal("response.create")
    .nullish()
    .meta({ description: "Of a message over a WebSocket alone, where the events are messages too" }),
  generate: z.literal(true).nullish(),
  stream_id: refusedUnlessNull,
  max_output_tokens: chat.max_output_tokens.meta({ description: `Default ${MAX_TOKENS_DEFAULT}` }),
  max_completion_tokens: chat.max_completion_tokens.meta({ description: "Used where max_output_tokens is absent" }),
  max_tokens: chat.max_tokens,
  temperature: chat.temperature,
  top_p: chat.top_p,
  top_k: chat.top_k,
  frequency_penalty: chat.frequency_penalty,
  presence_penalty: chat.presence_penalty,
  logit_bias: chat.logit_bias,
  top_logprobs: z
    .int()
    .min(0)
    .max(TOP_LOGPROBS_MAX)
    .nullish()
    .meta({ description: "Above 0 it gives log probabilities even where include does not ask for them" }),
  include: z
    .array(
      z.enum([
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
        "message.input_image.image_url",
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
      ]),
    )
    .max(INCLUDES_MAX)
    .nullish()
    .meta({ description: "message.output_text.logprobs gives log probabilities; the others give nothing here" }),
  seed: chat.seed,
  stop: chat.stop,
  tools: z.array(toolSchema).max(TOOLS_MAX).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: chat.parallel_tool_calls,
  text: z.object({ format: format.nullish() }).nullish(),
  reasoning: z
    .object({
      effort: z
        .enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
        .nullish()
        .meta({ description: "none turns a model's thinking off where it can be turned off; any other turns it on" }),
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
  store: z
    .boolean()
    .nullish()
    .meta({ description: "Taken, since OpenAI's default is true; nothing is stored and the response says false" }),
  max_tool_calls: z
    .int()
    .positive()
    .nullish()
    .meta({ description: "Accepted: it bounds hosted tools, of which there are none" }),
  safety_identifier: z.string().max(ECHOED_CHARS_MAX).nullish().meta({ description: "Accepted and told back" }),
  prompt_cache_key: z
    .string()
    .max(ECHOED_CHARS_MAX)
    .nullish()
    .meta({ description: "Accepted and told back; prompts are kept by account" }),
  truncation: z.literal("disabled").nullish(),
  background: z.literal(false).nullish(),
  previous_response_id: refusedUnlessNull,
  conversation: refusedUnlessNull,
  prompt: refusedUnlessNull,
  context_management: z.array(z.unknown()).max(0).nullish(),
  moderation: refusedUnlessNull,
  n: z.literal(1).nullish(),
  response_format: refusedUnlessNull,
  functions: z.array(z.unknown()).max(0).nullish(),
  function_call: z.literal("none").nullish(),
  logprobs: z.literal(false).nullish(),
  best_of: chat.best_of,
  echo: chat.echo,
  suffix: chat.suffix,
  stop_sequences: chat.stop_sequences,
  ...conversationShape,
  provider_serial: chat.provider_serial,
  provider_serials: chat.provider_serials,
};

export const responsesRequestSchema = z.object(shape).meta({ description: "A Responses request" });
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;

const rules = chatRequestRules;
const toldByInclude = ourWords`send 'include' with "message.output_text.logprobs"`;
const partWords = { expected: ourWords`expected a string or a list of text parts, not empty` };
const partType = {
  expected: ourWords`expected 'input_text' or 'output_text'`,
  refused: ourWords`the models served here read text alone, no images, audio or files`,
  refusedWords: ["input_image", "input_file", "input_audio", "input_video", "image_url"],
};
const echoedWords = { expected: ourWords`expected a string of at most ${ECHOED_CHARS_MAX} characters` };
const customFormat = {
  expected: ourWords`expected an object with 'type' "text", or "grammar" with 'syntax' and 'definition'`,
};
/** Some clients name what they sent or got before instead of sending it. */
export const itemReferenceWords = ourWords`nothing is stored here, so an item cannot be named; send the item itself. Clients that name items send them whole with the setting 'store: false'`;
const nothingIsStored = ourWords`nothing is stored here; send the whole conversation as 'input'`;
const itemsUnserved = [
  "file_search_call",
  "computer_call",
  "computer_call_output",
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
  "compaction_trigger",
  "configuration_update",
  "additional_tools",
  "tool_search_call",
  "tool_search_output",
  "program",
  "program_output",
];

/** What is said of each field; one for every field of the schema. */
export const responsesRequestRules = {
  "": rules[""],
  model: rules.model,
  input: { expected: ourWords`it is required, a string or a list of 1 to ${MESSAGES_MAX} items` },
  "input.*": { expected: ourWords`expected a message, a call, a call's output or a reasoning item` },
  "input.*.type": {
    expected: ourWords`expected 'message', 'function_call', 'function_call_output', 'custom_tool_call', 'custom_tool_call_output' or 'reasoning'`,
    refused: ourWords`only messages, calls of functions and custom tools with their outputs, and reasoning are read; nothing is stored here and no tools are hosted`,
    refusedWords: itemsUnserved,
  },
  "input.*.role": { expected: ourWords`expected 'system', 'developer', 'user' or 'assistant'` },
  "input.*.content": partWords,
  "input.*.content.*": partWords,
  "input.*.content.*.type": partType,
  "input.*.output": partWords,
  "input.*.output.*": partWords,
  "input.*.output.*.type": partType,
  "input.*.content.*.text": { expected: ourWords`expected a string` },
  "input.*.content.*.refusal": { expected: ourWords`expected a string` },
  "input.*.output.*.text": { expected: ourWords`expected a string` },
  "input.*.call_id": {
    expected: ourWords`expected a call's id; an output's is that of an earlier call, and no two calls share one`,
  },
  "input.*.name": { expected: ourWords`expected the name of a function` },
  "input.*.namespace": { expected: ourWords`expected the name of a namespace` },
  "input.*.input": { expected: ourWords`expected a string` },
  "input.*.arguments": { expected: ourWords`expected the JSON text of an object` },
  "input.*.encrypted_content": {
    expected: ourWords`expected what POST /v1/responses/compact gave here; another server's cannot be read`,
  },
  "input.*.summary": { expected: ourWords`expected a list of objects with 'text'` },
  instructions: { expected: ourWords`expected a string` },
  stream: rules.stream,
  stream_options: { expected: ourWords`expected an object, such as one with 'include_obfuscation'` },
  "stream_options.include_obfuscation": { expected: trueOrFalseWords },
  type: { expected: ourWords`expected 'response.create', over a WebSocket; leave the field out of an HTTP request` },
  generate: { refused: ourWords`nothing is prepared ahead of a request; leave the field out` },
  stream_id: { refused: ourWords`a connection answers one message after another; open another connection` },
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
  include: { expected: ourWords`expected a list of at most ${INCLUDES_MAX} of OpenAI's words` },
  "include.*": { expected: ourWords`expected a word of OpenAI's list, such as 'message.output_text.logprobs'` },
  seed: rules.seed,
  stop: rules.stop,
  "stop.*": rules["stop.*"],
  tools: rules.tools,
  "tools.*": { expected: ourWords`expected an object with 'type' "function" and a 'name'` },
  "tools.*.type": {
    refused: ourWords`only tools that the caller runs are served: 'function', 'custom' and 'namespace'; send others under one of these`,
  },
  "tools.*.tools": { expected: ourWords`expected a list of at most ${TOOLS_MAX} tools of type 'function' or 'custom'` },
  "tools.*.tools.*.type": { expected: ourWords`expected 'function' or 'custom'` },
  "tools.*.tools.*.name": toolFieldRules.name,
  "tools.*.tools.*.description": toolFieldRules.description,
  "tools.*.tools.*.parameters": toolFieldRules.parameters,
  "tools.*.tools.*.strict": toolFieldRules.strict,
  "tools.*.tools.*.format": customFormat,
  "tools.*.format": customFormat,
  "tools.*.name": toolFieldRules.name,
  "tools.*.description": toolFieldRules.description,
  "tools.*.parameters": toolFieldRules.parameters,
  "tools.*.strict": toolFieldRules.strict,
  tool_choice: rules.tool_choice,
  "tool_choice.type": {
    refused: ourWords`only the caller's own tools are served; send 'none', 'auto', 'required', one of them or 'allowed_tools'`,
  },
  "tool_choice.mode": { expected: ourWords`expected 'auto' or 'required'` },
  "tool_choice.tools": { expected: ourWords`expected a list of tools, at least one of which is in 'tools'` },
  parallel_tool_calls: { expected: trueOrFalseWords },
  text: { expected: ourWords`expected an object, such as one with 'format'` },
  "text.format": {
    expected: ourWords`expected an object with 'type' "text", "json_object" or "json_schema" and, for the last, 'name' and 'schema'`,
  },
  reasoning: { expected: ourWords`expected an object with 'effort' or 'summary'` },
  "reasoning.effort": {
    expected: ourWords`expected 'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or 'max'`,
  },
  "reasoning.summary": { expected: ourWords`expected 'auto', 'concise' or 'detailed'` },
  metadata: {
    expected: ourWords`expected at most ${METADATA_PAIRS_MAX} pairs of strings, of 64 and 512 characters at most`,
  },
  store: { expected: trueOrFalseWords },
  max_tool_calls: { expected: ourWords`expected a whole number, at least 1` },
  safety_identifier: echoedWords,
  prompt_cache_key: echoedWords,
  truncation: {
    expected: ourWords`expected 'disabled'`,
    refusedWords: ["auto"],
    refused: ourWords`nothing is cut out of the input; leave the field out`,
  },
  background: { refused: nothingIsStored },
  previous_response_id: { refused: nothingIsStored },
  conversation: { refused: nothingIsStored },
  prompt: { refused: nothingIsStored },
  context_management: { refused: ourWords`nothing is cut out of the input; leave the field out` },
  moderation: { refused: ourWords`nothing is moderated here; leave the field out` },
  n: { refused: ourWords`a response has one answer; leave the field out or send 1` },
  response_format: { refused: ourWords`send it as 'text.format'` },
  functions: rules.functions,
  function_call: rules.function_call,
  logprobs: { refused: toldByInclude },
  best_of: rules.best_of,
  echo: rules.echo,
  suffix: rules.suffix,
  stop_sequences: rules.stop_sequences,
  ...conversationRules,
  provider_serial: rules.provider_serial,
  "provider_serial.*": rules["provider_serial.*"],
  provider_serials: rules.provider_serials,
  "provider_serials.*": rules["provider_serials.*"],
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
