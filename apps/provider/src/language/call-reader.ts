import type { Delta } from "@darkbloom/protocol";
import type { ToolSyntax } from "./tool-syntax.ts";

/** What may stand before a call's arguments: its beginning up to the name, and on to the arguments. */
const nameFirst = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?<key>arguments|parameters)"\s*:\s*(?=\{)/;
/** A model that has not come to its call's arguments after so many characters is not writing a call. */
const HEAD_CHARS_MAX = 4096;

/**
 * Reads tool calls out of what a model says, as it says it, in the syntax of its template. Arguments
 * are passed on while they are written, byte for byte.
 *
 * - Text around the calls is said; white space between it and a call, and between calls, is dropped.
 * - What looks like a call and names no tool that was offered, or is no JSON, is text: its tag at least,
 *   after which a call may begin.
 * - Members that follow the arguments are skipped.
 * - Only what may be the beginning of a call is held back.
 */
export class CallReader {
  readonly #syntax: ToolSyntax;
  readonly #names: ReadonlySet<string>;
  readonly #newId: () => string;
  readonly #tag: string;
  #state: "text" | "head" | "arguments" | "rest" | "close" = "text";
  #held = "";
  /** White space before the tag: text where no call follows. */
  #space = "";
  /** Finds the end of the arguments, then that of the call's object. */
  #value = new ValueScanner();
  #saidAnything = false;
  /** Nothing but white space came since the last call. */
  #afterCall = false;
  /** Calls that have begun, and those of them that are whole. */
  begun = 0;
  whole = 0;

  constructor(syntax: ToolSyntax, names: ReadonlySet<string>, newId: () => string) {
    this.#syntax = syntax;
    this.#names = names;
    this.#newId = newId;
    this.#tag = syntax.open.trim();
  }

  /** Characters that are held back, in UTF-16 units. */
  get heldUnits(): number {
    return (this.#state === "head" ? this.#space.length + this.#tag.length : 0) + this.#held.length;
  }

  /** From a call's first brace, once its name is known, to the brace that closes it. */
  get inArguments(): boolean {
    return this.#state === "arguments";
  }

  push(text: string): Delta[] {
    this.#held += text;
    const deltas: Delta[] = [];
    for (;;) {
      const before = this.#held.length;
      const state = this.#state;
      this.#step(deltas);
      if (this.#held.length === before && this.#state === state) return deltas;
      if (this.#held === "") return deltas;
    }
  }

  /** The model has ended: half a call is text, unless its arguments have been passed on. */
  end(): Delta[] {
    const deltas: Delta[] = [];
    // White space at the end of text that has a tag for calls was held back for a further call.
    const isTrimmed = this.begun > 0 && this.#tag !== "";
    if (this.#state === "text") this.#say(deltas, isTrimmed ? this.#held.trimEnd() : this.#held);
    if (this.#state === "head") this.#say(deltas, this.#space + this.#tag + this.#held);
    this.#held = "";
    this.#state = "text";
    return deltas;
  }

  #step(deltas: Delta[]): void {
    switch (this.#state) {
      case "text":
        return this.#readText(deltas);
      case "head":
        return this.#readHead(deltas);
      case "arguments":
        return this.#readArguments(deltas);
      case "rest":
        return this.#readRest();
      case "close":
        return this.#readClose();
    }
  }

  #readText(deltas: Delta[]): void {
    if (this.#tag === "") {
      const start = this.#held.trimStart();
      if (start === "") return;
      // Without a tag only a reply that begins with an object can be a call.
      if (!this.#saidAnything && start.startsWith("{")) {
        this.#held = start;
        this.#state = "head";
      } else this.#sayHeld(deltas, this.#held.length);
      return;
    }
    const at = this.#held.indexOf(this.#tag);
    if (at >= 0) {
      const before = this.#held.slice(0, at);
      const said = before.trimEnd();
      this.#say(deltas, said);
      this.#space = before.slice(said.length);
      this.#held = this.#held.slice(at + this.#tag.length);
      this.#state = "head";
      return;
    }
    this.#sayHeld(deltas, startOfHalfTag(this.#held, this.#tag));
  }

  #sayHeld(deltas: Delta[], end: number): void {
    this.#say(deltas, this.#held.slice(0, end));
    this.#held = this.#held.slice(end);
  }

  #readHead(deltas: Delta[]): void {
    const head = nameFirst.exec(this.#held);
    const name = head ? stringOf(head[1]) : undefined;
    if (head && head[0].length < HEAD_CHARS_MAX && name !== undefined && this.#names.has(name)) {
      this.#begin(deltas, name);
      this.#held = this.#held.slice(head[0].length);
      this.#value = new ValueScanner();
      this.#state = "arguments";
      return;
    }
    // Without a tag, any answer in JSON begins like a call: it is let out as soon as it differs.
    if (this.#tag === "" && !head && !mayBeNameFirst(this.#held)) this.#giveUp(deltas);
    else this.#readWholeCall(deltas);
  }

  /** Says what made it look like a call; what follows is read again, as text. */
  #giveUp(deltas: Delta[]): void {
    const brace = this.#tag === "" ? this.#held.slice(0, 1) : "";
    this.#say(deltas, this.#space + this.#tag + brace);
    this.#held = this.#held.slice(brace.length);
    this.#state = "text";
  }

  /** Arguments before the name, or as a string of JSON: read when the object is whole. */
  #readWholeCall(deltas: Delta[]): void {
    const lead = this.#held.length - this.#held.trimStart().length;
    const length = this.#held.charAt(lead) === "{" ? new ValueScanner().push(this.#held.slice(lead)) : undefined;
    const endless = length === undefined && (this.#held.charAt(lead) === "{" || this.#held.trim() === "");
    if (endless && this.#held.length < HEAD_CHARS_MAX) return;
    const end = lead + (length ?? 0);
    const call = end === lead || end > HEAD_CHARS_MAX ? undefined : callOf(this.#held.slice(lead, end), this.#syntax);
    if (!call || !this.#names.has(call.name)) return this.#giveUp(deltas);
    this.#begin(deltas, call.name);
    deltas.push({ kind: "arguments", text: call.arguments });
    this.#held = this.#held.slice(end);
    this.#end();
  }

  #readArguments(deltas: Delta[]): void {
    const length = this.#value.push(this.#held);
    const text = this.#held.slice(0, length);
    if (text !== "") deltas.push({ kind: "arguments", text });
    this.#held = this.#held.slice(text.length);
    if (length === undefined) return;
    this.#value = new ValueScanner(1);
    this.#state = "rest";
  }

  #readRest(): void {
    const length = this.#value.push(this.#held);
    this.#held = length === undefined ? "" : this.#held.slice(length);
    if (length !== undefined) this.#end();
  }

  /** A call is whole with its object; the closing tag that may follow is only waited for. */
  #end(): void {
    this.whole++;
    this.#state = "close";
  }

  #readClose(): void {
    const close = this.#syntax.close.trim();
    const after = this.#held.trimStart();
    if (after.length < close.length && close.startsWith(after)) return;
    this.#held = after.startsWith(close) ? after.slice(close.length) : after;
    this.#state = "text";
  }

  #begin(deltas: Delta[], name: string): void {
    this.begun++;
    this.#afterCall = true;
    deltas.push({ kind: "call", id: this.#newId(), name });
  }

  #say(deltas: Delta[], text: string): void {
    const said = this.#afterCall ? text.trimStart() : text;
    if (said === "") return;
    this.#afterCall = false;
    this.#saidAnything = true;
    deltas.push({ kind: "said", text: said });
  }
}

/** Finds the end of one JSON object in text that comes in pieces. */
class ValueScanner {
  #depth: number;
  #inString = false;
  #escaped = false;

