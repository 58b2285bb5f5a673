import type { Comparison, Operator } from "./ast.ts";
import { failed, unsupported } from "./errors.ts";
import { methodOf } from "./methods.ts";
import { printed, shown } from "./printing.ts";
import {
  Callable,
  compare,
  contains,
  integerOf,
  isEqual,
  isNumber,
  memberOf,
  Namespace,
  numberOf,
  Tuple,
  tupleOf,
  typeOf,
  type Value,
  hasKey,
  REPEATED_CHARS_MAX,
} from "./values.ts";

const POWER_MAX = 1000n;

export function compared(operator: Comparison, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "in":
      return contains(right, left);
    case "not in":
      return !contains(right, left);
    case "<":
      return compare(left, right) < 0;
    case "<=":
      return compare(left, right) <= 0;
    case ">":
      return compare(left, right) > 0;
    case ">=":
      return compare(left, right) >= 0;
  }
}

export function operated(operator: Operator, left: Value, right: Value): Value {
  if (operator === "~") return printed(left) + printed(right);
  if (operator === "%" && typeof left === "string") return percent(left, right);
  if (isNumber(left) && isNumber(right)) return counted(operator, numberOf(left), numberOf(right));
  if (operator === "+") {
    if (typeof left === "string" && typeof right === "string") return left + right;
    if (left instanceof Tuple && right instanceof Tuple) return tupleOf([...left, ...right]);
    if (Array.isArray(left) && Array.isArray(right) && !(left instanceof Tuple) && !(right instanceof Tuple))
      return [...left, ...right];
  }
  if (operator === "*") {
    const [many, times] = typeof left === "bigint" ? [right, left] : [left, right];
    if (typeof times === "bigint" && (typeof many === "string" || Array.isArray(many))) return repeated(many, times);
  }
  throw failed(`${typeOf(left)} ${operator} ${typeOf(right)}`);
}

function repeated(value: string | Value[], times: bigint): Value {
  const count = times < 0n || value.length === 0 ? 0 : Number(times);
  if (count * value.length > REPEATED_CHARS_MAX) throw failed("a text is repeated too often");
  if (typeof value === "string") return value.repeat(count);
  const items = Array.from({ length: count }, () => [...value]).flat();
  return value instanceof Tuple ? tupleOf(items) : items;
}

function counted(operator: Exclude<Operator, "~">, left: number | bigint, right: number | bigint): Value {
  // eslint-disable-next-line eqeqeq -- of either kind
  if (["/", "//", "%"].includes(operator) && right == 0) throw failed("a division by zero");
  if (typeof left === "bigint" && typeof right === "bigint")
    switch (operator) {
      case "+":
        return left + right;
      case "-":
        return left - right;
      case "*":
        return left * right;
      case "/":
        return Number(left) / Number(right);
      case "//":
        return (left - modulo(left, right)) / right;
      case "%":
        return modulo(left, right);
      case "**":
        if (right > POWER_MAX) throw failed("a power that is too large");
        return right < 0n ? Number(left) ** Number(right) : left ** right;
    }
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return Math.floor(a / b);
    case "%":
      return a - Math.floor(a / b) * b;
    case "**":
      return a ** b;
  }
}

/** Python's has the divisor's sign. */
const modulo = (left: bigint, right: bigint): bigint => ((left % right) + right) % right;

/** The simple part of Python's `%` for texts. */
function percent(format: string, given: Value): string {
  const values = given instanceof Tuple ? [...given] : [given];
  const text = format.replaceAll(/%(.?)/gs, (_, letter: string) => {
    if (letter === "%") return "%";
    if (values.length === 0) throw failed("a text's % has too few values");
    const value = values.shift();
    if (letter === "s") return printed(value);
    if (letter === "r") return shown(value);
    if ((letter === "d" || letter === "i") && isNumber(value)) return String(Math.trunc(Number(numberOf(value))));
    throw unsupported(`"%${letter}" in a text`);
  });
  if (values.length > 0 && !(given instanceof Map)) throw failed("a text's % has too many values");
  return text;
}

/** `value.name`: what Python has under that name, then the member. */
export function attributeOf(value: Value, name: string): Value {
  if (value === undefined) throw failed(`"${name}" is asked of what is undefined`);
  if (value instanceof Namespace) return value.members.get(name);
  if (value instanceof Callable) return value.members.get(name);
  return methodOf(value, name) ?? (value instanceof Map ? value.get(name) : undefined);
}

/** `value[at]`: the member, then what Python has under that name. */
export function itemOf(value: Value, at: Value): Value {
  if (value === undefined) throw failed("a member is asked of what is undefined");
  if (value instanceof Map && !(at instanceof Map || Array.isArray(at)) && hasKey(value, at))
    return memberOf(value, at);
  if ((Array.isArray(value) || typeof value === "string") && (typeof at === "bigint" || typeof at === "boolean")) {
    const items = typeof value === "string" ? Array.from(value) : value;
    return items.at(Number(integerOf(at, "a place")));
  }
  return typeof at === "string" ? attributeOf(value, at) : undefined;
}

export function sliceOf(value: Value, bounds: readonly Value[]): Value {
  if (typeof value !== "string" && !Array.isArray(value)) throw failed(`${typeOf(value)} is sliced`);
  const items = typeof value === "string" ? Array.from(value) : [...value];
  const [start, stop, step] = bounds.map((bound) =>
    bound === undefined || bound === null ? undefined : Number(integerOf(bound, "a slice's bound")),
  );
  const sliced = every(items, start, stop, step ?? 1);
  if (typeof value === "string") return sliced.map(printed).join("");
  return value instanceof Tuple ? tupleOf(sliced) : sliced;
}

function every<Item>(
  items: readonly Item[],
  start: number | undefined,
  stop: number | undefined,
  step: number,
): Item[] {
  if (step === 0) throw failed("a slice goes on by zero");
  const { length } = items;
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (bound: number | undefined, otherwise: number) =>
    bound === undefined ? otherwise : Math.min(most, Math.max(least, bound < 0 ? bound + length : bound));
  const [from, to] = step > 0 ? [place(start, 0), place(stop, length)] : [place(start, length - 1), place(stop, -1)];
  const sliced: Item[] = [];
  for (let at = from; step > 0 ? at < to : at > to; at += step) sliced.push(items[at] as Item);
  return sliced;
}
