import * as fc from "fast-check";
import { concatBytes, utf8 } from "../src/bytes.ts";

/** Good input with something changed in it, for properties: what comes out is never what went in. */

type Bytes = Uint8Array<ArrayBuffer>;

/** One to three other bytes, or some more, or some fewer. */
export function changedBytes(bytes: Uint8Array): fc.Arbitrary<Bytes> {
  const more = fc
    .tuple(fc.oneof(fc.nat(bytes.length), fc.constant(bytes.length)), fc.uint8Array({ minLength: 1, maxLength: 4 }))
    .map(([at, added]) => concatBytes(bytes.subarray(0, at), added, bytes.subarray(at)));
  if (bytes.length === 0) return more;
  const place = fc.nat(bytes.length - 1);
  const other = fc
    .uniqueArray(fc.tuple(place, fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 3,
      selector: ([at]) => at,
    })
    .map((changes) => {
      const changed = Uint8Array.from(bytes);
      for (const [at, by] of changes) changed[at] = (changed[at] ?? 0) ^ by;
      return changed;
    });
  const fewer = fc
    .tuple(place, fc.integer({ min: 1, max: 4 }))
    .map(([at, count]) => concatBytes(bytes.subarray(0, at), bytes.subarray(at + count)));
  const cut = place.map((length) => Uint8Array.from(bytes.subarray(0, length)));
  return fc.oneof({ arbitrary: other, weight: 5 }, more, fewer, cut);
}

/** Bytes that are no longer UTF-8 come out as replacement characters, which a text may also hold. */
export const changedText = (text: string): fc.Arbitrary<string> =>
  changedBytes(utf8(text))
    .map((bytes) => new TextDecoder().decode(bytes))
    .filter((changed) => changed !== text);

/** The way to a value inside another. */
export type Way = readonly (string | number)[];

/** The ways to all values inside, whole ones before their parts. Bytes have no parts. */
export function waysIn(value: unknown, way: Way = []): readonly Way[] {
  const inner: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? [...value.entries()]
    : typeof value === "object" && value !== null && !(value instanceof Uint8Array)
      ? Object.entries(value)
      : [];
  return [way, ...inner.flatMap(([name, each]) => waysIn(each, [...way, name]))];
}

export const valueAt = (value: unknown, way: Way): unknown =>
  way.reduce((inner, name) => (inner as Readonly<Record<string | number, unknown>>)[name], value);

/** The same with another value there. */
export function replacedAt(value: unknown, [name, ...rest]: Way, by: unknown): unknown {
  if (name === undefined) return by;
  const inner = replacedAt(valueAt(value, [name]), rest, by);
  return Array.isArray(value)
    ? value.map((each: unknown, at) => (at === name ? inner : each))
    : { ...(value as object), [name]: inner };
}

/** What code that expects something else trips over: half a character, base64 that is spelled otherwise, names of objects' own. */
const stumblingBlocks: readonly unknown[] = [
  undefined,
  null,
  true,
  "",
  "\ud800",
  "QR==",
  "QUJD",
  "0".repeat(64),
  "__proto__",
  "constructor",
  "2026-02-30T00:00:00Z",
  "9999-12-31T23:59:59.999Z",
  -1,
  0.5,
  1e308,
  2 ** 53,
  [],
  {},
  [[]],
  { toString: 1 },
];

/** A JSON value with one value inside it replaced, left out or spelled otherwise. */
export const changedJson = (value: unknown): fc.Arbitrary<unknown> =>
  fc
    .constantFrom(...waysIn(value))
    .chain((way) => {
      const held = valueAt(value, way);
      const others: fc.Arbitrary<unknown>[] = [fc.constantFrom(...stumblingBlocks), fc.jsonValue({ maxDepth: 1 })];
      if (typeof held === "string") others.push(changedText(held));
      return fc.oneof(...others).map((by) => replacedAt(value, way, by));
    })
    .filter((changed) => JSON.stringify(changed) !== JSON.stringify(value));
