import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import { EMBED_INPUTS_MAX, PINNED_SERIALS_MAX } from "../../limits.ts";
import { failureOf } from "../faults.ts";
import { invalid, neutralSampling, pinsOf, refuseLong } from "../fields.ts";
import type { Job, TextInput } from "../job.ts";
import { textInputsOf } from "../text-input.ts";
import { embeddingsRequestRules as rules, embeddingsRequestSchema } from "./request-schema.ts";

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

const inputsOf = (input: unknown): readonly TextInput[] =>
  textInputsOf(input, "input", { itemsMax: EMBED_INPUTS_MAX, mayBeEmpty: false }, (param, fault) => {
    throw invalid(param, fault === "many" ? tooManyWords : rules.input.expected);
  });

const tooManyWords = ourWords`expected at most ${EMBED_INPUTS_MAX} inputs; send the others in another request`;
