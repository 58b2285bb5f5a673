import type { Member, Schema, Shape, StringFormat, Tool } from "@darkbloom/protocol";
import type { ToolSyntax } from "../inference/engine.ts";

/**
 * GBNF, the grammars that llama.cpp holds a model to while it writes:
 * https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
 *
 * JSON is written on one line with one space after a colon and a comma: with free white space a small
 * model may write nothing else until its bound.
 */

/** What every grammar may use. A string has no control characters and no `\u` escapes, so no half of a pair. */
const common = {
  ws: `" "?`,
  char: String.raw`[^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]`,
  string: `"\\"" char* "\\""`,
  digits: `[0-9]{1,16}`,
  number: `"-"? ("0" | [1-9] [0-9]{0,15}) ("." digits)? ([eE] [-+]? [0-9]{1,2})?`,
  integer: `"-"? ("0" | [1-9] [0-9]{0,14})`,
  boolean: `"true" | "false"`,
  null: `"null"`,
  member: `string ":" ws value`,
  object: `"{" (member ("," ws member)*)? "}"`,
  array: `"[" (value ("," ws value)*)? "]"`,
  value: `object | array | string | number | boolean | null`,
} as const;

const month = `("0" [1-9] | "1" [0-2])`;
const date = `[0-9]{4} "-" ${month} "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])`;
const time = `([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])`;
const byte = `("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])`;
const label = `[a-zA-Z0-9] ([-a-zA-Z0-9]{0,30} [a-zA-Z0-9])?`;
/** Each narrower than its standard allows, never wider: a day is at most the 28th. */
const formats: Readonly<Record<StringFormat, string>> = {
  date,
  time,
  "date-time": `${date} "T" ${time}`,
  uuid: `[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}`,
  email: `[a-zA-Z0-9_]{1,32} ("." [a-zA-Z0-9_]{1,32}){0,4} "@" (${label} "."){1,4} [a-zA-Z]{2,10}`,
  ipv4: `${byte} ("." ${byte}){3}`,
};

/** The grammar of one JSON text. */
export function grammarOf(schema: Schema): string {
  const grammar = new Grammar();
  return grammar.text(grammar.schema(schema));
}

/** The grammar of a reply that is one call, or, with `many`, one or more. */
export function grammarOfCalls(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): string {
  const grammar = new Grammar();
  const call = grammar.rule(`${literal(syntax.open)} ${grammar.call(tools, syntax)} ${literal(syntax.close)}`);
  return grammar.text(many ? `${call} ("\\n" ${call})*` : call);
}

/**
 * The grammar of what follows once a reply has written `syntax.open`; where that is empty, of the whole
 * reply. After the last call nothing may follow.
 */
export function grammarOfCallBody(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): string {
  const grammar = new Grammar();
  const body = grammar.rule(`${grammar.call(tools, syntax)} ${literal(syntax.close)}`);
  return grammar.text(many ? `${body} ("\\n" ${literal(syntax.open)} ${body})*` : body);
}

class Grammar {
  readonly #rules: string[] = [];

  /** @returns the name of the rule, which is ours and holds none of the caller's words */
  rule(body: string): string {
    const name = `r${this.#rules.length}`;
    this.#rules.push(`${name} ::= ${body}`);
    return name;
  }

