import * as z from "zod";
import { ourWords } from "../../ids.ts";
import {
  MAX_TOKENS_DEFAULT,
  MESSAGES_MAX,
  PINNED_SERIALS_MAX,
  STOP_STRING_CHARS_MAX,
  STOP_STRINGS_MAX,
} from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";

/** Longer model names are refused before they are looked up. */
export const MODEL_CHARS_MAX = 256;
/** As long as a registration blob lets a serial be. */
export const SERIAL_CHARS_MAX = 128;
/** Text parts of one request, over all its messages. */
export const CONTENT_PARTS_MAX = 16_384;

/**
 * The body of `POST /v1/chat/completions`: what is taken, as it is validated and as it is published.
 *
 * `null` means absent. A field of OpenAI's that would change the answer and is not served takes its
 * neutral value alone, and any other is refused by name. Fields that are not in here are accepted and
 * not used: clients send many that leave the answer as it is (`user`, `metadata`, `store`,
 * `service_tier`, `safety_identifier`, `prompt_cache_key`, a message's `name`), and some hints
 * (`reasoning_effort`, `verbosity`) that no model here takes.
 */
const part = z.object({ type: z.literal("text"), text: z.string() });

const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]).meta({ description: "developer is read as system" }),
  tool_calls: z.array(z.unknown()).max(0).nullish(),
  function_call: z.null().optional(),
  audio: z.null().optional(),
  refusal: z.null().optional(),
  content: z
    .union([z.string(), z.array(part).min(1)])
    .meta({ description: "Text, or a list of text parts, which are joined by line breaks" }),
});

const serial = z
  .string()
  .trim()
  .min(1)
  .max(SERIAL_CHARS_MAX)
  .regex(/^[\x20-\x7e]*$/);
const serials = z.union([serial, z.array(serial).min(1).max(PINNED_SERIALS_MAX)]).nullish();

const stopString = z.string().min(1).max(STOP_STRING_CHARS_MAX);
const tokens = z.int().positive().nullish();
const refusedUnlessNull = z.null().optional();

const shape = {
  model: z.string().min(1).max(MODEL_CHARS_MAX).meta({ description: "An id that GET /v1/models lists" }),
  messages: z.array(message).min(1).max(MESSAGES_MAX),
  stream: z.boolean().nullish().meta({ description: "Server-sent events instead of one body; default false" }),
  stream_options: z
    .object({
      include_usage: z.boolean().nullish().meta({ description: "A last chunk with the usage" }),
      include_obfuscation: z.boolean().nullish().meta({ description: "Accepted; nothing is obfuscated" }),
    })
    .nullish(),
  max_completion_tokens: tokens.meta({ description: `Default ${MAX_TOKENS_DEFAULT}` }),
  max_tokens: tokens.meta({ description: "Used where max_completion_tokens is absent" }),
  max_output_tokens: tokens.meta({ description: "Used where the other two are absent" }),
  temperature: z.number().min(0).max(2).nullish().meta({ description: "Default 1" }),
  top_p: z.number().min(0).max(1).nullish().meta({ description: "Default 1; 0 leaves only the likeliest token" }),
  seed: z.int().nonnegative().nullish().meta({ description: "Absent: drawn by the provider, named in the receipt" }),
  stop: z
    .union([stopString, z.array(stopString).max(STOP_STRINGS_MAX)])
    .nullish()
    .meta({ description: "Strings that end the visible answer; they never end the thinking" }),
  include_reasoning: z.boolean().nullish().meta({ description: "Hand out the thinking as reasoning_content" }),
  provider_serial: serials.meta({ description: "Only this machine, or these, may answer" }),
  provider_serials: serials.meta({ description: "The same; both together mean any of all" }),
  n: z.literal(1).nullish(),
  tools: z.array(z.unknown()).max(0).nullish(),
  tool_choice: z.literal("none").nullish(),
  functions: z.array(z.unknown()).max(0).nullish(),
  function_call: z.literal("none").nullish(),
  response_format: z.object({ type: z.literal("text") }).nullish(),
  logprobs: z.literal(false).nullish(),
  top_logprobs: z.literal(0).nullish(),
  logit_bias: z.strictObject({}).nullish(),
  frequency_penalty: z.literal(0).nullish(),
  presence_penalty: z.literal(0).nullish(),
  modalities: z.tuple([z.literal("text")]).nullish(),
  audio: refusedUnlessNull,
  prediction: refusedUnlessNull,
  web_search_options: refusedUnlessNull,
};

