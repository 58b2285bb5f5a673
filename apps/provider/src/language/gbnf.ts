import type { Tool } from "@darkbloom/protocol/dialects";
import { pushAll } from "@darkbloom/protocol/lists";
import {
  literalTree,
  type LiteralTree,
  type Member,
  type Schema,
  type Shape,
  type TextState,
  type TextStep,
} from "@darkbloom/protocol/schema";
import { anyInteger, integerOf, numberOf } from "./gbnf-numbers.ts";
import { charOf, classOf, literal, spelled, untilWritten } from "./gbnf-text.ts";
import { parseJson } from "./jinja/json.ts";
import { type KeyedArgument, quotedText, type ToolSyntax } from "./tool-syntax.ts";

/**
 * GBNF, the grammars that llama.cpp holds a model to while it writes:
 * https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
 *
 * JSON is written on one line with at most one space after a colon and a comma: with free white space a small
 * model may write nothing else until its bound. A string may still go on until then where its schema bounds it
 * by nothing: a bound of ours would cut what the schema allows, and a text in the middle of a word.
 */

/** Of an argument that a schema does not name. */
const KEY_CHARS_MAX = 64;

/** The name of a member that no schema names, where names stand bare. */
const bareName = `[^{}:,\\x00-\\x20"<>]{1,${KEY_CHARS_MAX}}`;

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

/** The grammar of one text: the string that a schema describes, without JSON's quotes. */
export function grammarOfText({ root }: Schema): string {
  const grammar = new Grammar();
  return grammar.text(grammar.bareText(root));
}

/** The grammar of a reply that is one call, or, with `many`, one or more. */
export function grammarOfCalls(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): string {
  const grammar = new Grammar();
  return grammar.text(grammar.calls(tools, syntax, many));
}

/** The grammar of a reply that is calls or JSON of this schema. */
export function grammarOfCallsOrJson(
  tools: readonly Tool[],
  syntax: ToolSyntax,
  many: boolean,
  schema: Schema,
): string {
  const grammar = new Grammar();
  return grammar.text(`${grammar.calls(tools, syntax, many)} | ${grammar.schema(schema)}`);
}

/**
 * The grammar of what follows once a reply has written what announces a call. After the last call nothing
 * may follow.
 */
export function grammarOfCallBody(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): string {
  const grammar = new Grammar();
  const body = grammar.rule(`${grammar.call(tools, syntax)} ${spelled(syntax.close)}`);
  return grammar.text(`${body} ${grammar.more(tools, syntax, many)}`);
}

/**
 * The grammars of what follows each call's head, where the head itself was written as it came. Each rule
 * has the place of its tool; `root` is none of them.
 */
export function grammarOfCallTails(
  tools: readonly Tool[],
  syntax: ToolSyntax,
  many: boolean,
): { readonly grammar: string; readonly tails: readonly string[] } {
  const grammar = new Grammar();
  const more = grammar.rule(`"" ${grammar.more(tools, syntax, many)}`);
  const tails = tools.map((tool) => grammar.rule(`${grammar.callTail(tool, syntax)} ${more}`));
  return { grammar: grammar.text(`""`), tails };
}

class Grammar {
  readonly #rules: string[] = [];
  readonly #ruleOfBody = new Map<string, string>();
  #ruleOfText = new Map<readonly TextState[], string>();
  /** What texts stand between, in place of JSON's quotation marks; names stand bare then. */
  #quote: string | undefined;

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

  calls(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): string {
    const { begin, open, close } = syntax;
    const call = this.rule(`${spelled(open)} ${this.call(tools, syntax)} ${spelled(close)}`);
    return `${spelled(begin)} ${call} ${this.more(tools, syntax, many)}`;
  }

  /** Further calls, where there may be any, and the end. */
  more(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): string {
    const { between, open, close, end } = syntax;
    if (!many) return spelled(end);
    return `(${spelled(between + open)} ${this.call(tools, syntax)} ${spelled(close)})* ${spelled(end)}`;
  }

