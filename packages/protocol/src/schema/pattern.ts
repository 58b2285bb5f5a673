import { type CodePoints, complement, everyCodePoint, union } from "./code-points.ts";

/** A pattern of more characters, of more nested groups, or of a greater repetition is not enforced. */
export const PATTERN_CHARS_MAX = 2_048;
export const PATTERN_GROUPS_MAX = 32;
export const PATTERN_REPEATS_MAX = 1_000;

/** A regular expression that may have anchors anywhere. */
export type Pattern =
  | { readonly kind: "char"; readonly of: CodePoints }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly Pattern[] }
  | { readonly kind: "repeat"; readonly of: Pattern; readonly min: number; readonly max: number | undefined }
  | { readonly kind: "start" | "end" };

const anyChar: Pattern = { kind: "char", of: everyCodePoint };
const anyText: Pattern = { kind: "repeat", of: anyChar, min: 0, max: undefined };

/** https://tc39.es/ecma262/#prod-WhiteSpace and https://tc39.es/ecma262/#prod-LineTerminator */
const spaces: CodePoints = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: CodePoints = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const digits: CodePoints = [[0x30, 0x39]];
const wordChars: CodePoints = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const classes = new Map<string, CodePoints>([
  ["d", digits],
  ["D", complement(digits)],
  ["w", wordChars],
  ["W", complement(wordChars)],
  ["s", spaces],
  ["S", complement(spaces)],
]);
const controls = new Map([
  ["t", 0x09],
  ["n", 0x0a],
  ["v", 0x0b],
  ["f", 0x0c],
  ["r", 0x0d],
]);

/** It is no regular expression, or none that can be enforced. */
class PatternRefusal extends Error {
  override readonly name = "PatternRefusal";
}

/**
 * Reads the part of ECMAScript's regular expressions (with its flag `u`, as JSON Schema 2020-12 §6.4 has it)
 * that describes a regular language: without look-around, back references and word boundaries. An
 * unanchored pattern may match anywhere in a text; the result is of whole texts.
 *
 * @returns undefined where `source` is anything else
 * @example readPattern("^[a-z]+(-[a-z]+)*$")
 */
export function readPattern(source: string): Pattern | undefined {
  if (source.length > PATTERN_CHARS_MAX) return undefined;
  try {
    return { kind: "sequence", of: [anyText, new PatternReader(source).read(), anyText] };
  } catch (error) {
    if (error instanceof PatternRefusal) return undefined;
    throw error;
  }
}

class PatternReader {
  readonly #source: readonly string[];
  #at = 0;
  #openGroups = 0;

  constructor(source: string) {
    this.#source = Array.from(source);
  }

  read(): Pattern {
    const whole = this.#choice();
    if (this.#at < this.#source.length) throw new PatternRefusal();
    return whole;
  }

  #take(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const char = this.#source[this.#at++];
    if (char === undefined) throw new PatternRefusal();
    return char;
  }

  #choice(): Pattern {
    const of: Pattern[] = [];
    do of.push({ kind: "sequence", of: this.#terms() });
    while (this.#take("|"));
    return { kind: "choice", of };
  }

  #terms(): Pattern[] {
    const terms: Pattern[] = [];
    for (let char = this.#source[this.#at]; char !== undefined && char !== "|" && char !== ")";) {
      terms.push(this.#term());
      char = this.#source[this.#at];
    }
    return terms;
  }

  #term(): Pattern {
    if (this.#take("^")) return { kind: "start" };
    if (this.#take("$")) return { kind: "end" };
    const of = this.#atom();
    const counts = this.#counts();
    if (!counts) return of;
    // Lazy or not, the same texts match.
    this.#take("?");
    return { kind: "repeat", of, ...counts };
  }

  #atom(): Pattern {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "char", of: this.#class() };
      case ".":
        return { kind: "char", of: complement(lineEnds) };
      case "\\":
        return { kind: "char", of: this.#escape(false) };
      default:
        if ("*+?{}]".includes(char)) throw new PatternRefusal();
        return { kind: "char", of: single(char) };
    }
  }

  #group(): Pattern {
    if (++this.#openGroups > PATTERN_GROUPS_MAX) throw new PatternRefusal();
    if (this.#take("?")) this.#groupKind();
    const inner = this.#choice();
    if (!this.#take(")")) throw new PatternRefusal();
    this.#openGroups--;
    return inner;
  }

  /** A plain group or a named one; every other kind looks around or changes flags. */
  #groupKind(): void {
    if (this.#take(":")) return;
    if (!this.#take("<")) throw new PatternRefusal();
    let name = "";
    for (let char = this.#next(); char !== ">"; char = this.#next()) name += char;
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new PatternRefusal();
  }

  #class(): CodePoints {
    const negated = this.#take("^");
    const parts: CodePoints[] = [];
    while (!this.#take("]")) {
      const from = this.#classMember();
      const isRange = this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      parts.push(isRange ? fromTo(from, this.#classMember()) : from);
    }
    const set = union(parts);
    return negated ? complement(set) : set;
  }

  #classMember(): CodePoints {
    const char = this.#next();
    return char === "\\" ? this.#escape(true) : single(char);
  }

  #escape(inClass: boolean): CodePoints {
    const char = this.#next();
    const known = classes.get(char);
    if (known) return known;
    const control = controls.get(char);
    if (control !== undefined) return [[control, control]];
    if (inClass && char === "b") return [[0x08, 0x08]];
    if (char === "x") return this.#hex(2);
    if (char === "u") return this.#hex(4);
    if (/[A-Za-z0-9]/.test(char)) throw new PatternRefusal();
    return single(char);
  }

  #hex(length: number): CodePoints {
    const hex = this.#source.slice(this.#at, this.#at + length).join("");
    this.#at += length;
    if (hex.length !== length || !/^[0-9A-Fa-f]+$/.test(hex)) throw new PatternRefusal();
    const point = Number.parseInt(hex, 16);
    return [[point, point]];
  }

  #counts(): { readonly min: number; readonly max: number | undefined } | undefined {
    if (this.#take("*")) return { min: 0, max: undefined };
    if (this.#take("+")) return { min: 1, max: undefined };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (!this.#take("{")) return undefined;
    let counts = "";
    for (let char = this.#next(); char !== "}"; char = this.#next()) counts += char;
    const [, least, comma, most] = /^(\d{1,4})(,?)(\d{0,4})$/.exec(counts) ?? [];
    if (least === undefined || (comma === "" && most !== "")) throw new PatternRefusal();
    const min = Number(least);
    const max = comma === "" ? min : most === "" ? undefined : Number(most);
    if (Math.max(min, max ?? 0) > PATTERN_REPEATS_MAX || (max ?? min) < min) throw new PatternRefusal();
    return { min, max };
  }
}

function single(char: string): CodePoints {
  const point = char.codePointAt(0) ?? 0;
  return [[point, point]];
}

function fromTo(from: CodePoints, to: CodePoints): CodePoints {
  const [first, last] = [only(from), only(to)];
  if (first > last) throw new PatternRefusal();
  return [[first, last]];
}

function only(set: CodePoints): number {
  const [range, ...others] = set;
  if (!range || others.length > 0 || range[0] !== range[1]) throw new PatternRefusal();
  return range[0];
}
