import * as z from "zod";
import { NetworkError } from "../failures.ts";
import { type OurWords, ourWords, type ParamPath, type Serial } from "../ids.ts";
import { PINNED_SERIALS_MAX, STOP_STRING_CHARS_MAX, STOP_STRINGS_MAX } from "../limits.ts";
import type { Sampling } from "./job.ts";

/** What the dialects' requests have in common: fields, what is said of them, and how they are read. */

/** Longer model names are refused before they are looked up. */
export const MODEL_CHARS_MAX = 256;
/** As long as a registration blob lets a serial be. */
export const SERIAL_CHARS_MAX = 128;
/** Text parts of one request, over all its messages. */
export const CONTENT_PARTS_MAX = 16_384;

/** A larger bound on an answer is read as this one: no model's context is longer. */
export const OUTPUT_TOKENS_MAX = 2 ** 31 - 1;
/** More than any model's vocabulary. */
export const TOP_K_MAX = 1_000_000;

export const modelField = z
  .string()
  .min(1)
  .max(MODEL_CHARS_MAX)
  .meta({ description: "An id that GET /v1/models lists" });
/** Some clients send an enormous number for "as many as there may be": `tokenBoundOf` reads it. */
export const tokensField = z
  .number()
  .min(1)
  .refine((tokens) => Number.isInteger(tokens))
  .meta({ type: "integer" })
  .nullish();
/** -1 is how llama.cpp's and other servers write "none": `seedOf` and `topKOf` read it. */
export const seedField = z.int().min(-1).nullish();
export const topKField = z
  .int()
  .min(-1)
  .max(TOP_K_MAX)
  .nullish()
  .meta({ description: "Only so many of the likeliest tokens; 0, the default, and -1 mean all" });
export const stopStringField = z.string().min(1).max(STOP_STRING_CHARS_MAX);
export const temperatureField = (max: number) =>
  z.number().min(0).max(max).nullish().meta({ description: "Default 1" });

const serial = z
  .string()
  .trim()
  .min(1)
  .max(SERIAL_CHARS_MAX)
  .regex(/^[\x20-\x7e]*$/);
export const serialsField = z.union([serial, z.array(serial).min(1).max(PINNED_SERIALS_MAX)]).nullish();

export const modelWords = ourWords`it is required, a model's id of 1 to ${MODEL_CHARS_MAX} characters; GET /v1/models lists them`;
export const topKWords = ourWords`expected a whole number from 0 to ${TOP_K_MAX}, or -1 for all`;
export const seedWords = ourWords`expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, or -1 for none`;
export const tokenCountWords = ourWords`expected a whole number of tokens, at least 1`;
export const trueOrFalseWords = ourWords`expected true or false`;
export const serialWords = ourWords`expected a machine's serial, or a list of 1 to ${PINNED_SERIALS_MAX} of them, each 1 to ${SERIAL_CHARS_MAX} printable ASCII characters`;
export const stopWords = ourWords`expected a string of 1 to ${STOP_STRING_CHARS_MAX} characters, or a list of at most ${STOP_STRINGS_MAX} of them`;

export const neutralSampling: Sampling = {
  temperature: 1,
  topP: 1,
  topK: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  minP: 0,
  repetitionPenalty: 1,
  logitBias: [],
  stop: [],
};

export const tokenBoundOf = (tokens: number): number => Math.min(tokens, OUTPUT_TOKENS_MAX);
export const seedOf = (seed: number | null | undefined): number | undefined =>
  seed === -1 || seed === null ? undefined : seed;
export const topKOf = (tokens: number | null | undefined): number => Math.max(tokens ?? 0, 0);

export const invalid = (param: string | null, expected: OurWords): NetworkError =>
  new NetworkError({ code: "body_invalid", param: param as ParamPath | null, expected });

export const unsupported = (param: string, reason: OurWords): NetworkError =>
  new NetworkError({ code: "unsupported", param: param as ParamPath, reason });

export function listOf<Item>(value: Item | readonly Item[] | null | undefined): readonly Item[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? (value as readonly Item[]) : [value as Item];
}

/** The pins are the caller's words; the schema lets through only what can be a machine's serial. */
export function pinsOf(request: {
  readonly provider_serial?: string | readonly string[] | null | undefined;
  readonly provider_serials?: string | readonly string[] | null | undefined;
}): readonly Serial[] {
  const pins = [...new Set([...listOf(request.provider_serial), ...listOf(request.provider_serials)])];
  if (pins.length > PINNED_SERIALS_MAX)
    throw invalid("provider_serials", ourWords`expected at most ${PINNED_SERIALS_MAX} machines, both fields together`);
  return pins as Serial[];
}

const streamOnly = ourWords`it is only taken together with 'stream' true; leave it out`;

/** As OpenAI's own API has it: who asks for a stream's options believes that one comes. */
export function refuseOptionsWithoutStream(request: {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: object | null | undefined;
}): void {
  if (request.stream_options && request.stream !== true) throw invalid("stream_options", streamOnly);
}

export function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}

/**
 * A schema collects a fault for every bad item or member, and a body may hold millions of them: they are counted
 * before it reads them.
 */
export function refuseLong(
  body: unknown,
  fields: readonly (readonly [field: string, max: number, words: OurWords])[],
): void {
  for (const [field, max, words] of fields) {
    const given = fieldOf(body, field);
    if (typeof given !== "object" || given === null) continue;
    const count = Array.isArray(given) ? given.length : Object.keys(given).length;
    if (count > max) throw invalid(field, words);
  }
}

/** The same for the parts of all messages together. */
export function refuseManyParts(messages: unknown, field: string): void {
  if (!Array.isArray(messages)) return;
  let parts = 0;
  for (const message of messages) {
    const content = fieldOf(message, "content");
    if (Array.isArray(content)) parts += content.length;
  }
  if (parts > CONTENT_PARTS_MAX)
    throw invalid(field, ourWords`expected at most ${CONTENT_PARTS_MAX} parts, all messages together`);
}
