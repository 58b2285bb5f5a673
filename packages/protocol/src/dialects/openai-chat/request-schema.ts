import * as z from "zod";
import { ourWords } from "../../ids.ts";
import {
  CHOICES_MAX,
  LOGIT_BIASES_MAX,
  MAX_TOKENS_DEFAULT,
  MESSAGES_MAX,
  STOP_STRINGS_MAX,
  TOOLS_MAX,
  TOP_LOGPROBS_MAX,
} from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import { conversationRules, conversationShape } from "../open-model-fields.ts";
import {
  modelField,
  modelWords,
  seedField,
  seedWords,
  serialsField,
  serialWords,
  stopStringField,
  stopWords,
  temperatureField,
  tokenCountWords,
  tokensField,
  topKField,
  topKWords,
  trueOrFalseWords,
} from "../fields.ts";

/**
 * The body of `POST /v1/chat/completions`: what is taken, as it is validated and as it is published.
 *
 * `null` means absent. A field of OpenAI's that would change the answer and is not served takes its
 * neutral value alone, and any other is refused by name. Fields that are not in here are accepted and
 * not used: clients send many that leave the answer as it is (`user`, `metadata`, `store`,
 * `service_tier`, `safety_identifier`, `prompt_cache_key`, a message's `name`, `verbosity`).
 */
const text = z.string();
const part = z.object({ type: z.enum(["text", "refusal"]), text: text.optional(), refusal: text.optional() });

const toolCall = z.object({
  id: z.string().min(1).max(256),
  type: z.literal("function").nullish(),
  function: z.object({ name: z.string().min(1).max(256), arguments: z.string() }),
});

const message = z.object({
  role: z
    .enum(["system", "developer", "user", "assistant", "tool"])
    .meta({ description: "developer is read as system" }),
  content: z
    .union([z.string(), z.array(part)])
    .nullish()
    .meta({ description: "Text, or a list of text parts, which are joined by line breaks" }),
  tool_calls: z.array(toolCall).max(TOOLS_MAX).nullish().meta({ description: "An assistant's" }),
  tool_call_id: z.string().min(1).max(256).nullish().meta({ description: "A tool's: the call that it answers" }),
  reasoning_content: text.nullish().meta({ description: "An assistant's: what it thought before it spoke" }),
  reasoning: text.nullish().meta({ description: "Used where reasoning_content is absent" }),
  refusal: text.nullish(),
  function_call: z.null().optional(),
  audio: z.null().optional(),
});

const jsonSchema = z.looseObject({}).meta({ description: "JSON Schema" });
const tool = z.object({
  type: z.literal("function"),
  function: z.object({
    name: z.string(),
    description: text.nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
});
const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) }),
  z.object({ type: z.enum(["none", "auto", "required"]) }),
]);
const responseFormat = z.union([
  z.object({ type: z.literal("text") }),
  // With a schema as servers of open models have it: then it is kept to.
  z.object({ type: z.literal("json_object"), schema: jsonSchema.nullish() }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string().min(1).max(64),
      description: text.nullish(),
      schema: jsonSchema.nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);
const penalty = z.number().min(-2).max(2).nullish();
const refusedUnlessNull = z.null().optional();
const effort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]);
const count = (max: number) => z.int().min(0).max(max).nullish();

