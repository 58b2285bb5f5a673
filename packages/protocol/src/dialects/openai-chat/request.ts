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
import { chatImage, refuseImages } from "../images.ts";
import {
  fieldOf,
  invalid,
  listOf,
  pinsOf,
  refuseLong,
  refuseManyParts,
  refuseOptionsWithoutStream,
  seedOf,
  tokenBoundOf,
  topKOf,
} from "../fields.ts";
import type { Job, Message, Sampling, Tool, ToolChoice } from "../job.ts";
import { continuationWanted, formOf, samplerOf, settingsOf, thinksOf } from "../open-model.ts";
import { TEMPLATE_SETTINGS_MAX } from "../open-model-fields.ts";
import { argumentsOf, checkToolChoice, readFormat, readTools } from "../tools.ts";
import { type ChatRequest, chatRequestRules, chatRequestSchema } from "./request-schema.ts";

/** Names of the output bound, newest first; the first that is present counts, the others do not. */
const outputBounds = ["max_completion_tokens", "max_tokens", "max_output_tokens"] as const;

const listFields = [
  ["messages", MESSAGES_MAX],
  ["stop", STOP_STRINGS_MAX],
  ["tools", TOOLS_MAX],
  ["logit_bias", LOGIT_BIASES_MAX],
  ["chat_template_kwargs", TEMPLATE_SETTINGS_MAX],
  ["provider_serial", PINNED_SERIALS_MAX],
  ["provider_serials", PINNED_SERIALS_MAX],
] as const;

/** What the caller wants to see of the answer. */
export interface ChatWishes {
  readonly includeReasoning: boolean;
  /** Whether a stream's last chunk carries usage. */
  readonly includeUsage: boolean;
}

/**
 * Reads a chat request.
 *
 * @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent
 */
export function decodeChatRequest(body: unknown): { readonly job: Job; readonly wishes: ChatWishes } {
  refuseLong(
    body,
    listFields.map(([field, max]) => [field, max, chatRequestRules[field].expected]),
  );
  refuseManyParts(fieldOf(body, "messages"), "messages");
  refuseImages(fieldOf(body, "messages"), "messages", chatImage);
  const parsed = chatRequestSchema.safeParse(body);
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, chatRequestRules));
  const request = parsed.data;
  refuseOptionsWithoutStream(request);
  const tools = toolsOf(request);
  const toolChoice = toolChoiceOf(request, tools);
  const form = formOf(request, { format: formatOf(request), param: "response_format" }, { toolChoice });
  const effort = request.reasoning_effort ?? request.reasoning?.effort;
  const thinking = thinksOf(
    { ...request, enable_thinking: request.enable_thinking ?? request.reasoning?.enabled },
    effort,
  );
  return {
    job: {
      endpoint: "/v1/chat/completions",
      model: request.model,
      stream: request.stream ?? false,
      generates: true,
      ...endingOf(
        messagesOf(request.messages),
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
        outputBounds.map((name) => request[name]).find((bound) => typeof bound === "number") ?? MAX_TOKENS_DEFAULT,
      ),
      choices: request.n ?? 1,
      ...logprobsOf(request),
      ...thinking,
      ...settingsOf(request, effort),
      pins: pinsOf(request),
    },
    wishes: {
      includeReasoning:
        request.include_reasoning ?? (request.thinking?.type === "enabled" || asksForThinking(request.reasoning)),
      includeUsage: request.stream_options?.include_usage ?? false,
    },
  };
}

const asksForThinking = (reasoning: ChatRequest["reasoning"]): boolean =>
  !!reasoning && reasoning.exclude !== true && reasoning.enabled !== false && reasoning.effort !== "none";

type GivenMessage = ChatRequest["messages"][number];

