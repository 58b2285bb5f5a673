import * as z from "zod";
import { ourWords } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT } from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import {
  guidedRules,
  guidedShape,
  samplerRules,
  samplerShape,
  unservedRules,
  unservedShape,
} from "../open-model-fields.ts";
import { chatRequestRules, chatRequestSchema } from "../openai-chat/request-schema.ts";

/** As OpenAI has it for this endpoint. */
export const COMPLETION_LOGPROBS_MAX = 5;

const { shape: chat } = chatRequestSchema;

/** The body of `POST /v1/completions`. What it shares with chat is chat's. */
const shape = {
  model: chat.model,
  prompt: z.union([z.string(), z.tuple([z.string()])]).meta({ description: "Read as one message of a user" }),
  max_tokens: chat.max_tokens.meta({ description: `Default ${MAX_TOKENS_DEFAULT}` }),
  max_completion_tokens: chat.max_completion_tokens.meta({ description: "Used where max_tokens is absent" }),
  max_output_tokens: chat.max_output_tokens,
  stream: chat.stream,
  stream_options: chat.stream_options,
  temperature: chat.temperature,
  top_p: chat.top_p,
  top_k: chat.top_k,
  frequency_penalty: chat.frequency_penalty,
  presence_penalty: chat.presence_penalty,
  logit_bias: chat.logit_bias,
  logprobs: z.int().min(0).max(COMPLETION_LOGPROBS_MAX).nullish(),
  n: chat.n,
  best_of: z.literal(1).nullish(),
  echo: z.literal(false).nullish(),
  suffix: z.literal("").nullish(),
  seed: chat.seed,
  stop: chat.stop,
  provider_serial: chat.provider_serial,
  provider_serials: chat.provider_serials,
  ...samplerShape,
  ...guidedShape,
  ...unservedShape,
  chat_template_kwargs: z.null().optional(),
  enable_thinking: z.null().optional(),
  continue_final_message: z.null().optional(),
  add_generation_prompt: z.null().optional(),
};

export const completionRequestSchema = z.object(shape).meta({ description: "A text completion request" });

const rules = chatRequestRules;
const noTemplate = { refused: ourWords`that is for conversations; send them to /v1/chat/completions` };
const promptWords = { expected: ourWords`it is required, one string, or a list of one string` };

/** What is said of each field; one for every field of the schema. */
export const completionRequestRules = {
  "": rules[""],
  model: rules.model,
  prompt: promptWords,
  "prompt.*": promptWords,
  max_tokens: rules.max_tokens,
  max_completion_tokens: rules.max_completion_tokens,
  max_output_tokens: rules.max_output_tokens,
  stream: rules.stream,
  stream_options: rules.stream_options,
  "stream_options.include_usage": rules["stream_options.include_usage"],
  "stream_options.include_obfuscation": rules["stream_options.include_obfuscation"],
  temperature: rules.temperature,
  top_p: rules.top_p,
  top_k: rules.top_k,
  frequency_penalty: rules.frequency_penalty,
  presence_penalty: rules.presence_penalty,
  logit_bias: rules.logit_bias,
  logprobs: { expected: ourWords`expected a whole number from 0 to ${COMPLETION_LOGPROBS_MAX}` },
  n: rules.n,
  best_of: { refused: ourWords`every answer is told; leave the field out, or send 'n' for several` },
  echo: { refused: ourWords`the prompt is not told again; leave the field out` },
  suffix: { refused: ourWords`the models served here do not fill in between; leave the field out` },
  seed: rules.seed,
  stop: rules.stop,
  "stop.*": rules["stop.*"],
  provider_serial: rules.provider_serial,
  "provider_serial.*": rules["provider_serial.*"],
  provider_serials: rules.provider_serials,
  "provider_serials.*": rules["provider_serials.*"],
  ...samplerRules,
  ...guidedRules,
  ...unservedRules,
  chat_template_kwargs: noTemplate,
  enable_thinking: noTemplate,
  continue_final_message: noTemplate,
  add_generation_prompt: noTemplate,
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
