import {
  literalTree,
  type LiteralTree,
  type Member,
  type Schema,
  type Shape,
  type TextState,
  type Tool,
} from "@darkbloom/protocol";
import { anyInteger, integerOf, numberOf } from "./gbnf-numbers.ts";
import { charOf } from "./gbnf-text.ts";
import type { ToolSyntax } from "./tool-syntax.ts";

/**
 * GBNF, the grammars that llama.cpp holds a model to while it writes:
 * https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
 *
 * JSON is written on one line with at most one space after a colon and a comma: with free white space a small
 * model may write nothing else until its bound. A string may still go on until then where its schema bounds it
 * by nothing: a bound of ours would cut what the schema allows, and a text in the middle of a word.
 */

/** What every grammar may use. A string has no control characters and no `\u` escapes, so no half of a pair. */
const common = {
  ws: `" "?`,
  char: String.raw`[^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]`,
  string: `"\\"" char* "\\""`,
  digits: `[0-9]{1,16}`,
  number: `"-"? ("0" | [1-9] [0-9]{0,15}) ("." digits)? ([eE] [-+]? [0-9]{1,2})?`,
  integer: anyInteger,
  boolean: `"true" | "false"`,
  null: `"null"`,
  member: `string ":" ws value`,
  object: `"{" (member ("," ws member)*)? "}"`,
  array: `"[" (value ("," ws value)*)? "]"`,
  value: `object | array | string | number | boolean | null`,
} as const;

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
  readonly #ruleOfBody = new Map<string, string>();
  readonly #ruleOfText = new Map<readonly TextState[], string>();

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
        return shape.kind;
      case "number":
        return numberOf(shape.bounds);
      case "integer":
        return integerOf(shape.min, shape.max);
      case "string":
        return this.#once(stringOf(shape));
      case "text":
        return `"\\"" ${this.#text(shape.states)}`;
      case "literal":
        return this.#tree(literalTree(shape.texts));
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

  /** A rule of its own for what a schema may ask for in many places, and costs much each time. */
  #once(body: string): string {
    if (!body.includes(" ")) return body;
    const name = this.#ruleOfBody.get(body) ?? this.rule(body);
    this.#ruleOfBody.set(body, name);
    return name;
  }

  /** A rule for each state. Each ends with the string, so that none is empty. */
  #text(states: readonly TextState[]): string {
    const known = this.#ruleOfText.get(states);
    if (known !== undefined) return known;
    const base = this.#rules.length;
    for (const { ends, steps } of states) {
      const ways = steps.map(({ on, to }) => `${charOf(on)} r${base + to}`);
      this.rule([...ways, ...(ends ? [`"\\""`] : [])].join(" | "));
    }
    this.#ruleOfText.set(states, `r${base}`);
    return `r${base}`;
  }

  /** A rule for each place where constants part. */
  #tree({ text, ends, ways }: LiteralTree): string {
    if (ways.length === 0) return literal(text);
    const after = this.rule([...ways.map((way) => this.#tree(way)), ...(ends ? [`""`] : [])].join(" | "));
    return text === "" ? after : `${literal(text)} ${after}`;
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

function stringOf({ minChars, maxChars }: Extract<Shape, { kind: "string" }>): string {
  if (minChars === 0 && maxChars === undefined) return "string";
  if (maxChars === 0) return `"\\"\\""`;
  return `"\\"" char{${minChars},${maxChars ?? ""}} "\\""`;
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
