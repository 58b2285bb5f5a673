import * as z from "zod";
import { ourWords } from "../ids.ts";
import type { FieldRule } from "./faults.ts";
import { trueOrFalseWords } from "./fields.ts";

/**
 * Fields that servers of open models add to the dialects (vLLM, llama.cpp, SGLang, OpenRouter): served, or taken where
 * they ask for nothing, or refused by name. None that would change an answer is passed over.
 */

/** Members of `chat_template_kwargs`, and the characters of a name and of a text in it. */
export const TEMPLATE_SETTINGS_MAX = 16;
export const TEMPLATE_SETTING_NAME_CHARS_MAX = 64;
export const TEMPLATE_SETTING_CHARS_MAX = 1024;
/** Texts that `guided_choice` may name, and the characters of each. */
export const GUIDED_CHOICES_MAX = 256;
export const GUIDED_CHOICE_CHARS_MAX = 1024;
/** A schema that comes as text. */
export const GUIDED_TEXT_CHARS_MAX = 256 * 1024;
const REPETITION_PENALTY_MAX = 2;

/** What every prompt is given by us; a caller's setting of that name would be another prompt than was checked. */
const ours = new Set([
  "messages",
  "tools",
  "add_generation_prompt",
  "continue_final_message",
  "bos_token",
  "eos_token",
]);
const settingName = new RegExp(`^[A-Za-z_][A-Za-z0-9_]{0,${TEMPLATE_SETTING_NAME_CHARS_MAX - 1}}$`);

const settings = z
  .record(
    z.string().regex(settingName),
    z.union([z.string().max(TEMPLATE_SETTING_CHARS_MAX), z.boolean(), z.number(), z.null()]),
  )
  .refine(
    (given) => Object.keys(given).length <= TEMPLATE_SETTINGS_MAX && !Object.keys(given).some((name) => ours.has(name)),
  )
  .nullish()
  .meta({
    description:
      "What the model's chat template reads beside the messages, such as enable_thinking; others have no effect",
  });

const schema = z
  .union([z.looseObject({}), z.string().max(GUIDED_TEXT_CHARS_MAX)])
  .nullish()
  .meta({ description: "The answer is JSON of exactly this JSON Schema" });
const choice = z
  .array(z.string().min(1).max(GUIDED_CHOICE_CHARS_MAX))
  .min(1)
  .max(GUIDED_CHOICES_MAX)
  .nullish()
  .meta({ description: "The answer is one of these texts" });
const regex = z
  .string()
  .min(1)
  .nullish()
  .meta({ description: "The answer, as a whole, is of this regular expression" });

/** Only these values, which ask for nothing. */
const neutral = (...values: readonly (string | number | boolean)[]) => z.literal([...values, null]).optional();
const noList = z.array(z.unknown()).max(0).nullish();

/** What steers the sampler beside each dialect's own fields. */
export const samplerShape = {
  min_p: z
    .number()
    .min(0)
    .max(1)
    .nullish()
    .meta({ description: "Leaves out tokens below this share of the likeliest one's probability; default 0" }),
  repetition_penalty: z
    .number()
    .gt(0)
    .max(REPETITION_PENALTY_MAX)
    .nullish()
    .meta({ description: "Of tokens that the answer has already; default 1" }),
  repeat_penalty: z
    .number()
    .gt(0)
    .max(REPETITION_PENALTY_MAX)
    .nullish()
    .meta({ description: "Used where repetition_penalty is absent" }),
};

/** A form that the answer is held to. */
export const guidedShape = {
  guided_json: schema,
  guided_regex: regex,
  guided_choice: choice,
  structured_outputs: z
    .object({
      json: schema,
      regex,
      choice,
      json_object: z.boolean().nullish(),
      grammar: neutral(),
      structural_tag: neutral(),
    })
    .nullish()
    .meta({ description: "The same, as newer versions of vLLM have it" }),
  json_schema: schema,
};

