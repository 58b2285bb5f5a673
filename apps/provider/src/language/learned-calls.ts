import type { TriedCall } from "./marked-texts.ts";
import { ID_MARK, PLACE_MARK, type CallBody, type ToolSyntax } from "./tool-syntax.ts";
import { commonEnd, commonStart } from "./tried-text.ts";

interface Found {
  /** Where the body begins and ends in the rendered text. */
  readonly start: number;
  readonly end: number;
  readonly body: CallBody;
}

/**
 * How calls are written, from two renderings of a turn: one with one call, one with two.
 *
 * @param one the turn's text from behind what begins every reply; its end, which every reply has, taken off
 * @param two the same with a second call; undefined where a turn takes one
 * @returns undefined where the text does not show its calls in any way that is known here
 */
export function learnedSyntax(
  one: string,
  two: string | undefined,
  [first, second]: readonly [TriedCall, TriedCall],
): ToolSyntax | undefined {
  // An id that is made of the name stands where the name is looked for.
  const marked = (text: string) =>
    [first, second].reduce((left, { id, name }) => (id.includes(name) ? left : left.replaceAll(id, ID_MARK)), text);
  return learnedFrom(marked(one), two === undefined ? undefined : marked(two), [first, second]);
}

function learnedFrom(
  one: string,
  two: string | undefined,
  [first, second]: readonly [TriedCall, TriedCall],
): ToolSyntax | undefined {
  const alone = foundCall(one, first, 0);
  if (!alone) return undefined;
  const before = one.slice(0, alone.start);
  const after = one.slice(alone.end);
  const again = two === undefined ? undefined : foundCall(two, first, 0);
  const other = two === undefined || !again ? undefined : foundCall(two, second, again.end);
  if (two === undefined || !again || !other)
    return { begin: "", open: before, body: alone.body, close: after, between: "", end: "" };
  const gap = two.slice(again.end, other.start);
  const open = commonEnd(before, gap);
  const rest = gap.slice(0, gap.length - open.length);
  const close = commonStart(rest, after);
  return {
    begin: before.slice(0, before.length - open.length),
    open,
    body: samePlace(alone.body, other.body),
    close,
    between: rest.slice(close.length),
    end: after.slice(close.length),
  };
}

/** What differs by a call's place alone is written for any place. */
function samePlace(first: CallBody, second: CallBody): CallBody {
  if (first.kind === "parts" && second.kind === "parts")
    return { kind: "parts", infix: anyPlace(first.infix, second.infix) };
  if (first.kind !== "object" || second.kind !== "object") return first;
  return { ...first, head: anyPlace(first.head, second.head) };
}

function anyPlace(first: string, second: string): string {
  const [a = first, b] = [first, second].map((literal) => literal.replace(/[0-9]+/, PLACE_MARK));
  return first !== second && a === b ? a : first;
}

function foundCall(text: string, call: TriedCall, from: number): Found | undefined {
  const nameAt = text.indexOf(call.name, from);
  if (nameAt < 0) return undefined;
  return (
    foundObject(text, call, from, nameAt) ??
    foundParts(text, call, nameAt) ??
    foundPython(text, call, nameAt) ??
    foundQuoted(text, call, nameAt) ??
    foundKeyed(text, call, nameAt)
  );
}

/** The outermost object of JSON that holds the name. */
function foundObject(text: string, call: TriedCall, from: number, nameAt: number): Found | undefined {
  for (let start = text.indexOf("{", from); start >= 0 && start < nameAt; start = text.indexOf("{", start + 1)) {
    const end = objectEnd(text, start);
    if (end === undefined || end < nameAt) continue;
    const object = text.slice(start, end);
    const args = argumentsIn(object, call);
    if (!args) continue;
    const name = nameAt - start;
    // The name stands before the arguments in all that is known; a model writes them in its own order anyhow.
    if (name > args.start) continue;
    return {
      start,
      end,
      body: {
        kind: "object",
        head: object.slice(0, name),
        infix: object.slice(name + call.name.length, args.start),
        tail: object.slice(args.end),
      },
    };
  }
  return undefined;
}

