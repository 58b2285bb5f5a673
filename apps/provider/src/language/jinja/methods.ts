import { failed, unsupported } from "./errors.ts";
import { printed, shown } from "./printing.ts";
import { capitalize, lines, replace, split, splitFromEnd, strip, stripEnd, stripStart, title } from "./texts.ts";
import {
  Callable,
  hasKey,
  integerOf,
  widthOf,
  isEqual,
  isTrue,
  itemsOf,
  memberOf,
  type Named,
  textOf,
  tupleOf,
  type Value,
} from "./values.ts";

type Method<Of> = (of: Of, args: readonly Value[], named: Named) => Value;

const text = (args: readonly Value[], at = 0): string => textOf(args[at], "an argument");
const maybeText = (value: Value): string | undefined =>
  value === undefined || value === null ? undefined : textOf(value, "an argument");
const count = (value: Value): number => (value === undefined ? -1 : Number(integerOf(value, "a count")));
const texts = (value: Value): readonly string[] =>
  Array.isArray(value) ? value.map((one) => textOf(one, "an argument")) : [textOf(value, "an argument")];
const every = (value: string, pattern: RegExp): boolean => value !== "" && pattern.test(value);

/** The part of a text between two places, as `find` and its kind take them. */
function part(of: string, args: readonly Value[]): [text: string, from: number] {
  const chars = Array.from(of);
  const place = (value: Value, otherwise: number) => {
    if (value === undefined || value === null) return otherwise;
    const at = Number(integerOf(value, "a place"));
    return Math.max(0, Math.min(chars.length, at < 0 ? at + chars.length : at));
  };
  const from = place(args[1], 0);
  return [chars.slice(from, place(args[2], chars.length)).join(""), from];
}

function found(at: number, from: number, within: string): bigint {
  return at < 0 ? -1n : BigInt(from + Array.from(within.slice(0, at)).length);
}

function find(of: string, args: readonly Value[], last = false): bigint {
  const [within, from] = part(of, args);
  const at = last ? within.lastIndexOf(text(args)) : within.indexOf(text(args));
  return found(at, from, within);
}

const must = (at: bigint): bigint => {
  if (at < 0n) throw failed("a text that is looked for is not there");
  return at;
};

function padded(of: string, args: readonly Value[], side: "left" | "right" | "both"): string {
  const missing = widthOf(args[0], "a width") - Array.from(of).length;
  const fill = args[1] === undefined ? " " : text(args, 1);
  if (Array.from(fill).length !== 1) throw failed("what fills up is not one character");
  if (missing <= 0) return of;
  if (side === "both") {
    const left = Math.floor(missing / 2) + ((missing % 2) & ((missing + Array.from(of).length) % 2));
    return fill.repeat(left) + of + fill.repeat(missing - left);
  }
  return side === "left" ? of + fill.repeat(missing) : fill.repeat(missing) + of;
}

/** The simple part of Python's `format`. */
function formatted(of: string, args: readonly Value[], named: Named): string {
  let next = 0;
  return of.replaceAll(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, field: string | undefined) => {
    if (field === undefined) return whole.charAt(0);
    const [, name = "", repr] = /^(\w*)(!r|!s)?$/.exec(field) ?? [];
    if (!/^\w*(!r|!s)?$/.test(field)) throw unsupported(`"{${field}}" in a text's format`);
    const value = name === "" ? args[next++] : /^[0-9]+$/.test(name) ? args[Number(name)] : named.get(name);
    if (value === undefined) throw failed("a text's format has too few values");
    return repr === "!r" ? shown(value) : printed(value);
  });
}

