import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import { EMBED_INPUT_TOKENS_MAX, EMBED_INPUTS_MAX, PINNED_SERIALS_MAX } from "../../limits.ts";
import { failureOf } from "../faults.ts";
import { invalid, neutralSampling, pinsOf, refuseLong } from "../fields.ts";
import type { EmbedInput, Job } from "../job.ts";
import { embeddingsRequestRules as rules, embeddingsRequestSchema, TOKEN_ID_MAX } from "./request-schema.ts";

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent */
export function decodeEmbeddingsRequest(body: unknown): Job {
  refuseLong(body, [
    ["provider_serial", PINNED_SERIALS_MAX, rules.provider_serial.expected],
    ["provider_serials", PINNED_SERIALS_MAX, rules.provider_serials.expected],
  ]);
  const parsed = embeddingsRequestSchema.safeParse(body);
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, rules));
  const { model, input, dimensions, encoding_format: encoding, ...request } = parsed.data;
  const inputs = inputsOf(input);
  return {
    endpoint: "/v1/embeddings",
    model,
    stream: false,
    generates: false,
    embed: {
      inputs,
      encoding: encoding ?? "float",
      ...(typeof dimensions === "number" && { dimensions }),
    },
    messages: [],
    tools: [],
    toolChoice: "none",
    parallelToolCalls: true,
    sampling: neutralSampling,
    // The least that a bound can be: no token follows.
    maxTokens: 1,
    choices: 1,
    pins: pinsOf(request),
  };
}

/** What the first item is says what the list is. */
function inputsOf(input: unknown): readonly EmbedInput[] {
  if (isText(input)) return [input];
  if (!Array.isArray(input) || input.length === 0) throw wrong("input");
  const items: readonly unknown[] = input;
  if (typeof items[0] === "number") return [tokensOf(items, "input")];
  if (items.length > EMBED_INPUTS_MAX)
    throw invalid("input", ourWords`expected at most ${EMBED_INPUTS_MAX} inputs; send the others in another request`);
  return items.map((item, at) => {
    if (isText(item)) return item;
    if (!Array.isArray(item)) throw wrong(`input.${at}`);
    return tokensOf(item, `input.${at}`);
  });
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function tokensOf(items: readonly unknown[], at: string): readonly number[] {
  if (items.length === 0 || items.length > EMBED_INPUT_TOKENS_MAX || !items.every(isToken)) throw wrong(at);
  return items;
}

const isToken = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= TOKEN_ID_MAX;

const wrong = (param: string): NetworkError => invalid(param, rules.input.expected);
