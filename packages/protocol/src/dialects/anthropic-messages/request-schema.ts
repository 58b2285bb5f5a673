import * as z from "zod";
import { ourWords } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES_MAX, STOP_STRINGS_MAX, TOOLS_MAX } from "../../limits.ts";
import type { FieldRule, FieldRules } from "../faults.ts";
import {
  modelField,
  modelWords,
  serialsField,
  serialWords,
  stopStringField,
  stopWords,
  temperatureField,
  tokenCountWords,
  tokensField,
  topKField,
  topKWords,
  trueOrFalseWords,
} from "../fields.ts";
import {
  guidedRules,
  guidedShape,
  samplerRules,
  samplerShape,
  templateRules,
  templateShape,
  unservedRules,
  unservedShape,
} from "../open-model-fields.ts";
import { openaiRules, openaiShape } from "./openai-fields.ts";
import { toolName, toolNameWords } from "../tools.ts";

/** As Anthropic has it. */
const THINKING_BUDGET_MIN = 1024;
/** Examples of one tool's input. */
export const INPUT_EXAMPLES_MAX = 20;
export const CONTEXT_EDITS_MAX = 8;

/**
 * The body of `POST /v1/messages`: what is taken, as it is validated and as it is published.
 *
 * `null` means absent. A field of Anthropic's that would change the answer and is not served is refused
 * by name. Fields that are not in here are accepted and not used: they leave the answer as it is
 * (`metadata`, `cache_control`, `service_tier`, `speed`, `diagnostics`, a call's `caller`, a result's
 * `is_error`). docs/clients.md lists them.
 */
const flag = z.boolean().nullish();
const refusedUnlessNull = z.null().optional();

const textBlock = z.object({ type: z.literal("text"), text: z.string() });
const texts = z.union([z.string(), z.array(textBlock)]);
/** Names a tool that a search of the caller's has found. Every tool is told to the model, so its name is all there is to tell. */
const toolReference = z.object({ type: z.literal("tool_reference"), tool_name: z.string().min(1) });
const resultBlock = z.discriminatedUnion("type", [textBlock, toolReference]);
export type ResultBlock = z.infer<typeof resultBlock>;

const toolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(resultBlock)]).nullish(),
});
const toolUse = z.object({
  type: z.literal("tool_use"),
  id: z.string().min(1),
  name: z.string().min(1),
  input: z.unknown().refine(isObject).meta({ type: "object" }),
});
const thinkingBlock = z.object({ type: z.literal("thinking"), thinking: z.string() });
const redactedThinking = z
  .object({ type: z.literal("redacted_thinking") })
  .meta({ description: "Accepted and left out: no model here can read it" });

const userBlock = z.discriminatedUnion("type", [textBlock, toolResult]);
const assistantBlock = z.discriminatedUnion("type", [textBlock, toolUse, thinkingBlock, redactedThinking]);
export type UserBlock = z.infer<typeof userBlock>;
export type AssistantBlock = z.infer<typeof assistantBlock>;

const message = z.discriminatedUnion("role", [
  z.object({
    role: z.literal("user"),
    content: z
      .union([z.string(), z.array(userBlock).min(1)])
      .meta({ description: "Text, or a list of blocks, tool results first; text blocks are joined by line breaks" }),
  }),
  z.object({ role: z.literal("assistant"), content: z.union([z.string(), z.array(assistantBlock)]) }),
  z.object({ role: z.literal("system"), content: texts }),
]);

const tool = z.object({
  type: z.literal("custom").nullish(),
  name: z.string().regex(toolName),
  description: z.string().nullish(),
  input_schema: z.unknown().refine(isObject).meta({ type: "object", description: "JSON Schema of the tool's input" }),
  strict: flag.meta({ description: "Hold the input to exactly this schema, or refuse the request" }),
  defer_loading: flag.meta({ description: "Accepted: every tool is told to the model at once" }),
  allowed_callers: z
    .array(z.string())
    .refine((callers) => callers.includes("direct"))
    .nullish(),
  input_examples: z
    .array(z.unknown().refine(isObject).meta({ type: "object" }))
    .max(INPUT_EXAMPLES_MAX)
    .nullish()
    .meta({ description: "Told to the model with the tool's description" }),
});