const shape = {
  model: modelField,
  messages: z.array(message).min(1).max(MESSAGES_MAX),
  stream: z.boolean().nullish().meta({ description: "Server-sent events instead of one body; default false" }),
  stream_options: z
    .object({
      include_usage: z.boolean().nullish().meta({ description: "A last chunk with the usage" }),
      include_obfuscation: z.boolean().nullish().meta({ description: "Accepted; nothing is obfuscated" }),
    })
    .nullish(),
  max_completion_tokens: tokensField.meta({ description: `Default ${MAX_TOKENS_DEFAULT}` }),
  max_tokens: tokensField.meta({ description: "Used where max_completion_tokens is absent" }),
  max_output_tokens: tokensField.meta({ description: "Used where the other two are absent" }),
  temperature: temperatureField(2),
  top_p: z.number().min(0).max(1).nullish().meta({ description: "Default 1; 0 leaves only the likeliest token" }),
  top_k: topKField,
  frequency_penalty: penalty,
  presence_penalty: penalty,
  logit_bias: z
    .record(z.string().regex(/^\d{1,7}$/), z.number().min(-100).max(100))
    .refine((biases) => Object.keys(biases).length <= LOGIT_BIASES_MAX)
    .nullish()
    .meta({ description: "By token id of the model's own tokenizer" }),
  logprobs: z.boolean().nullish(),
  top_logprobs: count(TOP_LOGPROBS_MAX),
  n: z
    .int()
    .min(1)
    .max(CHOICES_MAX)
    .nullish()
    .meta({ description: "Answers to the one prompt, told one after another" }),
  seed: seedField.meta({ description: "Absent or -1: drawn by the provider, named in the receipt" }),
  stop: z
    .union([stopStringField, z.array(stopStringField).max(STOP_STRINGS_MAX)])
    .nullish()
    .meta({ description: "Strings that end the visible answer; they never end the thinking" }),
  tools: z.array(tool).max(TOOLS_MAX).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  include_reasoning: z.boolean().nullish().meta({ description: "Hand out the thinking as reasoning_content" }),
  reasoning: z
    .object({
      effort: effort.nullish().meta({ description: "Used where reasoning_effort is absent" }),
      enabled: z.boolean().nullish().meta({ description: "Used where enable_thinking is absent" }),
      exclude: z.boolean().nullish().meta({ description: "true does not hand it out" }),
      summary: z.enum(["auto", "concise", "detailed"]).nullish(),
      max_tokens: z.null().optional(),
    })
    .nullish()
    .meta({ description: "As OpenRouter's clients ask for it; hands out the thinking unless it says no" }),
  reasoning_effort: effort
    .nullish()
    .meta({ description: "none turns a model's thinking off where it can be turned off; any other turns it on" }),
  provider_serial: serialsField.meta({ description: "Only this machine, or these, may answer" }),
  provider_serials: serialsField.meta({ description: "The same; both together mean any of all" }),
  functions: z.array(z.unknown()).max(0).nullish(),
  function_call: z.literal("none").nullish(),
  modalities: z.tuple([z.literal("text")]).nullish(),
  audio: refusedUnlessNull,
  prediction: refusedUnlessNull,
  web_search_options: refusedUnlessNull,
  best_of: z.literal(1).nullish(),
  echo: z.literal(false).nullish(),
  suffix: z.literal("").nullish(),
  stop_sequences: z.array(z.unknown()).max(0).nullish(),
  ...conversationShape,
};

export const chatRequestSchema = z.object(shape).meta({ description: "A chat completion request" });
export type ChatRequest = z.infer<typeof chatRequestSchema>;

const functionsAreNot = ourWords`functions were replaced by tools; send 'tools' and 'tool_choice'`;
const audioIsNot = ourWords`the models served here take and give text alone`;
const effortWords = ourWords`expected 'none', 'minimal', 'low', 'medium', 'high' or 'xhigh'`;
const penaltyWords = ourWords`expected a number from -2 to 2`;
const toolWords = ourWords`expected an object with 'type' "function" and 'function', which has a 'name'`;
/** Of a tool's own fields, wherever a dialect has them. */
export const toolFieldRules = {
  name: { expected: ourWords`expected a string, the function's name` },
  description: { expected: ourWords`expected a string` },
  parameters: { expected: ourWords`expected a JSON Schema, an object` },
  strict: { expected: trueOrFalseWords },
} as const;
const toolChoiceWords = ourWords`expected 'none', 'auto', 'required' or a function of 'tools'`;
const callWords = ourWords`expected an object with 'id' and 'function', which has a 'name' and 'arguments' as a string`;
const formatWords = ourWords`expected an object with 'type' "text", "json_object" or "json_schema" and, for the last, 'json_schema' with 'name' and 'schema'`;
const serial = { expected: serialWords };