export const chatRequestSchema = z.object(shape).meta({ description: "A chat completion request" });
export type ChatRequest = z.infer<typeof chatRequestSchema>;

const toolsAreNot = ourWords`tools are not served; leave the field out`;
const audioIsNot = ourWords`the models served here take and give text alone`;
const penaltiesAreNot = ourWords`penalties are not served; leave the field out or send 0`;
const tokenCount = ourWords`expected a whole number of tokens, at least 1`;
const trueOrFalse = ourWords`expected true or false`;
const serialWords = ourWords`expected a machine's serial, or a list of 1 to ${PINNED_SERIALS_MAX} of them, each 1 to ${SERIAL_CHARS_MAX} printable ASCII characters`;
const stopWords = ourWords`expected a string of 1 to ${STOP_STRING_CHARS_MAX} characters, or a list of at most ${STOP_STRINGS_MAX} of them`;

/** What is said of each field; one for every field of the schema. */
export const chatRequestRules = {
  "": { expected: ourWords`expected one JSON object` },
  model: {
    expected: ourWords`it is required, a model's id of 1 to ${MODEL_CHARS_MAX} characters; GET /v1/models lists them`,
  },
  messages: { expected: ourWords`it is required, a list of 1 to ${MESSAGES_MAX} messages` },
  "messages.*": { expected: ourWords`expected an object with 'role' and 'content'` },
  "messages.*.role": {
    expected: ourWords`expected 'system', 'developer', 'user' or 'assistant'`,
    refused: ourWords`tools are not served, so there are no messages from them`,
    refusedWords: ["tool", "function"],
  },
  "messages.*.tool_calls": { refused: toolsAreNot },
  "messages.*.function_call": { refused: toolsAreNot },
  "messages.*.audio": { refused: audioIsNot },
  "messages.*.refusal": { refused: ourWords`send what the assistant said as 'content'` },
  "messages.*.content": { expected: ourWords`expected a string or a list of text parts, not empty` },
  "messages.*.content.*": { expected: ourWords`expected a text part, an object with 'type' and 'text'` },
  "messages.*.content.*.type": {
    expected: ourWords`expected 'text'`,
    refused: ourWords`the models served here read text alone, no images, audio or files`,
    refusedWords: [
      "image_url",
      "input_image",
      "input_audio",
      "video_url",
      "input_video",
      "file",
      "input_file",
      "refusal",
    ],
  },
  "messages.*.content.*.text": { expected: ourWords`expected a string` },
  stream: { expected: trueOrFalse },
  stream_options: { expected: ourWords`expected an object, such as one with 'include_usage'` },
  "stream_options.include_usage": { expected: trueOrFalse },
  "stream_options.include_obfuscation": { expected: trueOrFalse },
  max_completion_tokens: { expected: tokenCount },
  max_tokens: { expected: tokenCount },
  max_output_tokens: { expected: tokenCount },
  temperature: { expected: ourWords`expected a number from 0 to 2` },
  top_p: { expected: ourWords`expected a number from 0 to 1` },
  seed: { expected: ourWords`expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}` },
  stop: { expected: stopWords },
  "stop.*": { expected: stopWords },
  include_reasoning: { expected: trueOrFalse },
  provider_serial: { expected: serialWords },
  "provider_serial.*": { expected: serialWords },
  provider_serials: { expected: serialWords },
  "provider_serials.*": { expected: serialWords },
  n: { refused: ourWords`one request has one answer; leave the field out or send 1` },
  tools: { refused: toolsAreNot },
  tool_choice: { refused: toolsAreNot },
  functions: { refused: toolsAreNot },
  function_call: { refused: toolsAreNot },
  response_format: { refused: ourWords`answers are plain text; leave the field out or send the type 'text'` },
  logprobs: { refused: ourWords`log probabilities are not served; leave the field out or send false` },
  top_logprobs: { refused: ourWords`log probabilities are not served; leave the field out` },
  logit_bias: { refused: ourWords`tokens cannot be biased; leave the field out` },
  frequency_penalty: { refused: penaltiesAreNot },
  presence_penalty: { refused: penaltiesAreNot },
  modalities: { refused: audioIsNot },
  audio: { refused: audioIsNot },
  prediction: { refused: ourWords`predicted outputs are not served; leave the field out` },
  web_search_options: { refused: ourWords`models here have no web search; leave the field out` },
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
