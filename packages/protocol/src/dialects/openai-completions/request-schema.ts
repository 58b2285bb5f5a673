import * as z from "zod";
import { ourWords } from "../../ids.ts";
import { CHOICES_MAX, EMBED_INPUT_TOKENS_MAX, MAX_TOKENS_DEFAULT } from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import { trueOrFalseWords } from "../fields.ts";
import { TOKEN_ID_MAX } from "../text-input.ts";
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
const token = { type: "integer", minimum: 0, maximum: TOKEN_ID_MAX } as const;
const tokens = { type: "array", minItems: 1, maxItems: EMBED_INPUT_TOKENS_MAX, items: token } as const;
const text = { type: "string" } as const;
const list = { type: "array", minItems: 1, maxItems: CHOICES_MAX } as const;

/** The body of `POST /v1/completions`. What it shares with chat is chat's. */
const shape = {
  model: chat.model,
  prompt: z.unknown().meta({
    description: `A text that is gone on with as it stands, or a list of at most ${CHOICES_MAX}, whose answers are choices; or tokens of the model's own vocabulary: one list of them, or a list of lists`,
    anyOf: [text, { ...list, items: text }, tokens, { ...list, items: tokens }],
  }),
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
  best_of: z
    .int()
    .min(1)
    .max(CHOICES_MAX)
    .nullish()
    .meta({ description: "As many as 'n': every answer is told, and none is left out" }),
  echo: z.boolean().nullish().meta({ description: "Each answer begins with its prompt; not together with logprobs" }),
  suffix: z.literal("").nullish(),
  seed: chat.seed,
  stop: chat.stop,
  provider_serial: chat.provider_serial,
  provider_serials: chat.provider_serials,
  ...samplerShape,
  response_format: z.null().optional(),
  tools: z.array(z.unknown()).max(0).nullish(),
  ...guidedShape,
  ...unservedShape,
  chat_template_kwargs: z.null().optional(),
  enable_thinking: z.null().optional(),
  thinking: z.null().optional(),
  continue_final_message: z.null().optional(),
  add_generation_prompt: z.null().optional(),
};

export const completionRequestSchema = z.object(shape).meta({ description: "A text completion request" });

const rules = chatRequestRules;
const noTemplate = { refused: ourWords`that is for conversations; send them to /v1/chat/completions` };
export const promptWords = ourWords`it is required: a string, a list of 1 to ${CHOICES_MAX} strings, a list of 1 to ${EMBED_INPUT_TOKENS_MAX} tokens, or a list of such lists`;

/** What is said of each field; one for every field of the schema. */
export const completionRequestRules = {
  "": rules[""],
  model: rules.model,
  prompt: { expected: promptWords },
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
  best_of: {
    expected: ourWords`expected a whole number, as in 'n'`,
    refusedWords: [],
    refused: ourWords`every answer is told; leave the field out, or send 'n' for several`,
  },
  echo: { expected: trueOrFalseWords },
  suffix: { refused: ourWords`the models served here do not fill in between; leave the field out` },
  seed: rules.seed,
  stop: rules.stop,
  "stop.*": rules["stop.*"],
  provider_serial: rules.provider_serial,
  "provider_serial.*": rules["provider_serial.*"],
  provider_serials: rules.provider_serials,
  "provider_serials.*": rules["provider_serials.*"],
  response_format: { refused: ourWords`send 'guided_json', 'guided_regex' or 'guided_choice'` },
  tools: noTemplate,
  ...samplerRules,
  ...guidedRules,
  ...unservedRules,
  chat_template_kwargs: noTemplate,
  enable_thinking: noTemplate,
  thinking: noTemplate,
  continue_final_message: noTemplate,
  add_generation_prompt: noTemplate,
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
