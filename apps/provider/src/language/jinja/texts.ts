import { failed } from "./errors.ts";

/** Python's texts where JavaScript's differ. */

export const strip = (text: string, of?: string): string => stripEnd(stripStart(text, of), of);

export function stripStart(text: string, of?: string): string {
  if (of === undefined) return text.trimStart();
  const chars = Array.from(text);
  const known = new Set(Array.from(of));
  let from = 0;
  while (from < chars.length && known.has(chars[from] ?? "")) from++;
  return chars.slice(from).join("");
}

export function stripEnd(text: string, of?: string): string {
  if (of === undefined) return text.trimEnd();
  const chars = Array.from(text);
  const known = new Set(Array.from(of));
  let to = chars.length;
  while (to > 0 && known.has(chars[to - 1] ?? "")) to--;
  return chars.slice(0, to).join("");
}

/** @param most how often it is cut; below 0: everywhere */
export function split(text: string, at: string | undefined, most: number): string[] {
  if (at === "") throw failed("a text is split at nothing");
  if (at !== undefined) {
    const parts = text.split(at);
    return most < 0 || parts.length <= most + 1 ? parts : [...parts.slice(0, most), parts.slice(most).join(at)];
  }
  const parts: string[] = [];
  let rest = text.trimStart();
  while (rest !== "") {
    const gap = rest.search(/\s/);
    if (gap < 0 || parts.length === most) return [...parts, parts.length === most ? rest.trimEnd() : rest];
    parts.push(rest.slice(0, gap));
    rest = rest.slice(gap).trimStart();
  }
  return parts;
}

export function splitFromEnd(text: string, at: string | undefined, most: number): string[] {
  if (at === undefined) {
    const turned = split(turn(text), undefined, most);
    return turned.map(turn).toReversed();
  }
  const parts = split(text, at, -1);
  if (most < 0 || parts.length <= most + 1) return parts;
  const kept = parts.length - most;
  return [parts.slice(0, kept).join(at), ...parts.slice(kept)];
}

const turn = (text: string): string => Array.from(text).toReversed().join("");

/** @param most how often; below 0: everywhere */
export function replace(text: string, old: string, by: string, most: number): string {
  if (most < 0) return text.replaceAll(old, () => by);
  let rest = text;
  let done = "";
  for (let count = 0; count < most; count++) {
    const at = rest.indexOf(old);
    if (at < 0) break;
    done += rest.slice(0, at) + by;
    rest = rest.slice(at + old.length);
    if (old !== "") continue;
    done += rest.slice(0, 1);
    rest = rest.slice(1);
  }
  return done + rest;
}

export const capitalize = (text: string): string => {
  const [first = "", ...rest] = Array.from(text);
  return first.toUpperCase() + rest.join("").toLowerCase();
};

/** Of a method: every run of letters. */
export const title = (text: string): string => text.replaceAll(/\p{L}+/gu, capitalize);
/** Of the filter: what stands between spaces and a few signs. */
export const filterTitle = (text: string): string =>
  text
    .split(/([-\s({[<]+)/)
    .map(capitalize)
    .join("");

/** What Python ends a line with. */
const lineEnd = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;

export function lines(text: string, keepEnds = false): string[] {
  const found: string[] = [];
  let from = 0;
  for (const { 0: end, index } of text.matchAll(lineEnd)) {
    found.push(text.slice(from, keepEnds ? index + end.length : index));
    from = index + end.length;
  }
  return from < text.length ? [...found, text.slice(from)] : found;
}

/** Python's `int()` of a text; undefined where it is none. */
export function wholeIn(text: string, base = 10): bigint | undefined {
  const digits = text.trim().replaceAll(/(?<=[0-9a-zA-Z])_(?=[0-9a-zA-Z])/g, "");
  const [, sign = "", body = ""] = /^([-+]?)(.+)$/s.exec(digits) ?? [];
  const plain =
    base === 16
      ? body.replace(/^0[xX]/, "")
      : base === 8
        ? body.replace(/^0[oO]/, "")
        : base === 2
          ? body.replace(/^0[bB]/, "")
          : body;
  if (plain === "") return undefined;
  let value = 0n;
  for (const char of plain.toLowerCase()) {
    const digit = "0123456789abcdefghijklmnopqrstuvwxyz".indexOf(char);
    if (digit < 0 || digit >= base) return undefined;
    value = value * BigInt(base) + BigInt(digit);
  }
  return sign === "-" ? -value : value;
}

/** Python's `float()` of a text; undefined where it is none. */
export function floatIn(text: string): number | undefined {
  const digits = text.trim().replaceAll(/(?<=[0-9])_(?=[0-9])/g, "");
  if (/^[-+]?(?:inf|infinity)$/i.test(digits)) return digits.startsWith("-") ? -Infinity : Infinity;
  if (/^[-+]?nan$/i.test(digits)) return Number.NaN;
  return /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(digits) ? Number(digits) : undefined;
}