function foundParts(text: string, call: TriedCall, nameAt: number): Found | undefined {
  const args = argumentsIn(text.slice(nameAt), call);
  if (!args) return undefined;
  const infix = text.slice(nameAt + call.name.length, nameAt + args.start);
  return { start: nameAt, end: nameAt + args.end, body: { kind: "parts", infix } };
}

function foundPython(text: string, call: TriedCall, nameAt: number): Found | undefined {
  const [[firstName, firstValue], [secondName, secondValue]] = call.arguments;
  const rest = text.slice(nameAt + call.name.length);
  const written = new RegExp(
    `^\\(\\s*${firstName}\\s*=\\s*(['"])${firstValue}\\1,\\s*${secondName}\\s*=\\s*${secondValue}\\s*\\)`,
  ).exec(rest);
  if (!written) return undefined;
  return { start: nameAt, end: nameAt + call.name.length + written[0].length, body: { kind: "python" } };
}

function foundQuoted(text: string, call: TriedCall, nameAt: number): Found | undefined {
  const [[firstName, firstValue], [secondName, secondValue]] = call.arguments;
  const rest = text.slice(nameAt + call.name.length);
  // A mark of one sign would be a quotation mark, between which texts are escaped.
  const written = new RegExp(
    `^(?<infix>[^{]{0,40})\\{\\s*${firstName}\\s*:\\s*(?<quote>[^\\s\\w,{}]\\S{1,30}?)${firstValue}\\k<quote>\\s*,\\s*${secondName}\\s*:\\s*${secondValue}\\s*\\}`,
  ).exec(rest);
  const { infix, quote } = written?.groups ?? {};
  if (!written || infix === undefined || quote === undefined) return undefined;
  return { start: nameAt, end: nameAt + call.name.length + written[0].length, body: { kind: "quoted", infix, quote } };
}

function foundKeyed(text: string, call: TriedCall, nameAt: number): Found | undefined {
  const [[firstName, firstValue], [secondName, secondValue]] = call.arguments;
  const places: number[] = [];
  let at = nameAt + call.name.length;
  for (const part of [firstName, firstValue, secondName, String(secondValue)]) {
    const next = text.indexOf(part, at);
    if (next < 0) return undefined;
    places.push(next);
    at = next + part.length;
  }
  const [a = 0, b = 0, c = 0, d = 0] = places;
  const lead = text.slice(nameAt + call.name.length, a);
  const infix = text.slice(a + firstName.length, b);
  const gap = text.slice(b + firstValue.length, c);
  const open = commonEnd(lead, gap);
  const close = gap.slice(0, gap.length - open.length);
  if (open === "" || close === "" || !text.startsWith(close, d + String(secondValue).length)) return undefined;
  // White space that ends one argument may as well begin the next: it belongs to the end, where it stops a value.
  return {
    start: nameAt,
    end: d + String(secondValue).length + close.length,
    body: { kind: "keyed", infix: lead.slice(0, lead.length - open.length), argument: { open, infix, close } },
  };
}

/** Where an object of JSON holds just these arguments. */
function argumentsIn(text: string, { arguments: wanted }: TriedCall): { start: number; end: number } | undefined {
  for (let start = text.indexOf("{"); start >= 0; start = text.indexOf("{", start + 1)) {
    const end = objectEnd(text, start);
    if (end === undefined) continue;
    try {
      const value: unknown = JSON.parse(text.slice(start, end));
      if (typeof value !== "object" || value === null) continue;
      if (JSON.stringify(value) === JSON.stringify(Object.fromEntries(wanted))) return { start, end };
    } catch {
      // No JSON begins here.
    }
  }
  return undefined;
}

function objectEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at++) {
    const char = text.charAt(at);
    if (inString) {
      if (char === "\\") at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") depth++;
    else if ((char === "}" || char === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}