const disable_parallel_tool_use = flag.meta({ description: "At most one call" });
const toolChoice = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auto"), disable_parallel_tool_use }),
  z.object({ type: z.literal("any"), disable_parallel_tool_use }),
  z.object({ type: z.literal("tool"), name: z.string(), disable_parallel_tool_use }),
  z.object({ type: z.literal("none") }),
]);

const display = z
  .enum(["summarized", "omitted"])
  .nullish()
  .meta({ description: "omitted leaves thinking blocks empty; otherwise they hold all of the thinking" });
const thinking = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("enabled"),
    budget_tokens: z
      .int()
      .min(THINKING_BUDGET_MIN)
      .meta({ description: "Less than max_tokens, which bounds thinking and answer together" }),
    display,
  }),
  z.object({ type: z.literal("adaptive"), display }),
  z.object({ type: z.literal("disabled") }),
]);

const format = z.object({
  type: z.literal("json_schema"),
  schema: z
    .unknown()
    .refine(isObject)
    .meta({ type: "object", description: "The answer is JSON of exactly this shape" }),
});

/** Which of the earlier thinking stays in the prompt: all of it, or that of the last so many turns that thought. */
const keptThinking = z.union([
  z.literal("all"),
  z.object({ type: z.literal("all") }),
  z.object({ type: z.literal("thinking_turns"), value: z.int().positive() }),
]);
const contextEdit = z.object({
  type: z.literal("clear_thinking_20251015"),
  keep: keptThinking.nullish().meta({ description: "Default: the last turn that thought" }),
});

/** What tells the prompt, which can be counted without being answered. */
const promptShape = {
  model: modelField,
  system: texts.nullish().meta({ description: "Text, or a list of text blocks, which are joined by line breaks" }),
  messages: z.array(message).min(1).max(MESSAGES_MAX),
  tools: z.array(tool).max(TOOLS_MAX).nullish(),
  tool_choice: toolChoice.nullish().meta({ description: "Default auto" }),
  thinking: thinking.nullish().meta({ description: "enabled and adaptive: think, and hand it out; default neither" }),
  output_config: z
    .object({
      format: format.nullish(),
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
      task_budget: refusedUnlessNull,
    })
    .nullish()
    .meta({ description: "effort is told to a model whose chat template reads it, as low, medium or high" }),
  output_format: format.nullish().meta({ description: "Used where output_config.format is absent" }),
  provider_serial: serialsField.meta({ description: "Only this machine, or these, may answer" }),
  provider_serials: serialsField.meta({ description: "The same; both together mean any of all" }),
  container: refusedUnlessNull,
  mcp_servers: z.array(z.unknown()).max(0).nullish(),
  context_management: z
    .object({ edits: z.array(contextEdit).max(CONTEXT_EDITS_MAX).nullish() })
    .nullish()
    .meta({ description: "Earlier thinking is left out of the prompt as its one edit says" }),
  compaction: refusedUnlessNull,
  fallbacks: refusedUnlessNull,
  thread: refusedUnlessNull,
  inference_geo: refusedUnlessNull,
  ...guidedShape,
  ...templateShape,
};

const answerShape = {
  stream: flag.meta({ description: "Server-sent events instead of one body; default false" }),
  max_tokens: tokensField.meta({ description: `May be left out here: ${MAX_TOKENS_DEFAULT}` }),
  stop_sequences: z
    .array(stopStringField)
    .max(STOP_STRINGS_MAX)
    .nullish()
    .meta({ description: "Strings that end the visible answer; they never end the thinking" }),
  temperature: temperatureField(2),
  top_p: z.number().min(0).max(1).nullish().meta({ description: "Default 1; 0 leaves only the likeliest token" }),
  top_k: topKField,
  ...openaiShape,
  ...samplerShape,
  ...unservedShape,
};

