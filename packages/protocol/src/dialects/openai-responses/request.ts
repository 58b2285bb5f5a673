import { NetworkError } from "../../failures.ts";
import { ourWords } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES_MAX, PINNED_SERIALS_MAX, STOP_STRINGS_MAX, TOOLS_MAX } from "../../limits.ts";
import { anyObject, type Schema } from "../../schema/shape.ts";
import { failureOf } from "../faults.ts";
import { fieldOf, invalid, listOf, pinsOf, refuseLong, refuseManyParts, unsupported } from "../fields.ts";
import type { Job, Message, Tool, ToolChoice } from "../job.ts";
import { samplingOf } from "../openai-chat/request.ts";
import { argumentsOf, checkToolChoice, readFormat, readTools } from "../tools.ts";
import { type ResponsesRequest, responsesRequestRules as rules, responsesRequestSchema } from "./request-schema.ts";

const outputBounds = ["max_output_tokens", "max_completion_tokens", "max_tokens"] as const;

/** @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent */
export function decodeResponsesRequest(body: unknown): { readonly job: Job; readonly request: ResponsesRequest } {
  refuseLong(body, [
    ["input", MESSAGES_MAX, rules.input.expected],
    ["stop", STOP_STRINGS_MAX, rules.stop.expected],
    ["tools", TOOLS_MAX, rules.tools.expected],
    ["include", 16, rules.include.expected],
    ["provider_serial", PINNED_SERIALS_MAX, rules.provider_serial.expected],
    ["provider_serials", PINNED_SERIALS_MAX, rules.provider_serials.expected],
  ]);
  refuseManyParts(fieldOf(body, "input"), "input");
  const parsed = responsesRequestSchema.safeParse(flattened(body));
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, rules));
  const request = parsed.data;
  const tools = toolsOf(request);
  const toolChoice = toolChoiceOf(request, tools);
  const format = formatOf(request);
  if (format && toolChoice !== "none")
    throw unsupported(
      "text.format",
      ourWords`with tools that may be called the form of the answer is theirs; send 'tool_choice' "none"`,
    );
  const job: Job = {
    endpoint: "/v1/responses",
    model: request.model,
    stream: request.stream ?? false,
    generates: true,
    messages: messagesOf(request),
    tools,
    toolChoice,
    parallelToolCalls: request.parallel_tool_calls ?? true,
    ...(format && { format }),
    sampling: samplingOf(request),
    maxTokens:
      outputBounds.map((name) => request[name]).find((bound) => typeof bound === "number") ?? MAX_TOKENS_DEFAULT,
    choices: 1,
    ...(listOf(request.include).includes("message.output_text.logprobs") && {
      topLogprobs: request.top_logprobs ?? 0,
    }),
    ...(typeof request.reasoning?.effort === "string" && { thinks: request.reasoning.effort !== "none" }),
    pins: pinsOf(request),
  };
  return { job, request };
}

/** Tools in chat's form, nested under `function`, are read as what they are. */
function flattened(body: unknown): unknown {
  const tools = fieldOf(body, "tools");
  if (typeof body !== "object" || !Array.isArray(tools)) return body;
  const flat = tools.map((tool: unknown) => {
    const nested = fieldOf(tool, "function");
    return typeof nested === "object" && nested !== null ? { type: "function", ...nested } : tool;
  });
  return { ...body, tools: flat };
}

type Item = Exclude<ResponsesRequest["input"], string>[number];

function messagesOf({ input, instructions }: ResponsesRequest): readonly Message[] {
  const messages: Message[] = [];
  if (typeof instructions === "string" && instructions !== "") messages.push({ role: "system", text: instructions });
  if (typeof input === "string") return [...messages, { role: "user", text: input }];
  const calls = new Set<string>();
  let thought = "";
  for (const [at, item] of input.entries()) {
    const where = `input.${at}`;
    switch (item.type ?? "message") {
      case "message": {
        if (!item.role) throw invalid(`${where}.role`, rules["input.*.role"].expected);
        const text = textOf(item.content, `${where}.content`);
        const role = item.role === "developer" ? "system" : item.role;
        messages.push({ role, text, ...(role === "assistant" && thought !== "" && { thought }) });
        thought = "";
        break;
      }
      case "reasoning":
        thought += [...listOf(item.summary), ...reasoningOf(item)].map((part) => part.text ?? "").join("\n");
        break;
      case "function_call": {
        const call = callOf(item, where);
        calls.add(call.id);
        const last = messages.at(-1);
        if (last?.role === "assistant")
          messages.splice(-1, 1, { ...last, toolCalls: [...(last.toolCalls ?? []), call] });
        else messages.push({ role: "assistant", text: "", toolCalls: [call], ...(thought !== "" && { thought }) });
        thought = "";
        break;
      }
      case "function_call_output": {
        const callId = item.call_id;
        if (typeof callId !== "string" || !calls.has(callId))
          throw invalid(`${where}.call_id`, rules["input.*.call_id"].expected);
        messages.push({ role: "tool", text: textOf(item.output, `${where}.output`), callId });
        break;
      }
    }
  }
  if (messages.length === 0) throw invalid("input", rules.input.expected);
  return messages;
}

const reasoningOf = ({ content }: Item): readonly { text?: string | null | undefined }[] =>
  Array.isArray(content) ? content : [];

function callOf(item: Item, where: string) {
  if (typeof item.call_id !== "string") throw invalid(`${where}.call_id`, rules["input.*.call_id"].expected);
  if (typeof item.name !== "string") throw invalid(`${where}.name`, rules["input.*.name"].expected);
  return { id: item.call_id, name: item.name, arguments: argumentsOf(item.arguments ?? "", `${where}.arguments`) };
}

function textOf(content: Item["content"] | Item["output"], where: string): string {
  if (typeof content === "string") return content;
  const given: readonly { text?: string | null | undefined; refusal?: string | null | undefined }[] = content ?? [];
  const parts = given.map((part) => ("refusal" in part ? (part.text ?? part.refusal) : part.text));
  if (parts.length === 0 || parts.some((part) => typeof part !== "string"))
    throw invalid(where, rules["input.*.content"].expected);
  return parts.join("\n");
}

/** Without `strict` OpenAI keeps to a schema where it can, and so do we. */
const toolsOf = (request: ResponsesRequest): readonly Tool[] =>
  readTools(
    listOf(request.tools).map(({ name, description, parameters, strict }) => ({
      name,
      description: description ?? undefined,
      parameters: parameters ?? undefined,
      strict: strict ?? undefined,
    })),
    "tools",
  );

function toolChoiceOf({ tool_choice: given }: ResponsesRequest, tools: readonly Tool[]): ToolChoice {
  const choice: ToolChoice = typeof given === "object" && given !== null ? { name: given.name } : (given ?? "auto");
  checkToolChoice(choice, tools, "tool_choice");
  return tools.length === 0 ? "none" : choice;
}

function formatOf({ text }: ResponsesRequest): Schema | undefined {
  const format = text?.format;
  if (!format || format.type === "text") return undefined;
  if (!("schema" in format)) return anyObject;
  return readFormat(format.schema, format.strict ?? false, "text.format.schema");
}