function messagesOf(given: readonly GivenMessage[]): readonly Message[] {
  const calls = new Set<string>();
  return given.map((message, at) => {
    const where = `messages.${at}`;
    const { role, tool_call_id: callId, reasoning_content: thoughtContent } = message;
    const thought = thoughtContent ?? message.reasoning;
    const toolCalls = listOf(message.tool_calls).map(({ id, function: { name, arguments: text } }, call) => {
      calls.add(id);
      return { id, name, arguments: argumentsOf(text, `${where}.tool_calls.${call}.function.arguments`) };
    });
    if (toolCalls.length > 0 && role !== "assistant")
      throw invalid(`${where}.tool_calls`, ourWords`only an assistant calls tools`);
    const text = textOf(message, where, toolCalls.length > 0);
    if (role === "tool") {
      if (typeof callId !== "string" || !calls.has(callId))
        throw invalid(`${where}.tool_call_id`, chatRequestRules["messages.*.tool_call_id"].expected);
      return { role, text, callId };
    }
    return {
      role: role === "developer" ? "system" : role,
      text,
      ...(toolCalls.length > 0 && { toolCalls }),
      ...(role === "assistant" && typeof thought === "string" && thought !== "" && { thought }),
    };
  });
}

function textOf({ role, content, refusal }: GivenMessage, where: string, mayBeAbsent: boolean): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content) && content.length > 0)
    return content
      .map((part, at) => {
        const text = part.type === "text" ? part.text : part.refusal;
        if (text === undefined)
          throw invalid(`${where}.content.${at}.text`, chatRequestRules["messages.*.content.*.text"].expected);
        return text;
      })
      .join("\n");
  if (content === undefined || content === null) {
    if (mayBeAbsent) return "";
    if (role === "assistant" && typeof refusal === "string") return refusal;
  }
  throw invalid(`${where}.content`, chatRequestRules["messages.*.content"].expected);
}

const toolsOf = (request: ChatRequest): readonly Tool[] =>
  readTools(
    listOf(request.tools).map(({ function: { name, description, parameters, strict } }) => ({
      name,
      description: description ?? undefined,
      parameters: parameters ?? undefined,
      strict: strict ?? false,
    })),
    { name: "function.name", parameters: "function.parameters" },
  );

function toolChoiceOf({ tool_choice: given }: ChatRequest, tools: readonly Tool[]): ToolChoice {
  const choice: ToolChoice =
    typeof given === "string"
      ? given
      : !given
        ? "auto"
        : given.type === "function"
          ? { name: given.function.name }
          : given.type;
  checkToolChoice(choice, tools, "tool_choice");
  return tools.length === 0 ? "none" : choice;
}

function formatOf({ response_format: given }: ChatRequest): Schema | undefined {
  if (!given || given.type === "text") return undefined;
  if (given.type === "json_object")
    return given.schema ? readFormat(given.schema, false, "response_format.schema") : anyObject;
  const { schema, strict } = given.json_schema;
  return schema ? readFormat(schema, strict ?? false, "response_format.json_schema.schema") : anyObject;
}

function logprobsOf({ logprobs, top_logprobs: top }: ChatRequest): Pick<Job, "topLogprobs"> {
  if (typeof top === "number" && top > 0 && logprobs !== true)
    throw invalid("top_logprobs", chatRequestRules.top_logprobs.expected);
  return logprobs === true ? { topLogprobs: top ?? 0 } : {};
}

/** Also of the other requests of OpenAI's that have these fields. */
export function samplingOf(
  request: Pick<
    ChatRequest,
    "seed" | "top_k" | "frequency_penalty" | "presence_penalty" | "logit_bias" | "stop" | "top_p" | "temperature"
  > &
    Parameters<typeof samplerOf>[0],
): Sampling {
  const seed = seedOf(request.seed);
  const rest = {
    topK: topKOf(request.top_k),
    frequencyPenalty: request.frequency_penalty ?? 0,
    presencePenalty: request.presence_penalty ?? 0,
    logitBias: Object.entries(request.logit_bias ?? {}).map(([token, bias]) => [Number(token), bias] as const),
    stop: listOf(request.stop),
    ...samplerOf(request),
    ...(seed === undefined ? {} : { seed }),
  };
  // A nucleus of no mass holds the likeliest token alone, which is what temperature 0 says.
  if (request.top_p === 0) return { temperature: 0, topP: 1, ...rest };
  return { temperature: request.temperature ?? 1, topP: request.top_p ?? 1, ...rest };
}