/** What is not served takes its neutral value alone. */
export const unservedShape = {
  guided_grammar: neutral(),
  grammar: neutral(""),
  ebnf: neutral(""),
  regex: neutral(""),
  guided_whitespace_pattern: neutral(),
  top_a: neutral(0),
  typical_p: neutral(1),
  tfs_z: neutral(1),
  epsilon_cutoff: neutral(0),
  eta_cutoff: neutral(0),
  mirostat: neutral(0),
  dynatemp_range: neutral(0),
  smoothing_factor: neutral(0),
  dry_multiplier: neutral(0),
  xtc_probability: neutral(0),
  no_repeat_ngram_size: neutral(0),
  length_penalty: neutral(1),
  use_beam_search: neutral(false),
  early_stopping: neutral(false),
  samplers: noList,
  logits_processors: noList,
  custom_logit_processor: neutral(),
  allowed_token_ids: noList,
  repeat_last_n: neutral(-1),
  min_tokens: neutral(0),
  min_new_tokens: neutral(0),
  t_max_predict_ms: neutral(0),
  stop_regex: neutral(""),
  n_predict: neutral(),
  max_new_tokens: neutral(),
  ignore_eos: neutral(false),
  stop_token_ids: noList,
  bad_words: noList,
  include_stop_str_in_output: neutral(false),
  skip_special_tokens: neutral(true),
  spaces_between_special_tokens: neutral(true),
  prompt_logprobs: neutral(0),
  n_probs: neutral(0),
  return_token_ids: neutral(false),
  think: neutral(),
  options: neutral(),
  random_seed: neutral(),
  safe_prompt: neutral(false),
  prompt_mode: neutral(),
  truncate_prompt_tokens: neutral(),
  transforms: noList,
  models: noList,
  route: neutral(),
  plugins: noList,
  provider: neutral(),
  lora: noList,
};

/** Of conversations alone: what the prompt is made of. */
export const templateShape = {
  chat_template_kwargs: settings,
  enable_thinking: z
    .boolean()
    .nullish()
    .meta({ description: "Turns a model's thinking on or off where its template can" }),
  chat_template: neutral(),
  documents: noList,
};

/** Of conversations but Anthropic's, which has a field of this name itself. */
export const thinkingShape = {
  thinking: z
    .object({
      type: z.enum(["enabled", "disabled", "adaptive", "auto"]),
      budget_tokens: neutral(),
      clear_thinking: neutral(),
    })
    .nullish()
    .meta({
      description:
        "As DeepSeek's clients turn thinking on or off; refused where the model cannot. In chat, 'enabled' hands it out as reasoning_content",
    }),
};

/** Of conversations whose dialect does not say itself what an assistant's last message means. */
export const continuationShape = {
  continue_final_message: z.boolean().nullish().meta({
    description:
      "true goes on with the assistant's last message, or is refused; false answers it. Absent: it is gone on with where the model's template can and nothing else is asked for that does not go with it",
  }),
  add_generation_prompt: z
    .boolean()
    .nullish()
    .meta({ description: "true answers the last message; false is taken together with continue_final_message alone" }),
};

const textForms = ourWords`send 'guided_json', 'guided_regex' or 'guided_choice'`;
const samplerIsNot = ourWords`this sampler is not served; use 'temperature', 'top_p', 'top_k', 'min_p' and the penalties`;
const endIsTheModels = ourWords`where an answer ends is the model's to say, or that of 'max_tokens' and of stop strings`;
const oneModel = ourWords`only the model that was asked for answers, with the prompt as it was sent; leave the field out`;
const sendMaxTokens = ourWords`send 'max_tokens'`;
const textAsWritten = ourWords`answers are told as text, without special tokens; leave the field out`;
const penaltyWords = { expected: ourWords`expected a number above 0, at most ${REPETITION_PENALTY_MAX}` };
const schemaWords = { expected: ourWords`expected a JSON Schema, an object or its JSON text` };
const choiceWords = {
  expected: ourWords`expected a list of 1 to ${GUIDED_CHOICES_MAX} texts of 1 to ${GUIDED_CHOICE_CHARS_MAX} characters`,
};
const regexWords = { expected: ourWords`expected a regular expression, a string` };
const samplerRefused = { refused: samplerIsNot };
const endRefused = { refused: endIsTheModels };
const modelRefused = { refused: oneModel };
const lengthRefused = { refused: sendMaxTokens };
const tellingRefused = { refused: textAsWritten };
const formRefused = { refused: textForms };

type Rules<Shape> = Record<keyof Shape, FieldRule>;

export const samplerRules = {
  min_p: { expected: ourWords`expected a number from 0 to 1` },
  repetition_penalty: penaltyWords,
  repeat_penalty: penaltyWords,
} as const satisfies Rules<typeof samplerShape>;

export const guidedRules = {
  guided_json: schemaWords,
  guided_regex: regexWords,
  guided_choice: choiceWords,
  json_schema: schemaWords,
  structured_outputs: {
    expected: ourWords`expected an object with one of 'json', 'regex', 'choice' and 'json_object'`,
  },
  "structured_outputs.json": schemaWords,
  "structured_outputs.regex": regexWords,
  "structured_outputs.choice": choiceWords,
  "structured_outputs.json_object": { expected: trueOrFalseWords },
  "structured_outputs.grammar": formRefused,
  "structured_outputs.structural_tag": formRefused,
} as const satisfies Rules<typeof guidedShape> & Record<string, FieldRule>;