export const messagesRequestSchema = z
  .object({ ...promptShape, ...answerShape })
  .meta({ description: "A request for one message" });
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

export const countTokensRequestSchema = z.object(promptShape).meta({
  description: "A prompt whose tokens are counted; the fields of a message request that shape the answer are ignored",
});
export type CountTokensRequest = z.infer<typeof countTokensRequestSchema>;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const textAlone = ourWords`the models served here read text alone, no images, documents or search results, and run no tools of their own`;
const serverState = ourWords`nothing is kept or run between requests here; leave the field out`;
const jsonSchemaObject = ourWords`expected a JSON Schema, an object`;
const callerRuns = ourWords`tools are run by the caller alone; send it with 'name' and 'input_schema', without a type or as 'custom'`;
const string = ourWords`expected a string`;
const name = ourWords`expected a tool's name`;

const textsAlone = {
  expected: ourWords`expected 'text'`,
  refused: textAlone,
  refusedWords: ["image", "document", "search_result", "browser_state"],
} as const;

const textRules = { expected: ourWords`expected a string or a list of text blocks` };
const textBlockRule = { expected: ourWords`expected a text block, an object with 'type' and 'text'` };

export const resultsFirstWords = ourWords`the 'tool_result' blocks of a message come before its text`;
export const noSuchCallWords = ourWords`expected the id of an earlier 'tool_use' that has no result yet`;
export const budgetWords = ourWords`expected a whole number of tokens, at least ${THINKING_BUDGET_MIN} and less than 'max_tokens' (default ${MAX_TOKENS_DEFAULT})`;

