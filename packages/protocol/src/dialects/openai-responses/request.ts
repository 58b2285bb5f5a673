import { responsesImage, refuseImages } from "../images.ts";
import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import {
  LOGIT_BIASES_MAX,
  MAX_TOKENS_DEFAULT,
  MESSAGES_MAX,
  PINNED_SERIALS_MAX,
  STOP_STRINGS_MAX,
  TOOLS_MAX,
} from "../../limits.ts";
import { anyObject, type Schema } from "../../schema/shape.ts";
import { endingOf } from "../continuation.ts";
import { failureOf } from "../faults.ts";
import {
  CONTENT_PARTS_MAX,
  fieldOf,
  invalid,
  listOf,
  pinsOf,
  refuseLong,
  refuseOptionsWithoutStream,
  tokenBoundOf,
  unsupported,
} from "../fields.ts";
import type { Job } from "../job.ts";
import { samplingOf } from "../openai-chat/request.ts";
import { continuationWanted, formOf, settingsOf, thinksOf } from "../open-model.ts";
import { TEMPLATE_SETTINGS_MAX } from "../open-model-fields.ts";
import { readFormat } from "../tools.ts";
import { messagesOf } from "./input.ts";
import {
  INCLUDES_MAX,
  itemReferenceWords,
  METADATA_PAIRS_MAX,
  type ResponsesRequest,
  responsesRequestRules as rules,
  responsesRequestSchema,
} from "./request-schema.ts";
import { type ResponsesTools, toolsOf } from "./tools.ts";

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent */
export function decodeResponsesRequest(body: unknown): {
  readonly job: Job;
  readonly request: ResponsesRequest;
  readonly tools: ResponsesTools;
} {
  refuseLong(body, [
    ["input", MESSAGES_MAX, rules.input.expected],
    ["stop", STOP_STRINGS_MAX, rules.stop.expected],
    ["tools", TOOLS_MAX, rules.tools.expected],
    ["include", INCLUDES_MAX, rules.include.expected],
    ["logit_bias", LOGIT_BIASES_MAX, rules.logit_bias.expected],
    ["chat_template_kwargs", TEMPLATE_SETTINGS_MAX, rules.chat_template_kwargs.expected],
    ["provider_serial", PINNED_SERIALS_MAX, rules.provider_serial.expected],
    ["provider_serials", PINNED_SERIALS_MAX, rules.provider_serials.expected],
  ]);
  refuseMany(body);
  refuseImages(fieldOf(body, "input"), "input", responsesImage);
  const parsed = responsesRequestSchema.safeParse(flattened(body));
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, rules));
  const request = parsed.data;
  refuseOptionsWithoutStream(request);
  const given = toolsOf(request);
  const { tools, choice: toolChoice } = given;
  const form = formOf(request, { format: formatOf(request), param: "text.format" }, { toolChoice });
  const thinking = thinksOf(request, request.reasoning?.effort);
  const job: Job = {
    endpoint: "/v1/responses",
    model: request.model,
    ...framingOf(request),
    generates: true,
    ...endingOf(
      messagesOf(request, given.named),
      continuationWanted(request),
      { ...form, ...thinking },
      "continue_final_message",
    ),
    tools,
    toolChoice,
    parallelToolCalls: request.parallel_tool_calls ?? true,
    ...form,
    sampling: samplingOf(request),
    maxTokens: tokenBoundOf(
      request.max_output_tokens ?? request.max_completion_tokens ?? request.max_tokens ?? MAX_TOKENS_DEFAULT,
    ),
    choices: 1,
    ...logprobsOf(request),
    ...thinking,
    ...settingsOf(request, request.reasoning?.effort),
    pins: pinsOf(request),
  };
  return { job, request, tools: given };
}

/** The schema would collect a fault for every bad part or pair, and a body may hold millions of them. */
function refuseMany(body: unknown): void {
  const metadata = fieldOf(body, "metadata");
  if (typeof metadata === "object" && metadata !== null && Object.keys(metadata).length > METADATA_PAIRS_MAX)
    throw invalid("metadata", rules.metadata.expected);
  const input = fieldOf(body, "input");
  if (!Array.isArray(input)) return;
  let parts = 0;
  for (const [at, item] of input.entries()) {
    if (fieldOf(item, "type") === "item_reference") throw unsupported(`input.${at}.type`, itemReferenceWords);
    for (const field of ["content", "output", "summary"]) {
      const list = fieldOf(item, field);
      if (Array.isArray(list)) parts += list.length;
    }
  }
  if (parts > CONTENT_PARTS_MAX)
    throw invalid("input", ourWords`expected at most ${CONTENT_PARTS_MAX} parts, all items together`);
}

/** Functions in chat's form, nested under `function`, are read as what they are. */
function flattened(body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const tools = fieldOf(body, "tools");
  return {
    ...body,
    ...(Array.isArray(tools) && { tools: tools.map(flatFunction) }),
    ...(isFunction(fieldOf(body, "tool_choice")) && { tool_choice: flatFunction(fieldOf(body, "tool_choice")) }),
  };
}

function flatFunction(given: unknown): unknown {
  const nested = fieldOf(given, "function");
  return isFunction(given) && typeof nested === "object" && nested !== null ? { ...nested, type: "function" } : given;
}

const isFunction = (given: unknown): boolean => fieldOf(given, "type") === "function";

/** A message over a WebSocket is always answered by events. */
function framingOf({ type, stream }: ResponsesRequest): Pick<Job, "stream" | "asLines"> {
  if (type !== "response.create") return { stream: stream ?? false };
  if (stream === false)
    throw unsupported("stream", ourWords`over a WebSocket a response is always told by events; leave it out`);
  return { stream: true, asLines: true };
}

function logprobsOf({ include, top_logprobs: top }: ResponsesRequest): Pick<Job, "topLogprobs"> {
  const areAsked = listOf(include).includes("message.output_text.logprobs");
  return areAsked || (top ?? 0) > 0 ? { topLogprobs: top ?? 0 } : {};
}

function formatOf({ text }: ResponsesRequest): Schema | undefined {
  const format = text?.format;
  if (!format || format.type === "text") return undefined;
  if (format.type === "json_object")
    return format.schema ? readFormat(format.schema, false, "text.format.schema") : anyObject;
  return readFormat(format.schema, format.strict ?? false, "text.format.schema");
}
