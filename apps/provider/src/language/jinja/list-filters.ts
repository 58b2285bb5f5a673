import { pushAll } from "@darkbloom/protocol/lists";
import { failed, unsupported } from "./errors.ts";
import type { Filter } from "./values.ts";
import { itemOf, operated } from "./operations.ts";
import { printed } from "./printing.ts";
import { tests } from "./tests.ts";
import {
  compare,
  integerOf,
  REPEATED_CHARS_MAX,
  isEqual,
  isTrue,
  itemsOf,
  type Named,
  textOf,
  tupleOf,
  typeOf,
  type Value,
} from "./values.ts";

const given = (args: readonly Value[], named: Named, at: number, name: string): Value =>
  at < args.length ? args[at] : named.get(name);

/** What an attribute's path leads to, as in `map(attribute="a.b")`. */
function along(value: Value, path: Value): Value {
  if (path === undefined || path === null) return value;
  if (typeof path !== "string") return itemOf(value, path);
  return path.split(".").reduce<Value>((at, name) => itemOf(at, /^[0-9]+$/.test(name) ? BigInt(name) : name), value);
}

const folded = (value: Value, isExact: boolean): Value =>
  isExact || typeof value !== "string" ? value : value.toLowerCase();

/** Paths of several attributes have commas between. */
const keysOf = (value: Value, attribute: Value, isExact: boolean): Value =>
  typeof attribute === "string" && attribute.includes(",")
    ? tupleOf(attribute.split(",").map((path) => folded(along(value, path), isExact)))
    : folded(along(value, attribute), isExact);

const sorted: Filter = (value, args, named) => {
  const attribute = given(args, named, 2, "attribute");
  const isExact = isTrue(given(args, named, 1, "case_sensitive"));
  const way = isTrue(given(args, named, 0, "reverse")) ? -1 : 1;
  return itemsOf(value).toSorted((a, b) => way * compare(keysOf(a, attribute, isExact), keysOf(b, attribute, isExact)));
};

const dictSorted: Filter = (value, args, named) => {
  if (!(value instanceof Map)) throw failed(`the members of ${typeOf(value)} are sorted`);
  const isExact = isTrue(given(args, named, 0, "case_sensitive"));
  const at = given(args, named, 1, "by") === "value" ? 1 : 0;
  const way = isTrue(given(args, named, 2, "reverse")) ? -1 : 1;
  return [...value]
    .toSorted((a, b) => way * compare(folded(a[at], isExact), folded(b[at], isExact)))
    .map((pair) => tupleOf(pair));
};

const joined: Filter = (value, args, named) => {
  const attribute = given(args, named, 1, "attribute");
  const between = printed(given(args, named, 0, "d") ?? "");
  return itemsOf(value)
    .map((item) => printed(along(item, attribute)))
    .join(between);
};

/** Jinja2 asks first whether there is anything: these filters take `none` and give nothing. */
const itemsIfAny = (value: Value): Value[] => (isTrue(value) ? itemsOf(value) : []);

const mapped: Filter = (value, args, named) => {
  const items = itemsIfAny(value);
  const attribute = named.get("attribute");
  if (attribute !== undefined) return items.map((item) => along(item, attribute) ?? named.get("default"));
  const [name, ...rest] = args;
  const filter = filterNamed(textOf(name, "a filter's name"));
  return items.map((item) => filter(item, rest, named));
};

/** @param by whether the first argument names an attribute */
const chosen =
  (wanted: boolean, by: boolean): Filter =>
  (value, args) => {
    const [attribute, ...others] = by ? args : [undefined, ...args];
    const [name, ...rest] = others;
    const test = name === undefined ? isTrue : testNamed(printed(name));
    return itemsIfAny(value).filter((item) => test(by ? along(item, attribute) : item, rest) === wanted);
  };

function testNamed(name: string): (value: Value, args: readonly Value[]) => boolean {
  const test = tests.get(name);
  if (!test) throw unsupported(`the test "${name}"`);
  return test;
}

/** Filled by the filters, which `map` calls by name. */
const known = new Map<string, Filter>();
export const tellFilters = (filters: ReadonlyMap<string, Filter>): void => {
  for (const [name, filter] of filters) known.set(name, filter);
};
function filterNamed(name: string): Filter {
  const filter = known.get(name);
  if (!filter) throw unsupported(`the filter "${name}"`);
  return filter;
}

const grouped: Filter = (value, args, named) => {
  const attribute = given(args, named, 0, "attribute");
  const groups: [Value, Value[]][] = [];
  for (const item of itemsOf(value).toSorted((a, b) =>
    compare(folded(along(a, attribute), false), folded(along(b, attribute), false)),
  )) {
    const key = along(item, attribute) ?? named.get("default");
    const last = groups.at(-1);
    if (last && isEqual(last[0], key)) last[1].push(item);
    else groups.push([key, [item]]);
  }
  return groups.map((group) => tupleOf(group));
};

const extreme =
  (way: 1 | -1): Filter =>
  (value, args, named) => {
    const attribute = given(args, named, 1, "attribute");
    const isExact = isTrue(given(args, named, 0, "case_sensitive"));
    return itemsOf(value).reduce<Value>(
      (best, item, at) =>
        at === 0 || way * compare(keysOf(item, attribute, isExact), keysOf(best, attribute, isExact)) > 0 ? item : best,
      undefined,
    );
  };

const unique: Filter = (value, args, named) => {
  const attribute = given(args, named, 1, "attribute");
  const isExact = isTrue(given(args, named, 0, "case_sensitive"));
  const seen: Value[] = [];
  return itemsOf(value).filter((item) => {
    const key = keysOf(item, attribute, isExact);
    if (seen.some((other) => isEqual(other, key))) return false;
    seen.push(key);
    return true;
  });
};

const batched: Filter = (value, args, named) => {
  const size = Number(integerOf(given(args, named, 0, "linecount"), "a batch's size"));
  const fill = given(args, named, 1, "fill_with") ?? null;
  if (size < 1) throw failed("a batch of nothing");
  const batches: Value[][] = [];
  for (const [at, item] of itemsOf(value).entries())
    if (at % size === 0) batches.push([item]);
    else batches.at(-1)?.push(item);
  const last = batches.at(-1);
  if (last && fill !== null) {
    if (size > REPEATED_CHARS_MAX) throw failed("a batch is too long to be filled up");
    const missing = Array.from({ length: size - last.length }, () => fill);
    pushAll(last, missing);
  }
  return batches;
};

const summed: Filter = (value, args, named) =>
  itemsOf(value).reduce<Value>(
    (sum, item) => operated("+", sum, along(item, given(args, named, 0, "attribute"))),
    given(args, named, 1, "start") ?? 0n,
  );

/** Filters of what holds several values. */
export const listFilters: readonly (readonly [string, Filter])[] = [
  ["batch", batched],
  ["dictsort", dictSorted],
  ["first", (value) => itemsOf(value)[0]],
  ["groupby", grouped],
  ["join", joined],
  ["last", (value) => itemsOf(value).at(-1)],
  ["list", (value) => [...itemsOf(value)]],
  ["map", mapped],
  ["max", extreme(1)],
  ["min", extreme(-1)],
  ["reject", chosen(false, false)],
  ["rejectattr", chosen(false, true)],
  [
    "reverse",
    (value) => (typeof value === "string" ? Array.from(value).toReversed().join("") : [...itemsOf(value)].toReversed()),
  ],
  ["select", chosen(true, false)],
  ["selectattr", chosen(true, true)],
  ["sort", sorted],
  ["sum", summed],
  ["unique", unique],
];
