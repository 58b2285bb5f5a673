/** What each bound of the code is, worked out from its source, and LIMITS.md with these values beside the names. */
import { parseAst } from "vitest/node";

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** Every name of a constant that has a value, and the names that have two. */
export function valuesOf(sources: readonly Source[]): { values: Map<string, bigint | number>; twice: string[] } {
  const expressions = new Map<string, Node>();
  const twice: string[] = [];
  for (const { file, text } of sources) {
    for (const { name, init } of constants(parseAst(text, { lang: "ts" }, file))) {
      if (expressions.has(name)) twice.push(name);
      expressions.set(name, init);
    }
  }
  const values = new Map<string, bigint | number>();
  for (const [name, init] of expressions) {
    const value = evaluate(init, expressions);
    if (value !== undefined) values.set(name, value);
  }
  return { values, twice };
}

/** The text with each name followed by its value: `NAME` (value). */
export function withValues(text: string, values: ReadonlyMap<string, bigint | number>): string {
  return text.replaceAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`(?: \([^()|]*\))?/g, (_, name: string) => {
    const value = values.get(name);
    return value === undefined ? `\`${name}\`` : `\`${name}\` (${spelled(name, value)})`;
  });
}

/** A value with the unit of its name, in the largest unit that keeps it whole. */
export function spelled(name: string, value: bigint | number): string {
  const units = /_BYTES(_|$)/.test(name)
    ? BYTES
    : /_MS(_|$)/.test(name)
      ? DURATION
      : /_SEC(_|$)/.test(name)
        ? SECONDS
        : [];
  if (/_PER_SEC(_|$)/.test(name)) return `${grouped(value)}/s`;
  if (/MICRO_USD/.test(name)) return `${grouped(value)} µUSD`;
  const whole = units.find(([, size]) => Number(value) % size === 0);
  return whole ? `${grouped(Number(value) / whole[1])} ${whole[0]}` : grouped(value);
}

type Unit = readonly [name: string, size: number];
const BYTES: readonly Unit[] = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
  ["B", 1],
];
const DURATION: readonly Unit[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
  ["ms", 1],
];
const SECONDS: readonly Unit[] = [["s", 1]];

const grouped = (value: bigint | number): string => value.toLocaleString("en-US");

function* constants(program: unknown): Generator<{ name: string; init: Node }> {
  for (const statement of list(program, "body")) {
    const declaration = child(statement, "declaration") ?? statement;
    for (const one of list(declaration, "declarations")) {
      const name = child(one, "id")?.["name"];
      const init = child(one, "init");
      if (typeof name === "string" && init && /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(name)) yield { name, init };
    }
  }
}

function evaluate(node: Node | undefined, known: ReadonlyMap<string, Node>): bigint | number | undefined {
  if (!node) return undefined;
  if (node.type === "Literal") {
    const value = node["value"];
    return typeof value === "number" || typeof value === "bigint" ? value : undefined;
  }
  if (node.type === "Identifier") return evaluate(known.get(String(node["name"])), known);
  if (node.type !== "BinaryExpression") return undefined;
  const left = evaluate(child(node, "left"), known);
  const right = evaluate(child(node, "right"), known);
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  return { "+": left + right, "-": left - right, "*": left * right, "/": left / right, "**": left ** right }[
    String(node["operator"])
  ];
}

const isNode = (value: unknown): value is Node => typeof (value as Partial<Node> | null)?.type === "string";

function child(node: unknown, key: string): Node | undefined {
  const value = isNode(node) ? node[key] : undefined;
  return isNode(value) ? value : undefined;
}

function list(node: unknown, key: string): Node[] {
  const value = isNode(node) ? node[key] : undefined;
  return Array.isArray(value) ? value.filter(isNode) : [];
}
