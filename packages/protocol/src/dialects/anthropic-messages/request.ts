import { messagesImage, refuseImages } from "../images.ts";
import type * as z from "zod";
import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES_MAX, PINNED_SERIALS_MAX, STOP_STRINGS_MAX, TOOLS_MAX } from "../../limits.ts";
import type { Schema } from "../../schema/shape.ts";
import type { Decoded } from "../dialect.ts";
import { endingOf } from "../continuation.ts";
import { failureOf } from "../faults.ts";
import {
  CONTENT_PARTS_MAX,
  fieldOf,
  invalid,
  neutralSampling,
  pinsOf,
  refuseLong,
  seedOf,
  tokenBoundOf,
  topKOf,
} from "../fields.ts";
import type { Job, Sampling, ToolChoice } from "../job.ts";
import { formOf, samplerOf, settingsOf, thinksOf } from "../open-model.ts";
import { TEMPLATE_SETTINGS_MAX } from "../open-model-fields.ts";
import { checkToolChoice, readFormat, readTools } from "../tools.ts";
import { historyOf } from "./history.ts";
import { PlainRenderer, StreamRenderer, type ThinkingDisplay } from "./render.ts";
import {
  budgetWords,
  type CountTokensRequest,
  type MessagesRequest,
  messagesRequestRules,
  messagesRequestSchema,
} from "./request-schema.ts";

/**
 * Reads a request for one message.
 *
 * @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent
 */
export function decodeMessagesRequest(body: unknown): Decoded {
  const request = parseRequest(messagesRequestSchema, body);
  const maxTokens = tokenBoundOf(request.max_tokens ?? MAX_TOKENS_DEFAULT);
  if (request.thinking?.type === "enabled" && request.thinking.budget_tokens >= maxTokens)
    throw invalid("thinking.budget_tokens", budgetWords);
  const last = request.messages.length - 1;
  const prompt = promptOf(request);
  const turn = prompt.messages.at(-1);
  const isBegun = turn?.role === "assistant" && (turn.text !== "" || (turn.toolCalls ?? []).length > 0);
  const job: Job = {
    ...prompt,
    ...endingOf(prompt.messages, isBegun, prompt, `messages.${last}.role`),
    endpoint: "/v1/messages",
    stream: request.stream ?? false,
    generates: true,
    sampling: samplingOf(request),
    maxTokens,
  };
  const display = displayOf(request.thinking);
  return {
    job,
    renderer: (facts) =>
      job.stream ? new StreamRenderer(job, facts, display) : new PlainRenderer(job, facts, display),
  };
}

/** @throws NetworkError `body_invalid` or `unsupported` */
export function parseRequest<T>(schema: z.ZodType<T>, body: unknown): T {
  refuseLong(body, [
    ["messages", MESSAGES_MAX, messagesRequestRules.messages.expected],
    ["tools", TOOLS_MAX, messagesRequestRules.tools.expected],
    ["system", CONTENT_PARTS_MAX, blocksWords],
    ["stop_sequences", STOP_STRINGS_MAX, messagesRequestRules.stop_sequences.expected],
    ["chat_template_kwargs", TEMPLATE_SETTINGS_MAX, messagesRequestRules.chat_template_kwargs.expected],
    ["provider_serial", PINNED_SERIALS_MAX, messagesRequestRules.provider_serial.expected],
    ["provider_serials", PINNED_SERIALS_MAX, messagesRequestRules.provider_serials.expected],
  ]);
  refuseManyBlocks(body);
  refuseImages(fieldOf(body, "messages"), "messages", messagesImage);
  const parsed = schema.safeParse(body);
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, messagesRequestRules));
  return parsed.data;
}

/** What both endpoints read alike. */
export function promptOf(
  request: CountTokensRequest,
): Omit<Job, "endpoint" | "stream" | "generates" | "sampling" | "maxTokens"> {
  const tools = readTools(
    (request.tools ?? []).map(({ name, description, input_schema, input_examples, strict }) => ({
      name,
      description: described(description ?? undefined, input_examples ?? []),
      parameters: input_schema,
      strict: strict ?? undefined,
    })),
    { name: "name", parameters: "input_schema" },
  );
  const { tool_choice: choice, thinking } = request;
  const toolChoice = toolChoiceOf(choice, tools.length > 0);
  checkToolChoice(toolChoice, tools, "tool_choice");
  const form = formOf(request, { format: formatOf(request), param: "output_config.format" }, { toolChoice });
  return {
    model: request.model,
    messages: historyOf(request),
    tools,
    toolChoice,
    parallelToolCalls: !(choice && choice.type !== "none" && choice.disable_parallel_tool_use),
    choices: 1,
    pins: pinsOf(request),
    ...form,
    ...settingsOf(request, request.output_config?.effort),
    ...(thinking ? { thinks: thinking.type !== "disabled" } : thinksOf(request)),
  };
}

/** Templates have a place for a description and none for examples. */
function described(description: string | undefined, examples: readonly unknown[]): string | undefined {
  if (examples.length === 0) return description;
  const lines = examples.map((example) => JSON.stringify(example));
  return [...(description === undefined ? [] : [description]), "Examples of its input:", ...lines].join("\n");
}

function toolChoiceOf(choice: CountTokensRequest["tool_choice"], hasTools: boolean): ToolChoice {
  switch (choice?.type) {
    case undefined:
    case "auto":
      return hasTools ? "auto" : "none";
    case "none":
      return "none";
    case "any":
      return "required";
    case "tool":
      return { name: choice.name };
  }
}

function formatOf({ output_config, output_format }: CountTokensRequest): Schema | undefined {
  if (output_config?.format) return readFormat(output_config.format.schema, true, "output_config.format.schema");
  return output_format ? readFormat(output_format.schema, true, "output_format.schema") : undefined;
}

function samplingOf(request: MessagesRequest): Sampling {
  const seed = seedOf(request.seed);
  const rest = {
    ...neutralSampling,
    ...samplerOf(request),
    topK: topKOf(request.top_k),
    stop: request.stop_sequences ?? [],
    ...(seed !== undefined && { seed }),
  };
  // A nucleus of no mass holds the likeliest token alone, which is what temperature 0 says.
  if (request.top_p === 0) return { ...rest, temperature: 0 };
  return { ...rest, temperature: request.temperature ?? 1, topP: request.top_p ?? 1 };
}

function displayOf(thinking: MessagesRequest["thinking"]): ThinkingDisplay {
  if (!thinking || thinking.type === "disabled") return "hidden";
  return thinking.display === "omitted" ? "omitted" : "shown";
}

const blocksWords = ourWords`expected at most ${CONTENT_PARTS_MAX} content blocks, all messages together`;

/**
 * The schema collects a fault for every bad item, and a body may hold millions of them: blocks are
 * counted before it reads them.
 */
function refuseManyBlocks(body: unknown): void {
  const messages = listIn(body, "messages");
  let blocks = 0;
  for (const message of messages)
    for (const block of listIn(message, "content")) {
      blocks += 1 + listIn(block, "content").length;
      if (blocks > CONTENT_PARTS_MAX) throw invalid("messages", blocksWords);
    }
}

function listIn(value: unknown, field: string): readonly unknown[] {
  const list = fieldOf(value, field);
  return Array.isArray(list) ? list : [];
}