const ofText: Readonly<Record<string, Method<string>>> = {
  capitalize,
  casefold: (of) => of.toLowerCase(),
  center: (of, args) => padded(of, args, "both"),
  count: (of, args) => {
    const [within] = part(of, args);
    const looked = text(args);
    return BigInt(looked === "" ? Array.from(within).length + 1 : within.split(looked).length - 1);
  },
  endswith: (of, [ends]) => texts(ends).some((end) => of.endsWith(end)),
  find: (of, args) => find(of, args),
  format: formatted,
  index: (of, args) => must(find(of, args)),
  isalnum: (of) => every(of, /^[\p{L}\p{N}]+$/u),
  isalpha: (of) => every(of, /^\p{L}+$/u),
  isascii: (of) => !/[^\p{ASCII}]/u.test(of),
  isdecimal: (of) => every(of, /^\p{Nd}+$/u),
  isdigit: (of) => every(of, /^\p{Nd}+$/u),
  isidentifier: (of) => every(of, /^[\p{L}_][\p{L}\p{Nd}_]*$/u),
  islower: (of) => /\p{L}/u.test(of) && of === of.toLowerCase(),
  isnumeric: (of) => every(of, /^\p{N}+$/u),
  isspace: (of) => every(of, /^\s+$/),
  istitle: (of) => /\p{L}/u.test(of) && of === title(of),
  isupper: (of) => /\p{L}/u.test(of) && of === of.toUpperCase(),
  join: (of, [items]) =>
    itemsOf(items)
      .map((item) => textOf(item, "what is joined"))
      .join(of),
  ljust: (of, args) => padded(of, args, "left"),
  lower: (of) => of.toLowerCase(),
  lstrip: (of, [chars]) => stripStart(of, maybeText(chars)),
  partition: (of, args) => {
    const at = of.indexOf(text(args));
    return tupleOf(at < 0 ? [of, "", ""] : [of.slice(0, at), text(args), of.slice(at + text(args).length)]);
  },
  removeprefix: (of, args) => (of.startsWith(text(args)) ? of.slice(text(args).length) : of),
  removesuffix: (of, args) => (text(args) !== "" && of.endsWith(text(args)) ? of.slice(0, -text(args).length) : of),
  replace: (of, args, named) => replace(of, text(args), text(args, 1), count(args[2] ?? named.get("count"))),
  rfind: (of, args) => find(of, args, true),
  rindex: (of, args) => must(find(of, args, true)),
  rjust: (of, args) => padded(of, args, "right"),
  rpartition: (of, args) => {
    const at = of.lastIndexOf(text(args));
    return tupleOf(at < 0 ? ["", "", of] : [of.slice(0, at), text(args), of.slice(at + text(args).length)]);
  },
  rsplit: (of, args, named) =>
    splitFromEnd(of, maybeText(args[0] ?? named.get("sep")), count(args[1] ?? named.get("maxsplit"))),
  rstrip: (of, [chars]) => stripEnd(of, maybeText(chars)),
  split: (of, args, named) =>
    split(of, maybeText(args[0] ?? named.get("sep")), count(args[1] ?? named.get("maxsplit"))),
  splitlines: (of, [keep], named) => lines(of, isTrue(keep ?? named.get("keepends"))),
  startswith: (of, [starts]) => texts(starts).some((start) => of.startsWith(start)),
  strip: (of, [chars]) => strip(of, maybeText(chars)),
  swapcase: (of) =>
    Array.from(of, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())).join(""),
  title,
  upper: (of) => of.toUpperCase(),
  zfill: (of, [width]) => {
    const [, sign = "", digits = ""] = /^([-+]?)(.*)$/s.exec(of) ?? [];
    return sign + digits.padStart(widthOf(width, "a width") - sign.length, "0");
  },
};

const ofMap: Readonly<Record<string, Method<Map<Value, Value>>>> = {
  copy: (of) => new Map(of),
  get: (of, [key, otherwise = null]) => (hasKey(of, key) ? memberOf(of, key) : otherwise),
  items: (of) => [...of].map((pair) => tupleOf(pair)),
  keys: (of) => [...of.keys()],
  values: (of) => [...of.values()],
};

const ofList: Readonly<Record<string, Method<Value[]>>> = {
  copy: (of) => [...of],
  count: (of, [item]) => BigInt(of.filter((one) => isEqual(one, item)).length),
  index: (of, [item]) => {
    const at = of.findIndex((one) => isEqual(one, item));
    if (at < 0) throw failed("an item that is looked for is not there");
    return BigInt(at);
  },
};

/** What changes a value: the sandbox that chat templates are written for has none of it either. */
const changing = [
  "append",
  "extend",
  "insert",
  "remove",
  "pop",
  "clear",
  "sort",
  "reverse",
  "update",
  "setdefault",
  "popitem",
];

/** A method of Python's kind of value; undefined where there is none of this name. */
export function methodOf(value: Value, name: string): Callable | undefined {
  if (typeof value === "string") return bound(ofText, value, name);
  if (value instanceof Map)
    return changing.includes(name) && !value.has(name) ? refused(name) : bound(ofMap, value, name);
  if (Array.isArray(value)) return changing.includes(name) ? refused(name) : bound(ofList, value, name);
  return undefined;
}

function bound<Of>(methods: Readonly<Record<string, Method<Of>>>, of: Of, name: string): Callable | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  return method && new Callable((args, named) => method(of, args, named));
}

const refused = (name: string): Callable =>
  new Callable(() => {
    throw failed(`.${name}() changes a value, which a template may not`);
  });

/** Python has them, and they are not known here. */
export const missingMethods: ReadonlySet<string> = new Set([
  "encode",
  "expandtabs",
  "format_map",
  "fromkeys",
  "isprintable",
  "maketrans",
  "translate",
  "as_integer_ratio",
  "bit_length",
  "hex",
  "is_integer",
  "to_bytes",
  "decode",
]);