  /** From the arguments on. */
  callTail({ schema }: Tool, { body, close }: ToolSyntax): string {
    if (body.kind === "quoted") return `${this.#quoted(objectOf(schema), body.quote)} ${spelled(close)}`;
    const tail = body.kind === "object" ? body.tail : "";
    return `${this.schema(objectOf(schema))} ${spelled(tail + close)}`;
  }

  call(tools: readonly Tool[], { body }: ToolSyntax): string {
    const calls = tools.map((tool) => {
      const { name, schema } = tool;
      switch (body.kind) {
        case "object":
          return `${spelled(body.head + name + body.infix)} ${this.schema(objectOf(schema))} ${spelled(body.tail)}`;
        case "parts":
          return `${spelled(name + body.infix)} ${this.schema(objectOf(schema))}`;
        case "keyed":
          return `${spelled(name + body.infix)} ${this.#keyed(objectOf(schema), body.argument)}`;
        case "quoted":
          return `${spelled(name + body.infix)} ${this.#quoted(objectOf(schema), body.quote)}`;
        case "python":
          return `${spelled(`${name}(`)} ${this.#keywords(objectOf(schema))} ")"`;
      }
    });
    return this.rule(calls.join(" | "));
  }

  #quoted(schema: Schema, quote: string): string {
    const inJson = this.#ruleOfText;
    [this.#quote, this.#ruleOfText] = [quote, new Map()];
    const rule = this.schema(schema);
    [this.#quote, this.#ruleOfText] = [undefined, inJson];
    return rule;
  }

  /** A member that no schema names, in such a notation; what it may be refers to itself. */
  #quotedAny(quote: string): string {
    const known = this.#ruleOfBody.get(`any ${quote}`);
    if (known !== undefined) return known;
    const any = this.rule("");
    this.#ruleOfBody.set(`any ${quote}`, any);
    const pair = `${bareName} ":" ws ${any}`;
    const text = `${spelled(quote)} ${this.#textUntil(quote)}`;
    this.#rules[Number(any.slice(1))] =
      `${any} ::= "{" (${pair} ("," ws ${pair})*)? "}" | "[" (${any} ("," ws ${any})*)? "]" | ${text} | number | boolean | null`;
    return any;
  }

  /** Each argument between its tags: a text as it stands, all else as JSON. */
  #keyed({ root, defs }: Schema, { open, infix, close }: KeyedArgument): string {
    const nameOf = this.#definitions(defs);
    // Where no member is named, any may come, as a text that ends with its tag.
    if (root.kind !== "object" || root.rest)
      return `(${spelled(open)} [^<>=\n]{1,${KEY_CHARS_MAX}} ${spelled(infix)} ${this.#textUntil(close)})*`;
    return root.members
      .map(({ name, shape, required }) => {
        const argument = `${spelled(open + name + infix)} ${this.#keyedValue(shape, close, nameOf)}`;
        return required ? argument : `(${argument})?`;
      })
      .join(" ");
  }