export const unservedRules = {
  guided_grammar: formRefused,
  grammar: formRefused,
  ebnf: formRefused,
  regex: formRefused,
  guided_whitespace_pattern: { refused: ourWords`JSON is written on one line here; leave the field out` },
  top_a: samplerRefused,
  typical_p: samplerRefused,
  tfs_z: samplerRefused,
  epsilon_cutoff: samplerRefused,
  eta_cutoff: samplerRefused,
  mirostat: samplerRefused,
  dynatemp_range: samplerRefused,
  smoothing_factor: samplerRefused,
  dry_multiplier: samplerRefused,
  xtc_probability: samplerRefused,
  no_repeat_ngram_size: samplerRefused,
  length_penalty: samplerRefused,
  use_beam_search: samplerRefused,
  early_stopping: samplerRefused,
  samplers: samplerRefused,
  logits_processors: samplerRefused,
  custom_logit_processor: samplerRefused,
  allowed_token_ids: {
    refused: ourWords`tokens cannot be left out here; send 'logit_bias' for single ones, or a form`,
  },
  repeat_last_n: { refused: ourWords`penalties count all of the answer; leave the field out` },
  min_tokens: endRefused,
  min_new_tokens: endRefused,
  t_max_predict_ms: endRefused,
  stop_regex: endRefused,
  n_predict: lengthRefused,
  max_new_tokens: lengthRefused,
  ignore_eos: endRefused,
  stop_token_ids: endRefused,
  bad_words: { refused: ourWords`words cannot be kept out here; send 'logit_bias' for single tokens` },
  include_stop_str_in_output: tellingRefused,
  skip_special_tokens: tellingRefused,
  spaces_between_special_tokens: tellingRefused,
  n_probs: { refused: ourWords`send 'logprobs', where the endpoint has it` },
  return_token_ids: tellingRefused,
  think: { refused: ourWords`send 'enable_thinking' or 'reasoning_effort', or 'thinking' in Messages` },
  options: { refused: ourWords`send what it holds as fields of the request, such as 'temperature' and 'max_tokens'` },
  random_seed: { refused: ourWords`send 'seed'` },
  safe_prompt: { refused: ourWords`nothing is put before the prompt; send such words as a system message` },
  prompt_mode: { refused: ourWords`nothing is put before the prompt; send 'reasoning_effort'` },
  prompt_logprobs: { refused: ourWords`probabilities are told of the answer alone; leave the field out` },
  truncate_prompt_tokens: { refused: ourWords`nothing is cut out of the prompt; leave the field out` },
  transforms: { refused: ourWords`nothing is cut out of the prompt; leave the field out` },
  models: modelRefused,
  route: modelRefused,
  plugins: modelRefused,
  provider: { refused: ourWords`machines are chosen with 'provider_serials'; leave the field out` },
  lora: modelRefused,
} as const satisfies Rules<typeof unservedShape>;

export const templateRules = {
  chat_template_kwargs: {
    expected: ourWords`expected at most ${TEMPLATE_SETTINGS_MAX} members that are texts of at most ${TEMPLATE_SETTING_CHARS_MAX} characters, numbers, true or false; none that says the messages, the tools or how the prompt ends`,
  },
  enable_thinking: { expected: trueOrFalseWords },
  chat_template: { refused: ourWords`a model's own chat template is used; leave the field out` },
  documents: { refused: ourWords`send documents as messages` },
} as const satisfies Rules<typeof templateShape>;

export const thinkingRules = {
  thinking: { expected: ourWords`expected an object with 'type'` },
  "thinking.type": { expected: ourWords`expected 'enabled', 'disabled', 'adaptive' or 'auto'` },
  "thinking.budget_tokens": {
    refused: ourWords`no model here is told of a budget; send 'reasoning_effort' or 'max_tokens'`,
  },
  "thinking.clear_thinking": {
    refused: ourWords`the template decides what of earlier thinking a model is told; leave the field out`,
  },
} as const satisfies Rules<typeof thinkingShape> & Readonly<Record<string, FieldRule>>;

export const continuationRules = {
  continue_final_message: { expected: trueOrFalseWords },
  add_generation_prompt: { expected: trueOrFalseWords },
} as const satisfies Rules<typeof continuationShape>;

/** All of them, as the conversations of OpenAI's dialects take them. */
export const conversationShape = {
  ...samplerShape,
  ...guidedShape,
  ...templateShape,
  ...thinkingShape,
  ...continuationShape,
  ...unservedShape,
};

export const conversationRules = {
  ...samplerRules,
  ...guidedRules,
  ...templateRules,
  ...thinkingRules,
  ...continuationRules,
  ...unservedRules,
} as const satisfies Rules<typeof conversationShape>;

export type OpenModelField = keyof typeof conversationShape;
