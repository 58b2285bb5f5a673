import type { Tool } from "@darkbloom/protocol/dialects";
import type { Expression } from "./jinja/ast.ts";
import { TemplateError } from "./jinja/errors.ts";
import { ExpressionReader } from "./jinja/expressions.ts";
import { jsonText, parseJson } from "./jinja/json.ts";
import { tokensOf } from "./jinja/lexer.ts";
import type { Value } from "./jinja/values.ts";

export interface WholeCall {
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
}

/** A call as an object of JSON, whatever the order of its members. */
export function callInJson(json: string): WholeCall | undefined {
  const value = parsed(json);
  if (!isObject(value)) return undefined;
  const inner: unknown = value["function"];
  const call = isObject(inner) ? inner : value;
  const name = call["name"] ?? call["tool_name"];
  if (typeof name !== "string") return undefined;
  const given = call["arguments"] ?? call["parameters"] ?? {};
  if (typeof given === "string") return isObject(parsed(given)) ? { name, arguments: given } : undefined;
  return isObject(given) ? { name, arguments: exactText(json, given) } : undefined;
}

/** How many objects are open where the arguments behind this head end. */
export const nestedIn = (head: string): number => head.split("{").length - head.split("}").length;

/** Whether more text could make this an object that names what it calls first. */
export function mayBeCall(text: string): boolean {
  const [lead = ""] = /^\{\s*/.exec(text) ?? [];
  const rest = text.slice(lead.length);
  return ["name", "tool_name", "type", "function", "id"].some(
    (key) => `"${key}"`.startsWith(rest) || rest.startsWith(`"${key}"`),
  );
}

/** A call as Python writes it: `name(key=value, …)`. */
export function callInPython(text: string): WholeCall | undefined {
  try {
    const reader = new ExpressionReader(tokensOf(`{{ ${text} }}`).slice(1));
    const call = reader.expression();
    if (call.kind !== "call" || reader.token.kind !== "end_output" || call.args.positional.length > 0) return undefined;
    const name = nameIn(call.callee);
    if (name === undefined) return undefined;
    const args = new Map<Value, Value>(call.args.named.map(([key, value]) => [key, constant(value)]));
    return { name, arguments: jsonText(args) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return undefined;
  }
}

function nameIn(expression: Expression): string | undefined {
  if (expression.kind === "name") return expression.name;
  if (expression.kind !== "attribute") return undefined;
  const of = nameIn(expression.of);
  return of === undefined ? undefined : `${of}.${expression.name}`;
}

function constant(expression: Expression): Value {
  const { kind } = expression;
  if (kind === "constant") return expression.value;
  if (kind === "list" || kind === "tuple") return expression.items.map(constant);
  if (kind === "dict") return new Map(expression.members.map(([key, value]) => [constant(key), constant(value)]));
  const value = kind === "minus" ? constant(expression.of) : undefined;
  if (typeof value === "bigint" || typeof value === "number") return -value;
  // JSON's own word, which models write as well.
  if (kind === "name" && expression.name === "null") return null;
  throw new TemplateError("failed", "an argument is no constant");
}

/** A value that stood between tags: a text as it stands, all else as JSON. */
export function keyedValue(text: string, tool: Pick<Tool, "parameters"> | undefined, key: string): string {
  const properties: unknown = tool?.parameters["properties"];
  const property: unknown = isObject(properties) ? properties[key] : undefined;
  const type: unknown = isObject(property) ? property["type"] : undefined;
  const isText = type === "string" || (Array.isArray(type) && type.includes("string"));
  if (isText && !(text === "null" && Array.isArray(type) && type.includes("null"))) return JSON.stringify(text);
  return parsed(text) === undefined ? JSON.stringify(text) : text.trim();
}

/** JavaScript's numbers would round some: the same value is read again with all its digits. */
function exactText(json: string, rounded: object): string {
  const whole = parseJson(json);
  const inner = whole instanceof Map ? whole.get("function") : undefined;
  const call = inner instanceof Map ? inner : whole;
  const given = call instanceof Map ? (call.get("arguments") ?? call.get("parameters")) : undefined;
  return given === undefined ? JSON.stringify(rounded) : jsonText(given, { separators: [",", ":"] });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