  /** @param depth 1 where its opening brace has been read */
  constructor(depth = 0) {
    this.#depth = depth;
  }

  /** @returns the length, in this piece, up to and with the end of the object; undefined while it goes on */
  push(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString) {
        if (char === "\\") this.#escaped = true;
        else if (char === '"') this.#inString = false;
      } else if (char === '"') this.#inString = true;
      else if (char === "{" || char === "[") this.#depth++;
      else if (char === "}" || char === "]") {
        this.#depth--;
        if (this.#depth === 0) return at + 1;
      }
    }
    return undefined;
  }
}

/** Whether more text could make this the beginning of an object whose first member is the name. */
function mayBeNameFirst(text: string): boolean {
  const [lead = ""] = /^\s*\{?\s*/.exec(text) ?? [];
  const rest = text.slice(lead.length);
  if (!lead.includes("{")) return rest === "";
  return '"name"'.startsWith(rest) || rest.startsWith('"name"');
}

/** Where white space stands that may belong to a coming tag, or the tag itself in part; the length if nothing does. */
function startOfHalfTag(text: string, tag: string): number {
  let start = text.length;
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--)
    if (text.endsWith(tag.slice(0, length))) {
      start = text.length - length;
      break;
    }
  return text.slice(0, start).trimEnd().length;
}

function stringOf(json: string | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(json ?? "");
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function callOf(json: string, { argumentsKey }: ToolSyntax): { name: string; arguments: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("name" in value) || typeof value.name !== "string")
    return undefined;
  const given: unknown = Reflect.get(value, argumentsKey) ?? {};
  if (typeof given === "string") return isObject(given) ? { name: value.name, arguments: given } : undefined;
  return typeof given === "object" ? { name: value.name, arguments: JSON.stringify(given) } : undefined;
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
