import * as z from "zod";
import { ourWords } from "../../ids.ts";
import type { FieldRule } from "../faults.ts";
import { seedField, seedWords } from "../fields.ts";

const refusedUnlessNull = z.null().optional();
const neutralPenalty = z.literal(0).nullish();

/** Of OpenAI's dialects: what would change an answer there. A seed is served; the rest has another name here, or is not. */
export const openaiShape = {
  seed: seedField.meta({ description: "Absent or -1: drawn by the provider, named in the receipt" }),
  frequency_penalty: neutralPenalty,
  presence_penalty: neutralPenalty,
  continue_final_message: refusedUnlessNull,
  add_generation_prompt: refusedUnlessNull,
  n: z.literal([1, null]).optional(),
  best_of: z.literal([1, null]).optional(),
  echo: z.literal([false, null]).optional(),
  suffix: z.literal(["", null]).optional(),
  logprobs: z.literal([false, 0, null]).optional(),
  top_logprobs: z.literal([0, null]).optional(),
  logit_bias: z.object({}).strict().nullish(),
  stop: z.array(z.unknown()).max(0).nullish(),
  response_format: refusedUnlessNull,
  max_completion_tokens: refusedUnlessNull,
  max_output_tokens: refusedUnlessNull,
  reasoning_effort: refusedUnlessNull,
  reasoning: refusedUnlessNull,
  functions: z.array(z.unknown()).max(0).nullish(),
};

const penaltyRefused = { refused: ourWords`send 'repetition_penalty'` };
const continuationRefused = { refused: ourWords`the assistant's last message is gone on with; leave the field out` };
const probabilitiesRefused = { refused: ourWords`probabilities are told by /v1/chat/completions; leave the field out` };
const thinkingRefused = { refused: ourWords`send 'thinking', and 'output_config.effort' for how much` };

export const openaiRules = {
  seed: { expected: seedWords },
  frequency_penalty: penaltyRefused,
  presence_penalty: penaltyRefused,
  continue_final_message: continuationRefused,
  add_generation_prompt: continuationRefused,
  n: { refused: ourWords`a message is one answer; leave the field out` },
  best_of: { refused: ourWords`a message is one answer; leave the field out` },
  echo: { refused: ourWords`the prompt is not told again; leave the field out` },
  suffix: { refused: ourWords`the models served here do not fill in between; leave the field out` },
  logprobs: probabilitiesRefused,
  top_logprobs: probabilitiesRefused,
  logit_bias: { refused: ourWords`it is served by /v1/chat/completions; leave the field out` },
  stop: { refused: ourWords`send 'stop_sequences'` },
  response_format: { refused: ourWords`send 'output_config.format'` },
  max_completion_tokens: { refused: ourWords`send 'max_tokens'` },
  max_output_tokens: { refused: ourWords`send 'max_tokens'` },
  reasoning_effort: thinkingRefused,
  reasoning: thinkingRefused,
  functions: { refused: ourWords`send 'tools'` },
} as const satisfies Record<keyof typeof openaiShape, FieldRule>;
