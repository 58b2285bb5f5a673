import type { Delta, Tool } from "@darkbloom/protocol/dialects";
import { pushAll } from "@darkbloom/protocol/lists";
import { CallDeltas } from "./call-deltas.ts";
import { callInJson, callInPython, keyedValue, mayBeCall, nestedIn, type WholeCall } from "./call-values.ts";
import { follow, nameStep, type Step, stepsOf } from "./head-steps.ts";
import { startOfHalf, ValueScanner } from "./text-ends.ts";
import { QuotedArguments } from "./quoted-arguments.ts";
import { announced, type ToolSyntax } from "./tool-syntax.ts";

/** A model that has not come to its call's arguments after so many characters is not writing a call. */
const HEAD_CHARS_MAX = 4096;

export interface ReadingRules {
  readonly syntax: ToolSyntax;
  readonly tools: readonly Pick<Tool, "name" | "parameters">[];
  /** Nothing but a call may come: what is cut is a call, and no text. */
  readonly forced?: boolean;
  /** Only where a reply begins can a call begin: what comes after other text is that text. */
  readonly atStart?: boolean;
}

/**
 * Reads tool calls out of what a model says, as it says it, in the syntax of its template. Arguments in
 * JSON are passed on while they are written, byte for byte.
 *
 * - Text around the calls is said; white space between it and a call, and between calls, is dropped.
 * - What looks like a call and names no tool that was offered, or is no call, is text: its tag at least,
 *   after which a call may begin.
 * - Members that follow the arguments are skipped.
 * - Only what may be the beginning of a call is held back.
 */
export class CallReader {
  readonly #rules: ReadingRules;
  readonly #toolOf: ReadonlyMap<string, Pick<Tool, "name" | "parameters">>;
  readonly #tag: string;
  /** A call begins where the reply does, and nowhere else. */
  readonly #isBare: boolean;
  /** What a call without a tag begins with. */
  readonly #first: string;
  readonly #firstHead: readonly Step[];
  readonly #nextHead: readonly Step[];
  readonly #deltas: CallDeltas;
  #state: "text" | "head" | "arguments" | "keyed" | "quoted" | "rest" | "close" | "after" = "text";
  #held = "";
  /** What announced the call, and the white space before it: text where no call follows. */
  #lead = "";
  #isFollowing = false;
  #value = new ValueScanner();
  #quoted: QuotedArguments | undefined;
  #name = "";
  #keys = 0;
  #saidAnything = false;
  /** Nothing but white space came since the last call. */
  #afterCall = false;
  /** Calls that have begun, and those of them that are whole. */
  begun = 0;
  whole = 0;

  constructor(rules: ReadingRules, newId: () => string) {
    const { syntax, tools } = rules;
    this.#rules = rules;
    this.#toolOf = new Map(tools.map((tool) => [tool.name, tool]));
    const { tag, rest, isBare } = announced(syntax);
    this.#tag = tag;
    this.#isBare = isBare;
    const { body, open } = syntax;
    const isJson = body.kind === "object";
    this.#first = rest.trimStart().charAt(0) || (isJson ? "{" : "");
    const head: readonly Step[] = [
      ...stepsOf(isJson ? body.head : "", true),
      nameStep,
      ...stepsOf(body.kind === "python" ? "(" : body.infix, isJson),
      { kind: "space" },
    ];
    this.#firstHead = [{ kind: "space" }, ...stepsOf(rest, isJson), ...head];
    this.#nextHead = [{ kind: "space" }, ...stepsOf(open, isJson), ...head];
    this.#deltas = new CallDeltas(newId);
  }

