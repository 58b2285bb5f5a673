import { closedJson } from "./closed-json.ts";
import { jsonText, parseJson } from "./jinja/json.ts";
import { printed, shown } from "./jinja/printing.ts";
import type { Value } from "./jinja/values.ts";

/**
 * How a model writes calls, in the literal words of its template. `begin`, then for each call `open`, its
 * body and `close`, with `between` between two of them, then `end`. Any of them may be empty.
 */
export interface ToolSyntax {
  readonly begin: string;
  readonly open: string;
  readonly body: CallBody;
  readonly close: string;
  readonly between: string;
  readonly end: string;
}

export type CallBody =
  /** One JSON object: `head`, the name, `infix`, the arguments' object, `tail`. */
  | { readonly kind: "object"; readonly head: string; readonly infix: string; readonly tail: string }
  /** The name, `infix`, the arguments' object. */
  | { readonly kind: "parts"; readonly infix: string }
  /** The name, `infix`, then each argument: `open`, its name, `infix`, its value, `close`. Texts stand as they are. */
  | { readonly kind: "keyed"; readonly infix: string; readonly argument: KeyedArgument }
  /** The name, `infix`, an object whose names stand bare, and whose texts stand as they are between two of `quote`. */
  | { readonly kind: "quoted"; readonly infix: string; readonly quote: string }
  /** The name and its arguments as Python writes a call. */
  | { readonly kind: "python" };

export interface KeyedArgument {
  readonly open: string;
  readonly infix: string;
  readonly close: string;
}

/** In a literal: a call's id, and the place of a call among its neighbours. From Unicode's private use area. */
export const ID_MARK = "\uE0F1";
export const PLACE_MARK = "\uE0F2";

const objectOf = (argumentsKey: string): CallBody => ({
  kind: "object",
  head: '{"name": "',
  infix: `", "${argumentsKey}": `,
  tail: "}",
});

const alone = { begin: "", open: "", close: "", between: "\n", end: "" };
/** The object alone is the call. */
export const bareCalls: ToolSyntax = { ...alone, body: objectOf("arguments") };
export const taggedCalls: ToolSyntax = { ...bareCalls, open: "<tool_call>\n", close: "\n</tool_call>" };
/** As Llama 3 is told: `{"name": function name, "parameters": dictionary of argument name and its value}`. */
const saysParameters = /\{\\?"name\\?":[^{}]*\\?"parameters\\?":/;

const listed = (begin: string, end: string): ToolSyntax => ({ ...bareCalls, begin, between: ", ", end });

/** For a template that tells of tools and shows no call of the history: the words by which it tells of calls. */
export function syntaxToldBy(template: string): ToolSyntax {
  if (template.includes("<tool_call>")) return taggedCalls;
  if (template.includes("<|tool_list_start|>"))
    return { ...listed("<|tool_call_start|>[", "]<|tool_call_end|>"), body: { kind: "python" } };
  if (template.includes("<|tool_call|>")) return listed("<|tool_call|>[", "]");
  if (template.includes("[TOOL_CALLS]")) return listed("[TOOL_CALLS][", "]");
  return saysParameters.test(template) ? { ...bareCalls, body: objectOf("parameters") } : bareCalls;
}

/** All that calls are written with, but for what makes one another than the next. */
export function literalsIn({ begin, open, body, close, between, end }: ToolSyntax): readonly string[] {
  const inner = Object.values(body).flatMap((part) => (typeof part === "object" ? Object.values(part) : [part]));
  return [begin, open, ...inner.map(String), close, between, end];
}

/** What announces calls: where it is said, a call must follow. */
export interface Announced {
  /** Empty where the body alone is the call. */
  readonly tag: string;
  /** What stands between the tag and the first body. */
  readonly rest: string;
  /** The tag is none: a call begins where a reply does, and nowhere else. */
  readonly isBare: boolean;
}

export function announced({ begin, open }: ToolSyntax): Announced {
  const lead = (begin + open).trimStart();
  const [tag = ""] = /^(?:<[^<>]{1,60}>|\[[A-Z_]{2,40}\]|[^\s{[(<]+)/.exec(lead) ?? [];
  return { tag, rest: lead.slice(tag.length), isBare: tag === "" };
}

/** Calls as text, for templates that have no place for them. */
export function callsText(
  { begin, open, body, close, between, end }: ToolSyntax,
  calls: readonly { readonly name: string; readonly arguments: string }[],
): string {
  const texts = calls.map(({ name, arguments: args }, at) => {
    const written = open + bodyText(body, name, args) + close;
    return written.replaceAll(PLACE_MARK, String(at)).replaceAll(ID_MARK, `call${String(at).padStart(5, "0")}`);
  });
  return begin + texts.join(between) + end;
}

function bodyText(body: CallBody, name: string, args: string): string {
  switch (body.kind) {
    case "object":
      return body.head + name + body.infix + args + body.tail;
    case "parts":
      return name + body.infix + args;
    case "keyed": {
      const { open, infix, close } = body.argument;
      const members = membersOf(args).map(([key, value]) => open + key + infix + plainText(value) + close);
      return name + body.infix + members.join("");
    }
    case "quoted":
      return name + body.infix + quotedText(parseJson(closedJson(args)), body.quote);
    case "python":
      return `${name}(${membersOf(args)
        .map(([key, value]) => `${key}=${shown(value)}`)
        .join(", ")})`;
  }
}

export function quotedText(value: Value, quote: string): string {
  if (typeof value === "string") return quote + value + quote;
  if (Array.isArray(value)) return `[${value.map((item: Value) => quotedText(item, quote)).join(",")}]`;
  if (!(value instanceof Map)) return jsonText(value);
  return `{${[...value].map(([key, member]) => `${printed(key)}:${quotedText(member, quote)}`).join(",")}}`;
}

const plainText = (value: Value): string => (typeof value === "string" ? value : jsonText(value));

function membersOf(args: string): readonly (readonly [string, Value])[] {
  const value = parseJson(closedJson(args));
  return value instanceof Map ? [...value].map(([key, member]) => [printed(key), member]) : [];
}