/** What is said of each field; one for every field of the schema. */
export const chatRequestRules = {
  "": { expected: ourWords`expected one JSON object` },
  model: { expected: modelWords },
  messages: { expected: ourWords`it is required, a list of 1 to ${MESSAGES_MAX} messages` },
  "messages.*": { expected: ourWords`expected an object with 'role' and 'content'` },
  "messages.*.role": {
    expected: ourWords`expected 'system', 'developer', 'user', 'assistant' or 'tool'`,
    refused: functionsAreNot,
    refusedWords: ["function"],
  },
  "messages.*.tool_calls": { expected: ourWords`expected a list of at most ${TOOLS_MAX} calls` },
  "messages.*.tool_calls.*": { expected: callWords },
  "messages.*.tool_calls.*.type": {
    expected: ourWords`expected 'function'`,
    refused: ourWords`only calls of functions are served`,
    refusedWords: ["custom"],
  },
  "messages.*.tool_call_id": { expected: ourWords`expected the id of an earlier call` },
  "messages.*.reasoning_content": { expected: ourWords`expected a string` },
  "messages.*.reasoning": { expected: ourWords`expected a string` },
  "messages.*.refusal": { expected: ourWords`expected a string` },
  "messages.*.function_call": { refused: functionsAreNot },
  "messages.*.audio": { refused: audioIsNot },
  "messages.*.content": { expected: ourWords`expected a string or a list of text parts, not empty` },
  "messages.*.content.*": { expected: ourWords`expected a text part, an object with 'type' and 'text'` },
  "messages.*.content.*.type": {
    expected: ourWords`expected 'text'`,
    refused: ourWords`the models served here read text alone, no images, audio or files`,
    refusedWords: ["image_url", "input_image", "input_audio", "video_url", "input_video", "file", "input_file"],
  },
  "messages.*.content.*.text": { expected: ourWords`expected a string` },
  stream: { expected: trueOrFalseWords },
  stream_options: { expected: ourWords`expected an object, such as one with 'include_usage'` },
  "stream_options.include_usage": { expected: trueOrFalseWords },
  "stream_options.include_obfuscation": { expected: trueOrFalseWords },
  max_completion_tokens: { expected: tokenCountWords },
  max_tokens: { expected: tokenCountWords },
  max_output_tokens: { expected: tokenCountWords },
  temperature: { expected: ourWords`expected a number from 0 to 2` },
  top_p: { expected: ourWords`expected a number from 0 to 1` },
  top_k: { expected: topKWords },
  frequency_penalty: { expected: penaltyWords },
  presence_penalty: { expected: penaltyWords },
  logit_bias: {
    expected: ourWords`expected an object of at most ${LOGIT_BIASES_MAX} members, each a token id with a number from -100 to 100`,
  },
  logprobs: { expected: trueOrFalseWords },
  top_logprobs: { expected: ourWords`expected a whole number from 0 to ${TOP_LOGPROBS_MAX}, together with 'logprobs'` },
  n: { expected: ourWords`expected a whole number from 1 to ${CHOICES_MAX}` },
  seed: { expected: seedWords },
  stop: { expected: stopWords },
  "stop.*": { expected: stopWords },
  tools: { expected: ourWords`expected a list of at most ${TOOLS_MAX} tools` },
  "tools.*": { expected: toolWords },
  "tools.*.type": {
    expected: ourWords`expected 'function'`,
    refused: ourWords`only functions are served as tools`,
    refusedWords: ["custom"],
  },
  "tools.*.function": { expected: toolWords },
  "tools.*.function.name": toolFieldRules.name,
  "tools.*.function.description": toolFieldRules.description,
  "tools.*.function.parameters": toolFieldRules.parameters,
  "tools.*.function.strict": toolFieldRules.strict,
  tool_choice: { expected: toolChoiceWords },
  parallel_tool_calls: { expected: trueOrFalseWords },
  response_format: { expected: formatWords },
  "response_format.type": {
    expected: ourWords`expected 'text', 'json_object' or 'json_schema'`,
    refused: ourWords`this kind of grammar is not served; send a 'json_schema'`,
    refusedWords: ["grammar", "python"],
  },
  include_reasoning: { expected: trueOrFalseWords },
  reasoning: { expected: ourWords`expected an object with 'effort', 'enabled' or 'exclude'` },
  "reasoning.effort": { expected: effortWords },
  "reasoning.enabled": { expected: trueOrFalseWords },
  "reasoning.exclude": { expected: trueOrFalseWords },
  "reasoning.summary": { expected: ourWords`expected 'auto', 'concise' or 'detailed'` },
  "reasoning.max_tokens": {
    refused: ourWords`no model here is told of a budget; send 'reasoning_effort' or 'max_tokens'`,
  },
  reasoning_effort: { expected: effortWords },
  provider_serial: serial,
  "provider_serial.*": serial,
  provider_serials: serial,
  "provider_serials.*": serial,
  functions: { refused: functionsAreNot },
  function_call: { refused: functionsAreNot },
  modalities: { refused: audioIsNot },
  audio: { refused: audioIsNot },
  prediction: { refused: ourWords`predicted outputs are not served; leave the field out` },
  web_search_options: { refused: ourWords`models here have no web search; leave the field out` },
  best_of: { refused: ourWords`every answer is told; leave the field out, or send 'n' for several` },
  echo: { refused: ourWords`the prompt is not told again; leave the field out` },
  suffix: { refused: ourWords`the models served here do not fill in between; leave the field out` },
  stop_sequences: { refused: ourWords`send 'stop'` },
  ...conversationRules,
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
