import { NetworkError } from "../../failures.ts";
import { type OurWords, ourWords, type ParamPath, type Serial } from "../../ids.ts";
import { MAX_TOKENS_DEFAULT, MESSAGES_MAX, PINNED_SERIALS_MAX, STOP_STRINGS_MAX } from "../../limits.ts";
import { failureOf } from "../faults.ts";
import type { Job, Message, Sampling } from "../job.ts";
import { type ChatRequest, CONTENT_PARTS_MAX, chatRequestRules, chatRequestSchema } from "./request-schema.ts";

/** Names of the output bound, newest first; the first that is present counts, the others do not. */
const outputBounds = ["max_completion_tokens", "max_tokens", "max_output_tokens"] as const;

const listFields = [
  ["messages", MESSAGES_MAX],
  ["stop", STOP_STRINGS_MAX],
  ["provider_serial", PINNED_SERIALS_MAX],
  ["provider_serials", PINNED_SERIALS_MAX],
] as const;

/**
 * Reads a chat request.
 *
 * @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent
 */
export function decodeChatRequest(body: unknown): Job {
  refuseLongLists(body);
  const parsed = chatRequestSchema.safeParse(body);
  // The schema's own error is dropped rather than kept as a cause: it may quote the body.
  if (!parsed.success) throw new NetworkError(failureOf(parsed.error, body, chatRequestRules));
  const request = parsed.data;
  return {
    endpoint: "/v1/chat/completions",
    model: request.model,
    stream: request.stream ?? false,
    messages: request.messages.map(messageOf),
    sampling: samplingOf(request),
    maxTokens:
      outputBounds.map((name) => request[name]).find((bound) => typeof bound === "number") ?? MAX_TOKENS_DEFAULT,
    includeReasoning: request.include_reasoning ?? false,
    includeUsage: request.stream_options?.include_usage ?? false,
    pins: pinsOf(request),
  };
}

/**
 * The schema collects a fault for every bad item, and a body may hold millions of them: lists are
 * counted before it reads them.
 */
function refuseLongLists(body: unknown): void {
  for (const [field, max] of listFields) {
    const list = fieldOf(body, field);
    if (Array.isArray(list) && list.length > max) throw invalid(field, chatRequestRules[field].expected);
  }
  const messages = fieldOf(body, "messages");
  if (!Array.isArray(messages)) return;
  const contents = messages.map((message) => fieldOf(message, "content"));
  const parts = contents.reduce<number>((sum, content) => sum + (Array.isArray(content) ? content.length : 0), 0);
  if (parts > CONTENT_PARTS_MAX)
    throw invalid("messages", ourWords`expected at most ${CONTENT_PARTS_MAX} text parts, all messages together`);
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}

function invalid(field: keyof ChatRequest, expected: OurWords): NetworkError {
  return new NetworkError({ code: "body_invalid", param: field as ParamPath, expected });
}

function messageOf({ role, content }: ChatRequest["messages"][number]): Message {
  return {
    role: role === "developer" ? "system" : role,
    text: typeof content === "string" ? content : content.map((part) => part.text).join("\n"),
  };
}

function samplingOf(request: ChatRequest): Sampling {
  const seed = request.seed ?? undefined;
  const rest = { stop: listOf(request.stop), ...(seed === undefined ? {} : { seed }) };
  // A nucleus of no mass holds the likeliest token alone, which is what temperature 0 says.
  if (request.top_p === 0) return { temperature: 0, topP: 1, ...rest };
  return { temperature: request.temperature ?? 1, topP: request.top_p ?? 1, ...rest };
}

/** The pins are the caller's words; the schema lets through only what can be a machine's serial. */
function pinsOf(request: ChatRequest): readonly Serial[] {
  const pins = [...new Set([...listOf(request.provider_serial), ...listOf(request.provider_serials)])];
  if (pins.length > PINNED_SERIALS_MAX)
    throw invalid("provider_serials", ourWords`expected at most ${PINNED_SERIALS_MAX} machines, both fields together`);
  return pins as Serial[];
}

function listOf(value: string | string[] | null | undefined): readonly string[] {
  if (value === null || value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
