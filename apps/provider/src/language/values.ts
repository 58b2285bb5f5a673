import type { Message, Tool, ToolCall } from "@darkbloom/protocol/dialects";
import { namesAsWritten } from "@darkbloom/protocol/written-order";
import type { Abilities, CallIds } from "./abilities.ts";
import { TemplateError } from "./jinja/errors.ts";
import { parseJson } from "./jinja/json.ts";
import type { Value } from "./jinja/values.ts";
import { closedJson } from "./closed-json.ts";

/** How messages are given to a template. */
export interface Telling {
  readonly content: Abilities["content"];
  readonly arguments: "object" | "text";
  readonly ids: CallIds;
  readonly emptyText: "empty" | "null";
  readonly thoughtAs?: string | undefined;
}

type Change = (text: string) => string;

const map = (members: readonly (readonly [string, Value] | undefined)[]): Value =>
  new Map<Value, Value>(members.filter((member) => member !== undefined));

/**
 * Messages under the names that templates know. Templates ask whether a member is there, so none is empty.
 *
 * @param change is applied to each text that somebody wrote
 * @param told the messages that have the calls, where some are given as text
 */
export function messageValues(
  messages: readonly Message[],
  telling: Telling,
  change: Change,
  told: readonly Message[] = messages,
): Value[] {
  const calls = new Map(told.flatMap(({ toolCalls = [] }) => toolCalls).map((call, at) => [call.id, { call, at }]));
  const idOf = (id: string): string => {
    const known = calls.get(id);
    return known ? idFor(telling.ids, known.call, known.at) : id;
  };
  return messages.map(({ role, text, toolCalls = [], thought, callId }) => {
    const called = callId === undefined ? undefined : calls.get(callId)?.call;
    const isEmpty = toolCalls.length > 0 && text === "" && telling.emptyText === "null";
    return map([
      ["role", role],
      ["content", isEmpty ? null : telling.content === "text" ? change(text) : [partOf(change(text))]],
      thought === undefined || telling.thoughtAs === undefined ? undefined : [telling.thoughtAs, change(thought)],
      toolCalls.length === 0
        ? undefined
        : ["tool_calls", toolCalls.map((call) => callValue(call, idOf(call.id), telling, change))],
      callId === undefined ? undefined : ["tool_call_id", change(idOf(callId))],
      called && ["name", change(called.name)],
    ]);
  });
}

const partOf = (text: string): Value =>
  map([
    ["type", "text"],
    ["text", text],
  ]);

function callValue({ name, arguments: args }: ToolCall, id: string, telling: Telling, change: Change): Value {
  const given = telling.arguments === "text" ? change(args) : changed(argumentsValue(args), change);
  return map([
    ["id", change(id)],
    ["type", "function"],
    [
      "function",
      map([
        ["name", change(name)],
        ["arguments", given],
      ]),
    ],
  ]);
}

/** A call that was cut is told as far as it came. */
function argumentsValue(text: string): Value {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return parseJson(closedJson(text));
  }
}

/** Rewritten where a template demands a form; the caller's own never reach the model. The same each turn, so that a prompt's beginning stays. */
function idFor(ids: CallIds, { id, name }: ToolCall, at: number): string {
  if (ids === "any") return id;
  return ids === "nine" ? `call${String(at).padStart(5, "0")}`.slice(-9) : `functions.${name}:${at}`;
}

/** A tool as chat templates expect it, which is OpenAI's form. */
export const toolValue = ({ name, description, parameters }: Tool, change: Change): Value =>
  map([
    ["type", "function"],
    [
      "function",
      map([
        ["name", change(name)],
        description === undefined ? undefined : ["description", change(description)],
        ["parameters", changed(valueOf(parameters), change)],
      ]),
    ],
  ]);

/** A value of JSON, from JavaScript's. */
export function valueOf(value: unknown): Value {
  if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "bigint")
    return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(valueOf);
  if (value instanceof Map) return new Map([...value].map(([name, member]) => [valueOf(name), valueOf(member)]));
  if (typeof value !== "object") return undefined;
  return new Map<Value, Value>(namesAsWritten(value).map((name) => [name, valueOf(Reflect.get(value, name))]));
}

/** The same value with each of its strings changed, the names of its members too. */
export function changed(value: Value, change: Change): Value {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => changed(item, change));
  if (!(value instanceof Map)) return value;
  return new Map([...value].map(([name, member]) => [changed(name, change), changed(member, change)]));
}
