import * as z from "zod";
import { ourWords } from "../../ids.ts";
import { EMBED_INPUT_TOKENS_MAX, EMBED_INPUTS_MAX } from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import { modelField, modelWords, serialsField, serialWords } from "../fields.ts";
import { TOKEN_ID_MAX } from "../text-input.ts";

/** Above any model's vector. */
export const DIMENSIONS_MAX = 65_536;

const refusedUnlessNull = z.null().optional();
const token = { type: "integer", minimum: 0, maximum: TOKEN_ID_MAX } as const;
const tokens = { type: "array", minItems: 1, maxItems: EMBED_INPUT_TOKENS_MAX, items: token } as const;
const text = { type: "string", minLength: 1 } as const;
const list = { type: "array", minItems: 1, maxItems: EMBED_INPUTS_MAX } as const;

/**
 * The body of `POST /v1/embeddings`. `input` is read by hand (`inputsOf`): a schema would try every form of it on every
 * item, and a body may hold millions of them.
 *
 * Fields that are not in here are accepted and not used, as OpenAI's `user`.
 */
const shape = {
  model: modelField,
  input: z.unknown().meta({
    description:
      "A text, a list of texts, or tokens of the model's own vocabulary: one list of them, or a list of lists. None may be empty",
    anyOf: [text, { ...list, items: text }, tokens, { ...list, items: tokens }],
  }),
  encoding_format: z
    .enum(["float", "base64"])
    .nullish()
    .meta({ description: "base64: little-endian 32-bit floats; default float" }),
  dimensions: z
    .int()
    .min(1)
    .max(DIMENSIONS_MAX)
    .nullish()
    .meta({ description: "Fewer numbers in each vector, where the model was trained for that: GET /v1/models" }),
  provider_serial: serialsField.meta({ description: "Only this machine, or these, may answer" }),
  provider_serials: serialsField.meta({ description: "The same; both together mean any of all" }),
  stream: z.literal(false).nullish(),
  normalize: z.literal(true).nullish(),
  output_dtype: z.literal("float").nullish(),
  input_type: refusedUnlessNull,
  prompt_name: refusedUnlessNull,
  truncate_prompt_tokens: refusedUnlessNull,
};

export const embeddingsRequestSchema = z.object(shape).meta({ description: "Texts that become vectors" });

const serial = { expected: serialWords };
const promptIsTheCallers = ourWords`what stands before a text is the caller's: write the model's own words for a query or a document before it`;

/** What is said of each field; one for every field of the schema. */
export const embeddingsRequestRules = {
  "": { expected: ourWords`expected one JSON object` },
  model: { expected: modelWords },
  input: {
    expected: ourWords`it is required: a string, a list of 1 to ${EMBED_INPUTS_MAX} strings, a list of 1 to ${EMBED_INPUT_TOKENS_MAX} tokens, or a list of such lists; none may be empty`,
  },
  encoding_format: { expected: ourWords`expected 'float' or 'base64'` },
  dimensions: { expected: ourWords`expected a whole number from 1 to ${DIMENSIONS_MAX}` },
  provider_serial: serial,
  "provider_serial.*": serial,
  provider_serials: serial,
  "provider_serials.*": serial,
  stream: { refused: ourWords`vectors come as one answer; leave the field out` },
  normalize: { refused: ourWords`every vector has the length 1; leave the field out` },
  output_dtype: { refused: ourWords`vectors are of 32-bit floats; leave the field out` },
  input_type: { refused: promptIsTheCallers },
  prompt_name: { refused: promptIsTheCallers },
  truncate_prompt_tokens: { refused: ourWords`a text that is too long is refused and never cut; leave the field out` },
} as const satisfies FieldRules & Record<keyof typeof shape, FieldRule>;
