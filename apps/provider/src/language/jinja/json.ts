import { failed } from "./errors.ts";
import { printed, shownFloat } from "./printing.ts";
import { Tuple, type Value, Written } from "./values.ts";

/** Deeper values are refused before the stack ends. */
const DEPTH_MAX = 400;

/**
 * A JSON text as a template's value: members keep their order and numbers their digits, as no object of
 * JavaScript does.
 *
 * @throws TemplateError where it is no JSON, or too deep
 */
export function parseJson(text: string): Value {
  const reader = new JsonReader(text);
  return reader.whole();
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Value {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault();
    return value;
  }

  #value(depth: number): Value {
    if (depth > DEPTH_MAX) throw failed("a JSON value is nested too deep");
    this.#space();
    const char = this.#text.charAt(this.#at);
    if (char === "{") return this.#object(depth);
    if (char === "[") return this.#array(depth);
    if (char === '"') return this.#string();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const)
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    return this.#number();
  }

  #object(depth: number): Value {
    const members = new Map<Value, Value>();
    this.#at++;
    for (this.#space(); !this.#skip("}"); this.#space()) {
      if (members.size > 0) this.#expect(",");
      this.#space();
      const name = this.#string();
      this.#space();
      this.#expect(":");
      members.set(name, this.#value(depth + 1));
    }
    return members;
  }

  #array(depth: number): Value {
    const items: Value[] = [];
    this.#at++;
    for (this.#space(); !this.#skip("]"); this.#space()) {
      if (items.length > 0) this.#expect(",");
      items.push(this.#value(depth + 1));
    }
    return items;
  }

  #string(): string {
    const token = /"(?:[^"\\]|\\.)*"/sy;
    token.lastIndex = this.#at;
    const [written] = token.exec(this.#text) ?? [];
    if (written === undefined) throw this.#fault();
    this.#at += written.length;
    try {
      return String(JSON.parse(written));
    } catch {
      throw this.#fault();
    }
  }

  #number(): Value {
    const token = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
    token.lastIndex = this.#at;
    const [text, fraction, exponent] = token.exec(this.#text) ?? [];
    if (text === undefined) throw this.#fault();
    this.#at += text.length;
    if (fraction === undefined && exponent === undefined) return BigInt(text);
    const number = Number(text);
    return shownFloat(number) === text ? number : new Written(text);
  }

  #space(): void {
    while (" \t\r\n".includes(this.#text.charAt(this.#at)) && this.#at < this.#text.length) this.#at++;
  }

  #skip(char: string): boolean {
    if (this.#text.charAt(this.#at) !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#skip(char)) throw this.#fault();
  }

  #fault() {
    return failed("a text that should be JSON is none");
  }
}

export interface JsonStyle {
  readonly indent?: string | undefined;
  readonly ensureAscii?: boolean;
  readonly separators?: readonly [item: string, key: string] | undefined;
  readonly sortKeys?: boolean;
}

/** As Python's `json.dumps` writes it. */
export function jsonText(value: Value, style: JsonStyle = {}, depth = 0): string {
  if (depth > DEPTH_MAX) throw failed("a value is nested too deep for JSON");
  const { indent, separators = [indent === undefined ? ", " : ",", ": "], sortKeys = false } = style;
  const wrapped = (open: string, items: readonly string[], close: string): string => {
    if (items.length === 0) return open + close;
    if (indent === undefined) return open + items.join(separators[0]) + close;
    const inner = `\n${indent.repeat(depth + 1)}`;
    return `${open}${inner}${items.join(separators[0] + inner)}\n${indent.repeat(depth)}${close}`;
  };
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value, style.ensureAscii === true);
  if (typeof value === "number" && !Number.isFinite(value))
    return Number.isNaN(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
  if (typeof value === "bigint" || typeof value === "number" || value instanceof Written) return printed(value);
  if (Array.isArray(value))
    return wrapped(
      "[",
      Array.from(value, (item) => jsonText(item, style, depth + 1)),
      "]",
    );
  if (value instanceof Map) {
    const members = [...value];
    if (sortKeys) members.sort(([a], [b]) => (printed(a) < printed(b) ? -1 : 1));
    return wrapped(
      "{",
      members.map(
        ([key, item]) =>
          quoted(keyText(key), style.ensureAscii === true) + separators[1] + jsonText(item, style, depth + 1),
      ),
      "}",
    );
  }
  throw failed("a value that is no JSON was to be written as JSON");
}

function keyText(key: Value): string {
  if (key instanceof Tuple || Array.isArray(key) || key instanceof Map) throw failed("a key of JSON is a text");
  return typeof key === "string" ? key : jsonText(key);
}

function quoted(text: string, ensureAscii: boolean): string {
  const json = JSON.stringify(text);
  if (!ensureAscii) return json;
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
