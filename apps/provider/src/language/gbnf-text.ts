import { ID_MARK, PLACE_MARK } from "./tool-syntax.ts";
import type { TextStep } from "@darkbloom/protocol/schema";

/** Characters that a JSON string writes with a backslash (RFC 8259 §7), and what stands behind it. */
const escapes: readonly (readonly [code: number, written: string])[] = [
  [0x08, "b"],
  [0x09, "t"],
  [0x0a, "n"],
  [0x0c, "f"],
  [0x0d, "r"],
  [0x22, '\\"'],
  [0x5c, "\\\\"],
];

/** One of the characters, as it stands in a JSON string. */
export function charOf(on: TextStep["on"]): string {
  const plain: string[] = [];
  let shortened = "";
  for (const [first, last] of on) {
    let from = first;
    for (const [code, written] of escapes.filter(([one]) => one >= first && one <= last)) {
      shortened += written;
      if (from < code) plain.push(range(from, code - 1));
      from = code + 1;
    }
    if (from <= last) plain.push(range(from, last));
  }
  const ways = [
    ...(plain.length > 0 ? [`[${plain.join("")}]`] : []),
    ...(shortened === "" ? [] : [`"\\\\" [${shortened}]`]),
  ];
  return ways.length === 1 ? ways.join("") : `(${ways.join(" | ")})`;
}

/** One of the characters, as it is. */
export const classOf = (on: TextStep["on"]): string => `[${on.map(([first, last]) => range(first, last)).join("")}]`;

const range = (first: number, last: number): string =>
  first === last ? codePoint(first) : `${codePoint(first)}-${codePoint(last)}`;

const isPlain = /^[A-Za-z0-9]$/;

/** Means the character itself in a class of GBNF. */
function codePoint(code: number): string {
  const char = String.fromCodePoint(code);
  if (isPlain.test(char)) return char;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

/** A literal in which a call's id and its place are any. */
export const spelled = (text: string): string =>
  text
    .split(new RegExp(`([${ID_MARK}${PLACE_MARK}])`))
    .filter((part) => part !== "")
    .map((part) =>
      part === ID_MARK ? "[a-zA-Z0-9] [a-zA-Z0-9_-]{0,39}" : part === PLACE_MARK ? "[0-9]{1,3}" : literal(part),
    )
    .join(" ");

/** A literal of GBNF. What is not plain ASCII is written as a code point, so that no quoting can be left. */
export function literal(text: string): string {
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

/**
 * Rules for any text up to and with the first `tag`, then `next`. Rule `name-i` stands where the last `i`
 * characters are the tag's first ones, so that no tag is overlooked.
 *
 * @param mayEnd the text may also end without the tag
 */
export function untilWritten(tag: string, name: string, next: string, mayEnd: boolean): string[] {
  const known = [...new Set(tag)];
  return Array.from(tag, (_, written) => {
    const steps = known.map((character) => {
      const reached = overlap(tag.slice(0, written) + character, tag);
      return `[${escaped(character)}] ${reached === tag.length ? next : `${name}-${reached}`}`;
    });
    const other = `[^${known.map(escaped).join("")}] ${name}-0`;
    return `${name}-${written} ::= ${[...steps, other, ...(mayEnd ? ['""'] : [])].join(" | ")}`;
  });
}

/** How many of the tag's first characters the text ends with. */
function overlap(text: string, tag: string): number {
  let length = Math.min(text.length, tag.length);
  while (!text.endsWith(tag.slice(0, length))) length--;
  return length;
}

/** Means the character itself, in a class and in a literal alike. */
export const escaped = (character: string): string =>
  `\\U${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(8, "0")}`;
