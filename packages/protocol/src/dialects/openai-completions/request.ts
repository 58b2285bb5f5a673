import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import { LOGIT_BIASES_MAX, MAX_TOKENS_DEFAULT, PINNED_SERIALS_MAX, STOP_STRINGS_MAX } from "../../limits.ts";
import { failureOf } from "../faults.ts";
import { fieldOf, pinsOf, refuseLong, refuseOptionsWithoutStream, tokenBoundOf, unsupported } from "../fields.ts";
import type { Job } from "../job.ts";
import { samplingOf } from "../openai-chat/request.ts";
import { formOf } from "../open-model.ts";
import { completionRequestRules as rules, completionRequestSchema } from "./request-schema.ts";

const outputBounds = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent */
export function decodeCompletionRequest(body: unknown): { readonly job: Job; readonly includeUsage: boolean } {
  const prompts = fieldOf(body, "prompt");
  if (Array.isArray(prompts) && prompts.length > 1)
    throw unsupported("prompt", ourWords`one request has one prompt, as text and not as tokens`);
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
  const { prompt, logprobs } = request;
  return {
    job: {
      endpoint: "/v1/completions",
      model: request.model,
      stream: request.stream ?? false,
      generates: true,
      messages: [{ role: "user", text: typeof prompt === "string" ? prompt : prompt[0] }],
      tools: [],
      toolChoice: "none",
      parallelToolCalls: true,
      ...formOf(request, { format: undefined, param: "guided_json" }, { toolChoice: "none" }),
      sampling: samplingOf(request),
      maxTokens: tokenBoundOf(
        outputBounds.map((name) => request[name]).find((bound) => typeof bound === "number") ?? MAX_TOKENS_DEFAULT,
      ),
      choices: request.n ?? 1,
      ...(typeof logprobs === "number" && { topLogprobs: logprobs }),
      pins: pinsOf(request),
    },
    includeUsage: request.stream_options?.include_usage ?? false,
  };
}
