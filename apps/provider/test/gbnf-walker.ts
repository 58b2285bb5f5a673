/** Texts of a GBNF grammar, for tests: a reader of the part of GBNF that our grammars use, and a random writer. */

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "class"; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: "rule"; readonly name: string }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

/** How much oftener than it has to be a repetition is taken. */
const extraTurns = 4;
/** Deeper than this the shortest way to an end is taken. */
const deep = 60;

export class GrammarWalker {
  readonly #rules = new Map<string, Node>();
  /** How many rules deep a rule has to go. */
  readonly #depths = new Map<string, number>();

  constructor(grammar: string) {
    for (const line of grammar.split("\n")) {
      const [name = "", body = ""] = line.split(/ ::= (.*)/);
      this.#rules.set(name, new BodyReader(body.trim()).read());
    }
    for (let known = -1; known !== this.#depths.size;) {
      known = this.#depths.size;
      for (const [name, node] of this.#rules) {
        const depth = this.#depthOf(node) + 1;
        if (Number.isFinite(depth) && !this.#depths.has(name)) this.#depths.set(name, depth);
      }
    }
  }

  /** @param pick a number from 0 to the one before `below` */
  write(pick: (below: number) => number, rule = "root"): string {
    return this.#write({ kind: "rule", name: rule }, pick, 0);
  }

  #write(node: Node, pick: (below: number) => number, depth: number): string {
    switch (node.kind) {
      case "text":
        return node.text;
      case "class": {
        const [first, last] = at(node.ranges, pick(node.ranges.length));
        const one = pick(4) === 0 ? last : first + pick(Math.min(last - first + 1, 100));
        return String.fromCodePoint(one >= 0xd800 && one <= 0xdfff ? first : one);
      }
      case "rule":
        return this.#write(this.#rule(node.name), pick, depth + 1);
      case "sequence":
        return node.of.map((one) => this.#write(one, pick, depth)).join("");
      case "choice": {
        if (depth < deep) return this.#write(at(node.of, pick(node.of.length)), pick, depth);
        const shortest = Math.min(...node.of.map((one) => this.#depthOf(one)));
        return this.#write(
          at(
            node.of.filter((one) => this.#depthOf(one) === shortest),
            0,
          ),
          pick,
          depth,
        );
      }
      case "repeat": {
        const most = Math.min(node.max, node.min + extraTurns);
        const turns = depth < deep ? node.min + pick(most - node.min + 1) : node.min;
        return Array.from({ length: turns }, () => this.#write(node.of, pick, depth)).join("");
      }
    }
  }

  #rule(name: string): Node {
    const rule = this.#rules.get(name);
    if (!rule) throw new RangeError("a rule is missing");
    return rule;
  }

  #depthOf(node: Node): number {
    switch (node.kind) {
      case "text":
      case "class":
        return 0;
      case "rule":
        return this.#depths.get(node.name) ?? Number.POSITIVE_INFINITY;
      case "sequence":
        return Math.max(0, ...node.of.map((one) => this.#depthOf(one)));
      case "choice":
        return Math.min(...node.of.map((one) => this.#depthOf(one)));
      case "repeat":
        return node.min === 0 ? 0 : this.#depthOf(node.of);
    }
  }
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index];
  if (one === undefined) throw new RangeError("there is nothing to choose");
  return one;
}

class BodyReader {
  readonly #body: string;
  #at = 0;

  constructor(body: string) {
    this.#body = body;
  }

  read(): Node {
    const node = this.#choice();
    if (this.#at < this.#body.length) throw new SyntaxError("a rule is not read to its end");
    return node;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#body);
    this.#at += match?.[0].length ?? 0;
    return match ?? undefined;
  }

  #choice(): Node {
    const of: Node[] = [];
    do of.push(this.#sequence());
    while (this.#take(/\| */y));
    return { kind: "choice", of };
  }

  #sequence(): Node {
    const of: Node[] = [];
    for (let atom = this.#atom(); atom; atom = this.#atom()) {
      const [, star, plus, maybe, min, comma, max] =
        this.#take(/(\*)|(\+)|(\?)|\{(\d+)(,?)(\d*)\}/y) ?? ([] as (string | undefined)[]);
      const most = (bound: string | undefined) => (bound ? Number(bound) : Number.POSITIVE_INFINITY);
      if (star) of.push({ kind: "repeat", of: atom, min: 0, max: most(undefined) });
      else if (plus) of.push({ kind: "repeat", of: atom, min: 1, max: most(undefined) });
      else if (maybe) of.push({ kind: "repeat", of: atom, min: 0, max: 1 });
      else if (min) of.push({ kind: "repeat", of: atom, min: Number(min), max: comma ? most(max) : Number(min) });
      else of.push(atom);
      this.#take(/ */y);
    }
    return { kind: "sequence", of };
  }

  #atom(): Node | undefined {
    if (this.#take(/\( */y)) {
      const inner = this.#choice();
      if (!this.#take(/\)/y)) throw new SyntaxError("a group is not closed");
      return inner;
    }
    const text = this.#take(/"((?:[^"\\]|\\.)*)"/y)?.[1];
    if (text !== undefined)
      return {
        kind: "text",
        text: charsOf(text)
          .map(({ code }) => String.fromCodePoint(code))
          .join(""),
      };
    const chars = this.#take(/\[((?:[^\]\\]|\\.)*)\]/y)?.[1];
    if (chars !== undefined) return { kind: "class", ranges: rangesOf(chars) };
    const name = this.#take(/[a-z][a-z0-9-]*/y)?.[0];
    return name === undefined ? undefined : { kind: "rule", name };
  }
}

const one = /\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\(.)|([^\\])/gu;
const named = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

const charsOf = (text: string): readonly { readonly code: number; readonly isDash: boolean }[] =>
  Array.from(text.matchAll(one), ([, x, u, wide, escaped, plain]) => {
    const hex = x ?? u ?? wide;
    const char = escaped === undefined ? plain : (named.get(escaped) ?? escaped);
    const code = hex === undefined ? char?.codePointAt(0) : Number.parseInt(hex, 16);
    return { code: code ?? 0, isDash: plain === "-" };
  });

function rangesOf(chars: string): readonly (readonly [number, number])[] {
  const isNegated = chars.startsWith("^");
  const points = charsOf(isNegated ? chars.slice(1) : chars);
  const ranges: [number, number][] = [];
  for (let index = 0; index < points.length; index++) {
    const [first, dash, last] = points.slice(index);
    const isRange = dash?.isDash === true && last !== undefined;
    ranges.push([first?.code ?? 0, (isRange ? last : first)?.code ?? 0]);
    if (isRange) index += 2;
  }
  return isNegated ? around(ranges.toSorted((a, b) => a[0] - b[0])) : ranges;
}

function around(ranges: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  const gaps: (readonly [number, number])[] = [];
  let from = 0;
  for (const [first, last] of ranges) {
    if (from < first) gaps.push([from, first - 1]);
    from = last + 1;
  }
  return [...gaps, [from, 0x10_ffff]];
}