  /** Characters that are held back, in UTF-16 units. */
  get heldUnits(): number {
    return (this.#state === "head" ? this.#lead.length : 0) + this.#held.length;
  }

  /** From a call's first brace, once its name is known, to the brace that closes it. */
  get inArguments(): boolean {
    return this.#state === "arguments" || this.#state === "keyed" || this.#state === "quoted";
  }

  /** The model makes a call again that it has just made. */
  get repeated(): boolean {
    return this.#deltas.repeated;
  }

  push(text: string): Delta[] {
    if (this.repeated) return [];
    this.#held += text;
    const deltas: Delta[] = [];
    for (;;) {
      const before = this.#held.length;
      const state = this.#state;
      this.#step(deltas);
      if (this.repeated) this.#held = "";
      if (this.#held.length === before && this.#state === state) return deltas;
    }
  }

  /** The model has ended: half a call is text, unless its name is known, or nothing but a call could come. */
  end(): Delta[] {
    const deltas: Delta[] = this.#deltas.letOut();
    const isOwed = this.#rules.forced === true && this.begun === 0 && this.#held !== "";
    if (this.#state === "head" || isOwed) this.#endHead(deltas);
    // White space at the end of text that has a tag for calls was held back for a further call.
    else if (this.#state === "text" && this.#rules.forced !== true)
      this.#say(deltas, this.begun > 0 && this.#tag !== "" ? this.#held.trimEnd() : this.#held);
    this.#held = "";
    this.#state = "text";
    return deltas;
  }

  #endHead(deltas: Delta[]): void {
    const name = this.#nameBegun();
    if (name !== undefined) {
      this.#begin(deltas, name);
      pushAll(deltas, this.#deltas.letOut());
    } else if (this.#rules.forced !== true) this.#say(deltas, this.#lead + this.#held);
  }

  /** The tool that a call which was cut in its head is one of, if that is sure. */
  #nameBegun(): string | undefined {
    const names = [...this.#toolOf.keys()];
    if (this.#rules.forced === true && names.length === 1) return names[0];
    const head = this.#isFollowing ? this.#nextHead : this.#firstHead;
    const upToName = head.slice(0, head.indexOf(nameStep));
    const lead = follow(upToName, this.#held);
    if (typeof lead === "string") return undefined;
    const rest = this.#held.slice(lead.units);
    const whole = names.filter((name) => rest.startsWith(name) && !/^[\w.-]/.test(rest.slice(name.length)));
    if (whole.length === 1 && rest.length > (whole[0]?.length ?? 0)) return whole[0];
    const begun = rest === "" || this.#rules.forced !== true ? [] : names.filter((name) => name.startsWith(rest));
    return begun.length === 1 ? begun[0] : undefined;
  }

  #step(deltas: Delta[]): void {
    switch (this.#state) {
      case "text":
        return this.#readText(deltas);
      case "head":
        return this.#readHead(deltas);
      case "arguments":
        return this.#readArguments(deltas);
      case "keyed":
        return this.#readKeyed(deltas);
      case "quoted":
        return this.#readQuoted(deltas);
      case "rest":
        return this.#readRest(deltas);
      case "close":
        return this.#readClose();
      case "after":
        return this.#readAfter();
    }
  }

  #readText(deltas: Delta[]): void {
    if (this.#isBare || this.#rules.atStart === true) {
      const start = this.#held.trimStart();
      if (start === "" || (this.#tag.startsWith(start) && this.#tag !== start && !this.#saidAnything)) return;
      if (!this.#saidAnything && start.startsWith(this.#tag === "" ? this.#first : this.#tag)) {
        this.#lead = this.#held.slice(0, this.#held.length - start.length) + this.#tag;
        this.#held = start.slice(this.#tag.length);
        this.#isFollowing = false;
        this.#state = "head";
      } else this.#sayHeld(deltas, this.#held.length);
      return;
    }
    const at = this.#held.indexOf(this.#tag);
    if (at < 0) return this.#sayHeld(deltas, startOfHalf(this.#held, this.#tag));
    const said = this.#held.slice(0, at).trimEnd();
    this.#say(deltas, said);
    this.#lead = this.#held.slice(said.length, at + this.#tag.length);
    this.#held = this.#held.slice(at + this.#tag.length);
    this.#isFollowing = false;
    this.#state = "head";
  }

  #sayHeld(deltas: Delta[], end: number): void {
    this.#say(deltas, this.#held.slice(0, end));
    this.#held = this.#held.slice(end);
  }

  #readHead(deltas: Delta[]): void {
    const { body } = this.#rules.syntax;
    const followed = follow(this.#isFollowing ? this.#nextHead : this.#firstHead, this.#held);
    if (followed === "partial" && this.#held.length < HEAD_CHARS_MAX) return;
    if (typeof followed === "object" && this.#toolOf.has(followed.name)) {
      if (body.kind === "keyed") {
        this.#begin(deltas, followed.name);
        this.#held = this.#held.slice(followed.units);
        this.#keys = 0;
        this.#state = "keyed";
        return;
      }
      if (body.kind === "python") return this.#readPython(deltas, followed.name, followed.units);
      const next = this.#held.charAt(followed.units);
      if (next === "" && this.#held.length < HEAD_CHARS_MAX) return;
      if (next === "{") {
        this.#begin(deltas, followed.name);
        this.#held = this.#held.slice(followed.units);
        this.#value = new ValueScanner();
        this.#quoted = body.kind === "quoted" ? new QuotedArguments(body.quote) : undefined;
        this.#state = this.#quoted ? "quoted" : "arguments";
        return;
      }
    }
    if (body.kind === "object") this.#readWholeCall(deltas);
    else this.#giveUp(deltas);
  }

  /** Says what made it look like a call; what follows is read again, as text. */
  #giveUp(deltas: Delta[]): void {
    const brace = this.#lead.trim() === "" ? this.#held.slice(0, 1) : "";
    this.#say(deltas, this.#lead + brace);
    this.#held = this.#held.slice(brace.length);
    this.#state = "text";
  }

  /** Arguments before the name, or as a string of JSON: read when the object is whole. */
  #readWholeCall(deltas: Delta[]): void {
    const lead = this.#held.search(/[^\s[,]/);
    const isObject = lead >= 0 && this.#held.charAt(lead) === "{";
    // Without a tag, any answer in JSON begins like a call: it is let out as soon as it differs.
    if (this.#lead.trim() === "" && isObject && !mayBeCall(this.#held.slice(lead))) return this.#giveUp(deltas);
    const length = isObject ? new ValueScanner().push(this.#held.slice(lead)) : undefined;
    const endless = length === undefined && (isObject || lead < 0);
    if (endless && this.#held.length < HEAD_CHARS_MAX) return;
    const end = lead + (length ?? 0);
    const call = length === undefined || end > HEAD_CHARS_MAX ? undefined : callInJson(this.#held.slice(lead, end));
    this.#take(deltas, call, end);
  }

  #readPython(deltas: Delta[], name: string, units: number): void {
    const length = new ValueScanner(1, `"'`).push(this.#held.slice(units));
    if (length === undefined) return;
    const start = this.#held.lastIndexOf(name, units);
    this.#take(deltas, callInPython(this.#held.slice(start, units + length)), units + length);
  }

  #take(deltas: Delta[], call: WholeCall | undefined, end: number): void {
    if (!call || !this.#toolOf.has(call.name)) return this.#giveUp(deltas);
    this.#begin(deltas, call.name);
    pushAll(deltas, this.#deltas.arguments(call.arguments));
    this.#held = this.#held.slice(end);
    this.#end(deltas);
  }

  #readArguments(deltas: Delta[]): void {
    const length = this.#value.push(this.#held);
    const text = this.#held.slice(0, length);
    pushAll(deltas, this.#deltas.arguments(text));
    this.#held = this.#held.slice(text.length);
    if (length === undefined) return;
    if (this.#rules.syntax.body.kind !== "object") return this.#end(deltas);
    this.#value = new ValueScanner(nestedIn(this.#rules.syntax.body.head));
    this.#state = "rest";
  }

  #readQuoted(deltas: Delta[]): void {
    const { json, rest } = this.#quoted?.push(this.#held) ?? { json: "", rest: "" };
    pushAll(deltas, this.#deltas.arguments(json));
    this.#held = rest ?? "";
    if (rest !== undefined) this.#end(deltas);
  }

  #readRest(deltas: Delta[]): void {
    const length = this.#value.push(this.#held);
    this.#held = length === undefined ? "" : this.#held.slice(length);
    if (length !== undefined) this.#end(deltas);
  }

  /** One argument at a time; a value is held back until its end has come. */
  #readKeyed(deltas: Delta[]): void {
    const { body } = this.#rules.syntax;
    if (body.kind !== "keyed") return;
    const { open, infix, close } = body.argument;
    const begun = follow([{ kind: "space" }, ...stepsOf(open)], this.#held);
    if (begun === "partial") return;
    if (begun === "other") {
      pushAll(deltas, this.#deltas.arguments(this.#keys === 0 ? "{}" : "}"));
      return this.#end(deltas);
    }
    const rest = this.#held.slice(begun.units);
    const keyEnd = rest.indexOf(infix.trim());
    if (keyEnd < 0) return;
    const key = rest.slice(0, keyEnd).trim();
    let from = keyEnd + infix.trim().length;
    if (infix.endsWith("\n") && rest.charAt(from) === "\n") from++;
    const end = rest.indexOf(close.trim(), from);
    if (end < 0) return;
    const written = rest.slice(from, end);
    const value = close.startsWith("\n") ? written.replace(/\n$/, "") : written;
    const member = `${JSON.stringify(key)}: ${keyedValue(value, this.#toolOf.get(this.#name), key)}`;
    pushAll(deltas, this.#deltas.arguments((this.#keys++ === 0 ? "{" : ", ") + member));
    this.#held = rest.slice(end + close.trim().length);
  }

  /** A call is whole with its arguments; the closing tag that may follow is only waited for. */
  #end(deltas: Delta[]): void {
    pushAll(deltas, this.#deltas.end());
    if (this.repeated) this.begun--;
    else this.whole++;
    this.#state = "close";
  }

  #readClose(): void {
    const close = this.#rules.syntax.close.trim();
    const after = this.#held.trimStart();
    if (after.length < close.length && close.startsWith(after)) return;
    this.#held = after.startsWith(close) ? after.slice(close.length) : after;
    const { begin, between, end } = this.#rules.syntax;
    this.#state = (begin + between + end).trim() === "" ? "text" : "after";
  }

  /** In a list of calls: the next one, or its end. */
  #readAfter(): void {
    const { between, open, end } = this.#rules.syntax;
    const after = this.#held.trimStart();
    const [gap, last] = [between.trim() === "" ? open.trim() : between.trim(), end.trim()];
    if (after.length < Math.max(gap.length, last.length) && (gap.startsWith(after) || last.startsWith(after))) return;
    const goesOn = gap !== "" && after.startsWith(gap);
    if (goesOn) {
      this.#lead = between.trim();
      this.#held = after.slice(between.trim().length);
      this.#isFollowing = true;
      this.#state = "head";
      return;
    }
    this.#held = last !== "" && after.startsWith(last) ? after.slice(last.length) : after;
    this.#state = "text";
  }

  #begin(deltas: Delta[], name: string): void {
    this.begun++;
    this.#name = name;
    this.#afterCall = true;
    pushAll(deltas, this.#deltas.begin(name));
  }

  #say(deltas: Delta[], text: string): void {
    const said = this.#afterCall ? text.trimStart() : text;
    if (said === "") return;
    this.#afterCall = false;
    this.#saidAnything = true;
    deltas.push({ kind: "said", text: said });
  }
}
