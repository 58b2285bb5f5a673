import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import {
  CHOICES_MAX,
  LOGIT_BIASES_MAX,
  MAX_TOKENS_DEFAULT,
  PINNED_SERIALS_MAX,
  STOP_STRINGS_MAX,
} from "../../limits.ts";
import { failureOf } from "../faults.ts";
import { invalid, pinsOf, refuseLong, refuseOptionsWithoutStream, tokenBoundOf, unsupported } from "../fields.ts";
import type { Job, TextInput } from "../job.ts";
import { samplingOf } from "../openai-chat/request.ts";
import { formOf } from "../open-model.ts";
import { textInputsOf } from "../text-input.ts";
import { completionRequestRules as rules, completionRequestSchema, promptWords } from "./request-schema.ts";

const outputBounds = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent */
export function decodeCompletionRequest(body: unknown): { readonly job: Job; readonly includeUsage: boolean } {
  refuseLong(body, [
    ["stop", STOP_STRINGS_MAX, rules.stop.expected],
    ["logit_bias", LOGIT_BIASES_MAX, rules.logit_bias.expected],
    ["provider_serial", PINNED_SERIALS_MAX, rules.provider_serial.expected],
    ["provider_serials", PINNED_SERIALS_MAX, rules.provider_serials.expected],
  ]);
  const parsed = completionRequestSchema.safeParse(body);
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, rules));
  const request = parsed.data;
  refuseOptionsWithoutStream(request);
  const { logprobs, n, best_of: bestOf, echo } = request;
  const prompts = promptsOf(request.prompt);
  const choices = (n ?? 1) * prompts.length;
  if (choices > CHOICES_MAX)
    throw invalid("n", ourWords`expected at most ${CHOICES_MAX} answers, those to all prompts together`);
  if (typeof bestOf === "number" && bestOf !== (n ?? 1)) throw unsupported("best_of", rules.best_of.refused);
  if (echo === true && typeof logprobs === "number")
    throw unsupported(
      "echo",
      ourWords`probabilities are told of what the model writes; leave out one of 'echo' and 'logprobs'`,
    );
  return {
    job: {
      endpoint: "/v1/completions",
      model: request.model,
      stream: request.stream ?? false,
      generates: true,
      raw: { prompts, echo: echo ?? false },
      messages: [],
      tools: [],
      toolChoice: "none",
      parallelToolCalls: true,
      ...formOf(request, { format: undefined, param: "guided_json" }, { toolChoice: "none" }),
      sampling: samplingOf(request),
      maxTokens: tokenBoundOf(
        outputBounds.map((name) => request[name]).find((bound) => typeof bound === "number") ?? MAX_TOKENS_DEFAULT,
      ),
      choices,
      ...(typeof logprobs === "number" && { topLogprobs: logprobs }),
      pins: pinsOf(request),
    },
    includeUsage: request.stream_options?.include_usage ?? false,
  };
}

const promptsOf = (prompt: unknown): readonly TextInput[] =>
  textInputsOf(prompt, "prompt", { itemsMax: CHOICES_MAX, mayBeEmpty: true }, (param, fault) => {
    throw invalid(param, fault === "many" ? tooManyWords : promptWords);
  });

const tooManyWords = ourWords`expected at most ${CHOICES_MAX} prompts; send the others in another request`;