  text(root: string): string {
    const shared = Object.entries(common).map(([name, body]) => `${name} ::= ${body}`);
    return [`root ::= ${root}`, ...this.#rules, ...shared].join("\n");
  }

  call(tools: readonly Tool[], { argumentsKey }: ToolSyntax): string {
    const calls = tools.map(({ name, schema }) => {
      const head = literal(`{"name": ${JSON.stringify(name)}, "${argumentsKey}": `);
      return `${head} ${this.schema(objectOf(schema))} "}"`;
    });
    return this.rule(calls.join(" | "));
  }

  schema({ root, defs }: Schema): string {
    const nameOf = new Map<string, string>();
    for (const name of defs.keys()) {
      nameOf.set(name, `r${this.#rules.length}`);
      this.#rules.push("");
    }
    for (const [name, shape] of defs) {
      const rule = nameOf.get(name) ?? "";
      this.#rules[Number(rule.slice(1))] = `${rule} ::= ${this.#shape(shape, nameOf)}`;
    }
    return this.rule(this.#shape(root, nameOf));
  }

  #shape(shape: Shape, nameOf: ReadonlyMap<string, string>): string {
    switch (shape.kind) {
      case "any":
        return "value";
      case "boolean":
      case "null":
      case "number":
        return shape.kind;
      case "integer":
        return integerOf(shape.min, shape.max);
      case "string":
        return stringOf(shape);
      case "literal":
        return `(${shape.texts.map(literal).join(" | ")})`;
      case "array":
        return this.#array(shape, nameOf);
      case "object":
        return this.#object(shape.members, shape.rest, nameOf);
      case "choice":
        return `(${shape.of.map((one) => this.#shape(one, nameOf)).join(" | ")})`;
      case "ref": {
        const name = nameOf.get(shape.name);
        if (name === undefined) throw new RangeError("a shape refers to no definition");
        return name;
      }
    }
  }

  #array({ items, min, max }: Extract<Shape, { kind: "array" }>, nameOf: ReadonlyMap<string, string>): string {
    if (max === 0) return `"[]"`;
    const item = this.rule(this.#shape(items, nameOf));
    const more = `("," ws ${item}){${Math.max(0, min - 1)},${max === undefined ? "" : max - 1}}`;
    return min === 0 ? `"[" (${item} ${more})? "]"` : `"[" ${item} ${more} "]"`;
  }

  /** Built from the last member on: what follows where something stands before it, and where nothing does. */
  #object(members: readonly Member[], rest: Shape | undefined, nameOf: ReadonlyMap<string, string>): string {
    if (rest) {
      const pair = this.rule(`string ":" ws ${this.#shape(rest, nameOf)}`);
      return `"{" (${pair} ("," ws ${pair})*)? "}"`;
    }
    let after = `"}"`;
    let first = `"}"`;
    for (const { name, shape, required } of members.toReversed()) {
      const pair = `${literal(`${JSON.stringify(name)}:`)} ws ${this.#shape(shape, nameOf)}`;
      const member = this.rule(`${pair} ${after}`);
      first = required ? member : this.rule(`${member} | ${first}`);
      after = required ? `"," ws ${member}` : this.rule(`"," ws ${member} | ${after}`);
    }
    return `"{" ${first}`;
  }
}

/** Arguments are an object, whatever a schema says. */
const objectOf = (schema: Schema): Schema =>
  schema.root.kind === "any" ? { ...schema, root: { kind: "object", members: [], rest: { kind: "any" } } } : schema;

function stringOf({ minChars, maxChars, format }: Extract<Shape, { kind: "string" }>): string {
  if (format) return `"\\"" ${formats[format]} "\\""`;
  if (minChars === 0 && maxChars === undefined) return "string";
  if (maxChars === 0) return `"\\"\\""`;
  return `"\\"" char{${minChars},${maxChars ?? ""}} "\\""`;
}

const DIGITS_MAX = 15;
const most = 10 ** DIGITS_MAX - 1;

function integerOf(min: number | undefined, max: number | undefined): string {
  if (min === undefined && max === undefined) return "integer";
  const [low, high] = [min ?? -most, max ?? most];
  const ranges: string[] = [];
  if (low < 0) ranges.push(`"-" ${fromTo(Math.max(1, -high), -low)}`);
  if (high >= 0) ranges.push(fromTo(Math.max(0, low), high));
  return `(${ranges.join(" | ")})`;
}

/** Decimal numbers from `low` to `high`, both at least 0, by their number of digits. */
function fromTo(low: number, high: number): string {
  const [first, last] = [String(low), String(high)];
  const ranges: string[] = [];
  for (let length = first.length; length <= last.length; length++) {
    const from = length === first.length ? first : `1${"0".repeat(length - 1)}`;
    const to = length === last.length ? last : "9".repeat(length);
    ranges.push(digitsBetween(from, to));
  }
  return `(${ranges.join(" | ")})`;
}

/** Strings of digits of one length, from `low` to `high`. */
function digitsBetween(low: string, high: string): string {
  if (low === "") return `""`;
  const [a, b] = [low.charAt(0), high.charAt(0)] as const;
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const zeros = "0".repeat(lowRest.length);
  const nines = "9".repeat(lowRest.length);
  if (lowRest === zeros && highRest === nines) return `[${a}-${b}]${zeros === "" ? "" : ` [0-9]{${zeros.length}}`}`;
  if (a === b) return `"${a}" ${digitsBetween(lowRest, highRest)}`;
  const ranges = [`"${a}" ${digitsBetween(lowRest, nines)}`];
  if (Number(b) - Number(a) > 1)
    ranges.push(`[${Number(a) + 1}-${Number(b) - 1}]${zeros === "" ? "" : ` [0-9]{${zeros.length}}`}`);
  ranges.push(`"${b}" ${digitsBetween(zeros, highRest)}`);
  return `(${ranges.join(" | ")})`;
}

/** A literal of GBNF. What is not plain ASCII is written as a code point, so that no quoting can be left. */
function literal(text: string): string {
  if (text === "") return `""`;
  const quoted = Array.from(text, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0x20 && code < 0x7f && char !== '"' && char !== "\\") return char;
    if (char === '"' || char === "\\") return `\\${char}`;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `"${quoted.join("")}"`;
}
