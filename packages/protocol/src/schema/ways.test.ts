import { describe, expect, it } from "vitest";
import { GRAMMAR_SIZE_MAX, SchemaAllowance } from "./allowance.ts";
import { readSchema } from "./read-schema.ts";
import { WAYS_MAX } from "./ways.ts";

type Json = Readonly<Record<string, unknown>>;

const many = <T>(count: number, of: (at: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, at) => of(at));
const object = (properties: Json, required: readonly string[] = Object.keys(properties)): Json => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const ref = (name: string): Json => ({ $ref: `#/$defs/${name}` });
/** Definitions d0, d1, …, each made of a reference to the next; the last one is a string. */
const chain = (length: number, of: (next: Json) => Json): Json => ({
  ...ref("d0"),
  $defs: Object.fromEntries([
    ...many(length, (at) => [`d${at}`, of(ref(`d${at + 1}`))] as const),
    [`d${length}`, { type: "string" }],
  ]),
});
/** A definition `d` that may hold itself. */
const recursive = (d: Json): Json => ({ ...ref("d"), $defs: { d } });
const anyOf = (...branches: readonly Json[]): Json => ({ anyOf: branches });

const refusal = (schema: unknown, mode: "exact" | "relaxed"): string | undefined => {
  const read = readSchema(schema, mode);
  return "refused" in read ? read.refused : undefined;
};
const words = `the schema leaves more than ${WAYS_MAX} ways open`;
const text = { type: "string" };
const tagged = (tag: string, more: Json = {}): Json => object({ type: { const: tag }, ...more });

/**
 * Goal: what would have a model's engine follow more readings than it can is refused, in both modes, before
 * anything is compiled. Method: each way for a small schema to have many, at once or as an answer grows.
 */
it.each<[string, Json]>([
  ["references to the next one twice", chain(60, (next) => anyOf(next, next))],
  ["references by oneOf", chain(60, (next) => ({ oneOf: [next, next] }))],
  ["a few of them, and more each time", chain(5, (next) => anyOf(next, next, next, next))],
  [
    "references behind an opening bracket",
    chain(12, (next) => anyOf({ type: "array", items: next }, { type: "array", items: next, maxItems: 3 })),
  ],
  [
    "objects that a last member tells apart",
    chain(20, (next) => anyOf(object({ a: next, b: { const: 1 } }), object({ a: next, b: { const: 2 } }))),
  ],
  [
    "the same in one that holds itself",
    recursive(
      anyOf(object({ a: ref("d"), b: { const: 1 } }), object({ a: ref("d"), b: { const: 2 } }), { type: "null" }),
    ),
  ],
  [
    "records beside records",
    recursive(
      anyOf(
        { type: "object", additionalProperties: ref("d") },
        { type: "object", additionalProperties: { type: "array", items: ref("d") } },
        { type: "object", additionalProperties: anyOf(ref("d"), text) },
      ),
    ),
  ],
  [
    "a record beside an object",
    recursive(anyOf(object({ a: ref("d") }), { type: "object", additionalProperties: ref("d") }, text)),
  ],
  [
    "members that may be left out in one of two",
    recursive(
      anyOf(object({ x: text, a: ref("d") }, ["a"]), object({ y: text, a: ref("d") }, ["a"]), { type: "null" }),
    ),
  ],
  ["many alternatives", anyOf(...many(WAYS_MAX + 1, (at) => object({ a: text, b: { const: at } })))],
  ["many members that may be left out", object(Object.fromEntries(many(WAYS_MAX, (at) => [`m${at}`, text])), [])],
  ["many strings of their own lengths", anyOf(...many(90, (at) => ({ type: "string", maxLength: 100 + at })))],
  ["anything, many times", anyOf(...many(40, () => ({})))],
])("refuses %s", (_, schema) => {
  const startedAt = process.threadCpuUsage();
  for (const mode of ["exact", "relaxed"] as const)
    expect(refusal(schema, mode)?.slice(0, words.length) ?? refusal(schema, mode)).toBe(words);
  // A second is a hundred times what it takes, and nothing to what following them would.
  expect(process.threadCpuUsage(startedAt).user).toBeLessThan(1_000_000);
});

/** Goal: what people send is taken. Method: large and recursive schemas in which what is written tells the alternatives apart. */
it.each<[string, Json]>([
  ["a long chain of references", chain(1_000, (next) => next)],
  ["a chain of objects", chain(300, (next) => object({ next: anyOf(next, { type: "null" }) }))],
  ["a tree", recursive(object({ value: text, children: { type: "array", items: ref("d") } }))],
  ["a tree whose members may be left out", recursive(object({ value: text, left: ref("d"), right: ref("d") }, []))],
  [
    "any JSON",
    recursive(
      anyOf(
        text,
        { type: "number" },
        { type: "boolean" },
        { type: "null" },
        { type: "array", items: ref("d") },
        { type: "object", additionalProperties: ref("d") },
      ),
    ),
  ],
  [
    "a language of 60 forms",
    recursive(anyOf(...many(60, (at) => tagged(`form_${at}`, at === 0 ? {} : { left: ref("d"), right: ref("d") })))),
  ],
  [
    "forms told apart behind a name",
    recursive(
      anyOf(...many(30, (at) => object({ id: text, type: { const: `t${at}` }, child: ref("d") })), { type: "null" }),
    ),
  ],
  [
    "forms told apart by their only member",
    recursive(anyOf(...many(30, (at) => object({ [`op${at}`]: ref("d") }, [])), text)),
  ],
  [
    "forms told apart by a member's type",
    recursive(
      anyOf(
        object({ a: text, d: ref("d") }),
        object({ a: { type: "integer" }, d: ref("d") }),
        object({ a: { type: "null" }, d: ref("d") }),
        text,
      ),
    ),
  ],
  [
    "lists of lists",
    recursive(anyOf({ type: "array", items: ref("d") }, { type: "array", items: text }, { type: "integer" })),
  ],
  ["2,000 constants", { enum: many(2_000, (at) => `constant number ${at}`) }],
  ["200 members that may be left out", object(Object.fromEntries(many(200, (at) => [`m${at}`, text])), [])],
  ["4,000 members", object(Object.fromEntries(many(4_000, (at) => [`m${at}`, text])))],
])("takes %s", (_, schema) => {
  expect(refusal(schema, "exact")).toBeUndefined();
  expect(refusal(schema, "relaxed")).toBeUndefined();
});

describe("the schemas of one request", () => {
  /** Goal: many schemas together are bounded too. Method: as many as fit, and one more. */
  it("have one bound on what their grammars spell out", () => {
    const large = { enum: many(1_000, (at) => `constant number ${at}`) };
    const allowance = new SchemaAllowance();
    const taken = many(20, () => "schema" in readSchema(large, "exact", allowance));
    const count = taken.filter(Boolean).length;
    expect(count).toBe(Math.floor(GRAMMAR_SIZE_MAX / 30_000));
    expect(taken).toEqual(many(20, (at) => at < count));
    const read = readSchema({ const: "x".repeat(GRAMMAR_SIZE_MAX) }, "relaxed");
    expect("refused" in read && read.refused).toMatch(/^the schemas of a request cannot be larger together/);
  });
});
