import * as z from "zod";
import { finishReasons } from "../dialects/dialect.ts";

/** Parts of a receipt that a sealed answer's last frame has in its place. */

export const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

/** What the words were drawn by. */
export const sampling = z.object({
  temperature: z.number(),
  top_p: z.number(),
  seed: count,
  top_k: count,
  frequency_penalty: z.number(),
  presence_penalty: z.number(),
  /** Where they change anything. */
  min_p: z.number().optional(),
  repetition_penalty: z.number().optional(),
  /** How many tokens were biased, and how many stop strings there were: not which. */
  logit_bias: count,
  stop: count,
  /** Of each choice. */
  max_tokens: z.int().positive(),
  /** Answers to the one prompt; the first has this seed, and each further one the next. */
  n: z.int().positive(),
});

export const finishReason = z.enum(finishReasons);
