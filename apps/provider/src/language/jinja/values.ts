import { pushAll } from "@darkbloom/protocol/lists";
import { failed } from "./errors.ts";

/**
 * What a template computes with, with Python's meaning: a bigint is an `int`, a number a `float`, null is
 * None, undefined is Jinja's undefined, an array a list, a map a dict.
 */
export type Value =
  | undefined
  | null
  | boolean
  | bigint
  | number
  | string
  | Written
  | Value[]
  | Map<Value, Value>
  | Namespace
  | Callable;

export class Tuple extends Array<Value> {}

export function tupleOf(items: readonly Value[]): Tuple {
  const tuple = new Tuple();
  pushAll(tuple, items);
  return tuple;
}

/** A number of JSON whose digits a float does not keep: printed as it was written. */
export class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The one kind of object whose members a template may set. */
export class Namespace {
  readonly members: Map<string, Value>;

  constructor(members: Map<string, Value>) {
    this.members = members;
  }
}

export type Named = ReadonlyMap<string, Value>;

export class Callable {
  readonly call: (args: readonly Value[], named: Named) => Value;
  /** What may be read of it beside calling it, as of `loop`. */
  readonly members: ReadonlyMap<string, Value>;

  constructor(
    call: (args: readonly Value[], named: Named) => Value,
    members: ReadonlyMap<string, Value> = new Map<string, Value>(),
  ) {
    this.call = call;
    this.members = members;
  }
}

export const isNumber = (value: Value): value is number | bigint | boolean | Written =>
  typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" || value instanceof Written;

/** A whole number stays one. */
export function numberOf(value: number | bigint | boolean | Written): number | bigint {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return value instanceof Written ? Number(value.text) : value;
}

export function integerOf(value: Value, what: string): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  throw failed(`${what} must be a whole number, not ${typeOf(value)}`);
}

/** Repeated text, and what is filled up to a width, is bounded, as Python's sandbox bounds a range. */
export const REPEATED_CHARS_MAX = 100_000;

/** How wide something is to be; what is below nothing is nothing. */
export function widthOf(value: Value, what: string): number {
  const width = integerOf(value, what);
  if (width > REPEATED_CHARS_MAX) throw failed(`${what} is too large`);
  return Math.max(0, Number(width));
}

export function textOf(value: Value, what: string): string {
  if (typeof value === "string") return value;
  throw failed(`${what} must be a string, not ${typeOf(value)}`);
}

/** As Python names it. */
export function typeOf(value: Value): string {
  if (value === undefined) return "undefined";
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number" || value instanceof Written) return "float";
  if (typeof value === "string") return "str";
  if (value instanceof Tuple) return "tuple";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "dict";
  return value instanceof Namespace ? "namespace" : "function";
}

export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof Written) return Number(value.text) !== 0;
  return Boolean(value);
}

/** What a loop goes over. */
export function itemsOf(value: Value): Value[] {
  if (value === undefined) return [];
  if (typeof value === "string") return Array.from(value);
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys()];
  throw failed(`${typeOf(value)} is not iterable`);
}

export function lengthOf(value: Value): bigint {
  if (value === undefined) return 0n;
  if (typeof value === "string") return BigInt(Array.from(value).length);
  if (Array.isArray(value)) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  throw failed(`${typeOf(value)} has no length`);
}

export function isEqual(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) {
    const [left, right] = [numberOf(a), numberOf(b)];
    // eslint-disable-next-line eqeqeq -- 1 and 1.0 are equal in Python, and in JavaScript by this alone.
    return left == right;
  }
  if (Array.isArray(a) && Array.isArray(b))
    return (
      a instanceof Tuple === b instanceof Tuple && a.length === b.length && a.every((item, at) => isEqual(item, b[at]))
    );
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => hasKey(b, key) && isEqual(item, memberOf(b, key)));
  return a === b;
}

/** Numbers that are equal are the same key. */
const keyOf = (key: Value): Value => {
  if (typeof key === "boolean") return key ? 1n : 0n;
  return typeof key === "number" && Number.isInteger(key) ? BigInt(key) : key;
};
export const hasKey = (map: ReadonlyMap<Value, Value>, key: Value): boolean => map.has(key) || map.has(keyOf(key));
export const memberOf = (map: ReadonlyMap<Value, Value>, key: Value): Value =>
  map.has(key) ? map.get(key) : map.get(keyOf(key));

export function contains(container: Value, item: Value): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") throw failed(`'in <string>' requires a string, not ${typeOf(item)}`);
    return container.includes(item);
  }
  if (container instanceof Map) return hasKey(container, item);
  return itemsOf(container).some((other) => isEqual(other, item));
}

/** Below 0 where `a` comes first. */
export function compare(a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) {
    const [left, right] = [numberOf(a), numberOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  if (Array.isArray(a) && Array.isArray(b)) {
    for (const [at, item] of a.entries()) {
      if (at >= b.length) return 1;
      if (!isEqual(item, b[at])) return compare(item, b[at]);
    }
    return a.length - b.length;
  }
  throw failed(`${typeOf(a)} and ${typeOf(b)} cannot be compared`);
}

/** By code points, which UTF-16 units do not order. */
function compareTexts(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (const [at, char] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    if (char !== other) return (char.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
  }
  return left.length - right.length;
}

export type Filter = (value: Value, args: readonly Value[], named: Named) => Value;
