import type { Comparison } from "./ast.ts";
import { compared } from "./operations.ts";
import { Callable, integerOf, isEqual, Tuple, type Value, Written } from "./values.ts";

export type Test = (value: Value, args: readonly Value[]) => boolean;

const byOperator =
  (operator: Comparison): Test =>
  (value, [other]) =>
    compared(operator, value, other);
const isWhole = (value: Value): boolean => typeof value === "bigint";
const isFloat = (value: Value): boolean => typeof value === "number" || value instanceof Written;
const isSequence = (value: Value): boolean =>
  value === undefined || typeof value === "string" || Array.isArray(value) || value instanceof Map;
const isCased = (value: Value, text: (value: string) => string): boolean =>
  typeof value === "string" && value === text(value) && /\p{L}/u.test(value);

/** https://jinja.palletsprojects.com/en/stable/templates/#builtin-tests */
export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["boolean", (value) => typeof value === "boolean"],
  ["callable", (value) => value instanceof Callable],
  ["defined", (value) => value !== undefined],
  ["divisibleby", (value, [by]) => integerOf(value, "what is divided") % integerOf(by, "a divisor") === 0n],
  ["escaped", () => false],
  ["even", (value) => integerOf(value, "what is even") % 2n === 0n],
  ["false", (value) => value === false],
  ["float", isFloat],
  ["in", (value, [container]) => compared("in", value, container)],
  ["integer", isWhole],
  ["iterable", isSequence],
  ["lower", (value) => isCased(value, (text) => text.toLowerCase())],
  ["mapping", (value) => value instanceof Map],
  ["none", (value) => value === null],
  ["number", (value) => isWhole(value) || isFloat(value) || typeof value === "boolean"],
  ["odd", (value) => integerOf(value, "what is odd") % 2n !== 0n],
  [
    "sameas",
    (value, [other]) => value === other || (value instanceof Tuple && value.length === 0 && isEqual(value, other)),
  ],
  ["sequence", isSequence],
  ["string", (value) => typeof value === "string"],
  ["test", (value) => typeof value === "string" && tests.has(value)],
  ["true", (value) => value === true],
  ["undefined", (value) => value === undefined],
  ["upper", (value) => isCased(value, (text) => text.toUpperCase())],
  ...(
    [
      ["==", "eq", "equalto"],
      ["!=", "ne"],
      ["<", "lt", "lessthan"],
      ["<=", "le"],
      [">", "gt", "greaterthan"],
      [">=", "ge"],
    ] as const
  ).flatMap(([operator, ...names]) => [operator, ...names].map((name) => [name, byOperator(operator)] as const)),
]);