/** What is said of each field; one for every field of the schema. */
export const messagesRequestRules = {
  "": { expected: ourWords`expected one JSON object` },
  model: { expected: modelWords },
  system: textRules,
  "system.*": textBlockRule,
  "system.*.type": textsAlone,
  "system.*.text": { expected: string },
  messages: { expected: ourWords`it is required, a list of 1 to ${MESSAGES_MAX} messages` },
  "messages.*": { expected: ourWords`expected an object with 'role' and 'content'` },
  "messages.*.role": {
    expected: ourWords`expected 'user', 'assistant' or 'system'; a tool's result is a 'tool_result' block of a user's message`,
  },
  "messages.*.content": { expected: ourWords`expected a string or a list of blocks; a user's is not empty` },
  "messages.*.content.*": { expected: ourWords`expected a block, an object with 'type'` },
  "messages.*.content.*.type": {
    expected: ourWords`expected 'text'; of a user also 'tool_result'; of an assistant also 'tool_use', 'thinking' or 'redacted_thinking'`,
    refused: textAlone,
    refusedWords: [
      "image",
      "document",
      "search_result",
      "server_tool_use",
      "web_search_tool_result",
      "web_fetch_tool_result",
      "code_execution_tool_result",
      "bash_code_execution_tool_result",
      "text_editor_code_execution_tool_result",
      "tool_search_tool_result",
      "advisor_tool_result",
      "container_upload",
      "mcp_tool_use",
      "mcp_tool_result",
      "mcp_tool_listing",
      "compaction",
      "tool_addition",
      "tool_removal",
      "fallback",
    ],
  },
  "messages.*.content.*.text": { expected: string },
  "messages.*.content.*.thinking": { expected: string },
  "messages.*.content.*.tool_use_id": { expected: noSuchCallWords },
  "messages.*.content.*.id": { expected: ourWords`expected the call's id, which its 'tool_result' repeats` },
  "messages.*.content.*.name": { expected: name },
  "messages.*.content.*.input": { expected: ourWords`expected an object` },
  "messages.*.content.*.content": textRules,
  "messages.*.content.*.content.*": textBlockRule,
  "messages.*.content.*.content.*.type": { ...textsAlone, expected: ourWords`expected 'text' or 'tool_reference'` },
  "messages.*.content.*.content.*.tool_name": { expected: name },
  "messages.*.content.*.content.*.text": { expected: string },
  tools: { expected: ourWords`expected a list of at most ${TOOLS_MAX} tools` },
  "tools.*": { expected: ourWords`expected an object with 'name' and 'input_schema'` },
  "tools.*.type": { refused: callerRuns },
  "tools.*.name": { expected: toolNameWords },
  "tools.*.description": { expected: string },
  "tools.*.input_schema": { expected: jsonSchemaObject },
  "tools.*.strict": { expected: trueOrFalseWords },
  "tools.*.defer_loading": { expected: trueOrFalseWords },
  "tools.*.allowed_callers": {
    refused: ourWords`tools are called by the model alone; send a list with 'direct', or leave the field out`,
  },
  "tools.*.input_examples": { expected: ourWords`expected a list of at most ${INPUT_EXAMPLES_MAX} objects` },
  tool_choice: { expected: ourWords`expected an object with a 'type'` },
  "tool_choice.type": { expected: ourWords`expected 'auto', 'any', 'tool' or 'none'` },
  "tool_choice.name": { expected: name },
  "tool_choice.disable_parallel_tool_use": { expected: trueOrFalseWords },
  thinking: { expected: ourWords`expected an object with a 'type'` },
  "thinking.type": {
    expected: ourWords`expected 'enabled', 'adaptive' or 'disabled'`,
    refused: ourWords`where a model thinks is its own; send 'enabled', 'adaptive' or 'disabled'`,
    refusedWords: ["between_tools"],
  },
  "thinking.budget_tokens": { expected: budgetWords },
  "thinking.display": { expected: ourWords`expected 'summarized' or 'omitted'` },
  output_config: { expected: ourWords`expected an object, such as one with 'format'` },
  "output_config.format": { expected: ourWords`expected an object with 'type' and 'schema'` },
  "output_config.format.type": { expected: ourWords`expected 'json_schema'` },
  "output_config.format.schema": { expected: jsonSchemaObject },
  "output_config.effort": { expected: ourWords`expected 'low', 'medium', 'high', 'xhigh' or 'max'` },
  "output_config.task_budget": { refused: ourWords`no model here is told of a budget; leave the field out` },
  output_format: { expected: ourWords`expected an object with 'type' and 'schema'` },
  "output_format.type": { expected: ourWords`expected 'json_schema'` },
  "output_format.schema": { expected: jsonSchemaObject },
  provider_serial: { expected: serialWords },
  "provider_serial.*": { expected: serialWords },
  provider_serials: { expected: serialWords },
  "provider_serials.*": { expected: serialWords },
  container: { refused: serverState },
  mcp_servers: { refused: ourWords`tools are run by the caller alone; leave the field out` },
  context_management: { expected: ourWords`expected an object with 'edits', a list of at most ${CONTEXT_EDITS_MAX}` },
  "context_management.edits.*": { expected: ourWords`expected an object with 'type'` },
  "context_management.edits.*.type": {
    expected: ourWords`expected 'clear_thinking_20251015'`,
    refused: ourWords`only 'clear_thinking_20251015' is served; shorten the conversation on your side`,
    refusedWords: ["clear_tool_uses_20250919", "compact_20260112"],
  },
  "context_management.edits.*.keep": {
    expected: ourWords`expected "all", or an object with 'type' "thinking_turns" and 'value', at least 1`,
  },
  compaction: { refused: serverState },
  fallbacks: { refused: ourWords`only the model that was asked for answers; leave the field out` },
  thread: { refused: serverState },
  inference_geo: { refused: ourWords`regions are not promised here; choose machines with 'provider_serials'` },
  stream: { expected: trueOrFalseWords },
  max_tokens: { expected: tokenCountWords },
  stop_sequences: { expected: stopWords },
  "stop_sequences.*": { expected: stopWords },
  temperature: { expected: ourWords`expected a number from 0 to 2` },
  top_p: { expected: ourWords`expected a number from 0 to 1` },
  top_k: { expected: topKWords },
  ...openaiRules,
  ...samplerRules,
  ...guidedRules,
  ...templateRules,
  ...unservedRules,
} as const satisfies FieldRules & Record<keyof typeof promptShape | keyof typeof answerShape, FieldRule>;