  #keyedValue(shape: Shape, close: string, nameOf: ReadonlyMap<string, string>): string {
    if (shape.kind === "string" || shape.kind === "text" || shape.kind === "any") return this.#textUntil(close);
    if (shape.kind === "literal") {
      const plain = shape.texts.map((text) => literal(text.startsWith('"') ? String(JSON.parse(text)) : text));
      return `(${plain.join(" | ")}) ${spelled(close)}`;
    }
    return `${this.#shape(shape, nameOf)} ${spelled(close)}`;
  }

  /** Any text up to and with the first of these. */
  #textUntil(end: string): string {
    const known = this.#ruleOfBody.get(end);
    if (known !== undefined) return known;
    const name = `until${this.#ruleOfBody.size}`;
    pushAll(this.#rules, untilWritten(end, name, '""', false));
    this.#ruleOfBody.set(end, `${name}-0`);
    return `${name}-0`;
  }

  /** `key=value, …` as Python has it. Values are JSON's, which readers of such calls take too. */
  #keywords({ root, defs }: Schema): string {
    const nameOf = this.#definitions(defs);
    if (root.kind !== "object" || root.rest)
      return `([A-Za-z_] [A-Za-z0-9_]* "=" value (", " [A-Za-z_] [A-Za-z0-9_]* "=" value)*)?`;
    let after = `""`;
    let first = `""`;
    for (const { name, shape, required } of root.members.toReversed()) {
      const member = this.rule(`${spelled(`${name}=`)} ${this.#python(shape, nameOf)} ${after}`);
      first = required ? member : this.rule(`${member} | ${first}`);
      after = required ? `", " ${member}` : this.rule(`", " ${member} | ${after}`);
    }
    return first;
  }

  #python(shape: Shape, nameOf: ReadonlyMap<string, string>): string {
    if (shape.kind === "boolean") return `("True" | "False")`;
    return shape.kind === "null" ? `"None"` : this.#shape(shape, nameOf);
  }

  #definitions(defs: Schema["defs"]): ReadonlyMap<string, string> {
    const nameOf = new Map<string, string>();
    for (const name of defs.keys()) {
      nameOf.set(name, `r${this.#rules.length}`);
      this.#rules.push("");
    }
    for (const [name, shape] of defs) {
      const rule = nameOf.get(name) ?? "";
      this.#rules[Number(rule.slice(1))] = `${rule} ::= ${this.#shape(shape, nameOf)}`;
    }
    return nameOf;
  }

  schema({ root, defs }: Schema): string {
    return this.rule(this.#shape(root, this.#definitions(defs)));
  }

  bareText(shape: Shape): string {
    if (shape.kind === "literal") return this.#tree(literalTree(shape.texts.map((text) => String(JSON.parse(text)))));
    return shape.kind === "text" ? this.#text(shape.states, classOf, `""`) : String.raw`[^\x00]*`;
  }

  #shape(shape: Shape, nameOf: ReadonlyMap<string, string>): string {
    switch (shape.kind) {
      case "any":
        return this.#quote === undefined ? "value" : this.#quotedAny(this.#quote);
      case "boolean":
      case "null":
        return shape.kind;
      case "number":
        return numberOf(shape.bounds);
      case "integer":
        return integerOf(shape.min, shape.max);
      case "string":
        if (this.#quote !== undefined) return `${spelled(this.#quote)} ${this.#textUntil(this.#quote)}`;
        return this.#once(stringOf(shape));
      case "text":
        if (this.#quote === undefined) return `"\\"" ${this.#text(shape.states, charOf, `"\\""`)}`;
        return `${spelled(this.#quote)} ${this.#text(shape.states, classOf, spelled(this.#quote))}`;
      case "literal": {
        const quote = this.#quote;
        const texts = quote === undefined ? shape.texts : shape.texts.map((text) => quotedText(parseJson(text), quote));
        return this.#tree(literalTree(texts));
      }
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

  /** A rule for each state. @param end what stands where a text ends */
  #text(states: readonly TextState[], oneOf: (on: TextStep["on"]) => string, end: string): string {
    const known = this.#ruleOfText.get(states);
    if (known !== undefined) return known;
    const base = this.#rules.length;
    for (const { ends, steps } of states) {
      const ways = steps.map(({ on, to }) => `${oneOf(on)} r${base + to}`);
      this.rule([...ways, ...(ends ? [end] : [])].join(" | "));
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
      const name = this.#quote === undefined ? "string" : bareName;
      const pair = this.rule(`${name} ":" ws ${this.#shape(rest, nameOf)}`);
      return `"{" (${pair} ("," ws ${pair})*)? "}"`;
    }
    let after = `"}"`;
    let first = `"}"`;
    for (const { name, shape, required } of members.toReversed()) {
      const named = this.#quote === undefined ? JSON.stringify(name) : name;
      const pair = `${literal(`${named}:`)} ws ${this.#shape(shape, nameOf)}`;
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
