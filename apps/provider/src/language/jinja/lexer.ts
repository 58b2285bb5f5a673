import { failed } from "./errors.ts";

export interface Token {
  readonly kind:
    | "text"
    | "begin_block"
    | "end_block"
    | "begin_output"
    | "end_output"
    | "name"
    | "string"
    | "integer"
    | "float"
    | "operator"
    | "end";
  readonly text: string;
  readonly line: number;
}

const tag = /\{%|\{\{|\{#/g;
const raw = /\{%([-+]?)\s*raw\s*(-?)%\}/y;
const endRaw = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
const operators = /\*\*|\/\/|==|!=|<=|>=|[-+*/%~[\](){}<>=.:|,;]/y;
const word = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const number = /0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][-+]?[0-9][0-9_]*)?/y;
const quoted = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy;

/**
 * Cuts a template into tokens, with the two settings that all chat templates are written for: a line break
 * after a block goes (`trim_blocks`), and so does space before one at the beginning of its line
 * (`lstrip_blocks`).
 *
 * @throws TemplateError
 */
export function tokensOf(source: string): Token[] {
  const text = source.replaceAll(/\r\n?/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let at = 0;
  /** The line of what comes next has begun with it. */
  let isLineStart = true;
  const lineAt = (place: number): number => text.slice(0, place).split("\n").length;

  const say = (said: string, place: number) => {
    if (said !== "") tokens.push({ kind: "text", text: said, line: lineAt(place) });
  };

  while (at < text.length) {
    tag.lastIndex = at;
    const found = tag.exec(text);
    if (!found) {
      say(text.slice(at), at);
      break;
    }
    const { index } = found;
    const kind = found[0];
    const sign = text.charAt(index + 2);
    const before = text.slice(at, index);
    say(kept(before, sign, kind !== "{{", isLineStart), at);
    isLineStart = false;
    raw.lastIndex = index;
    const begun = kind === "{%" ? raw.exec(text) : null;
    if (begun) {
      const from = index + begun[0].length;
      endRaw.lastIndex = from;
      const end = endRaw.exec(text);
      if (!end) throw failed(`line ${lineAt(index)}: {% raw %} has no end`);
      const body = text.slice(from, end.index);
      say(kept(begun[2] === "-" ? body.trimStart() : body, end[1] ?? "", true, false), from);
      at = afterTag(end.index + end[0].length, end[2] ?? "", true);
      continue;
    }
    if (kind === "{#") {
      const end = text.indexOf("#}", index + 2);
      if (end < 0) throw failed(`line ${lineAt(index)}: a comment has no end`);
      at = afterTag(end + 2, text.charAt(end - 1), true);
      continue;
    }
    at = inside(index, kind === "{%");
  }
  tokens.push({ kind: "end", text: "", line: lineAt(text.length) });
  return tokens;

  /** Past the white space that a tag takes with it. */
  function afterTag(end: number, sign: string, isBlock: boolean): number {
    let past = end;
    if (sign === "-") {
      while (/\s/.test(text.charAt(past))) past++;
    } else if (isBlock && sign !== "+" && text.charAt(past) === "\n") past++;
    isLineStart = past > 0 && text.charAt(past - 1) === "\n";
    return past;
  }

  /** @returns where the text goes on */
  function inside(start: number, isBlock: boolean): number {
    const line = lineAt(start);
    const close = isBlock ? "%}" : "}}";
    tokens.push({ kind: isBlock ? "begin_block" : "begin_output", text: "", line });
    let place = start + 2;
    if ("-+".includes(text.charAt(place)) && (isBlock || text.charAt(place) === "-")) place++;
    let depth = 0;
    for (;;) {
      while (/\s/.test(text.charAt(place))) place++;
      if (place >= text.length) throw failed(`line ${line}: a tag has no end`);
      const sign = text.charAt(place);
      const signed = (sign === "-" || (sign === "+" && isBlock)) && text.startsWith(close, place + 1);
      if (depth === 0 && (signed || text.startsWith(close, place))) {
        tokens.push({ kind: isBlock ? "end_block" : "end_output", text: "", line });
        return afterTag(place + close.length + (signed ? 1 : 0), signed ? sign : "", isBlock);
      }
      const [kind, written] = next(place);
      if ("([{".includes(written) && kind === "operator") depth++;
      if (")]}".includes(written) && kind === "operator") depth--;
      tokens.push({ kind, text: kind === "string" ? unquoted(written) : written, line });
      place += written.length;
    }
  }

  function next(place: number): [Token["kind"], string] {
    for (const [kind, pattern] of [
      ["string", quoted],
      ["integer", number],
      ["name", word],
      ["operator", operators],
    ] as const) {
      pattern.lastIndex = place;
      const [written] = pattern.exec(text) ?? [];
      if (written === undefined) continue;
      return [kind === "integer" && /^[0-9][0-9_]*[.eE]/.test(written) ? "float" : kind, written];
    }
    throw failed(`line ${lineAt(place)}: "${text.charAt(place)}" is not expected here`);
  }
}

/** Text before a tag, without the space that the tag takes with it. */
function kept(text: string, sign: string, isBlock: boolean, isLineStart: boolean): string {
  if (sign === "-") return text.trimEnd();
  if (sign === "+" || !isBlock) return text;
  const line = text.lastIndexOf("\n") + 1;
  return (line > 0 || isLineStart) && text.slice(line).trim() === "" ? text.slice(0, line) : text;
}

const letters: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\u0007",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "\n": "",
};

/** As Python reads a text between quotation marks. */
const unquoted = (written: string): string =>
  written
    .slice(1, -1)
    .replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[\s\S])/g, (whole, code: string) => {
      if (/^[xuU]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
      if (/^[0-7]/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
      return letters[code] ?? whole;
    });
