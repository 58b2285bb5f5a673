import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ITEMS_BOUND_MAX, readSchema, SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX } from "./read-schema.ts";
import { STRING_BOUND_CHARS_MAX } from "./read-string.ts";
import type { Shape } from "./shape.ts";

type Json = Readonly<Record<string, unknown>>;

const refusal = (schema: unknown, mode: "exact" | "relaxed" = "exact"): string | undefined => {
  const read = readSchema(schema, mode);
  return "refused" in read ? read.refused : undefined;
};
const shapeOf = (schema: unknown, mode: "exact" | "relaxed" = "exact"): Shape => {
  const read = readSchema(schema, mode);
  if ("refused" in read) throw new TypeError(read.refused);
  return read.schema.root;
};

const any: Shape = { kind: "any" };
const nothing: Shape = { kind: "null" };
const text: Shape = { kind: "string", minChars: 0, maxChars: undefined };
const whole: Shape = { kind: "integer", min: undefined, max: undefined };
const list = (items: Shape, min = 0, max?: number): Shape => ({ kind: "array", items, min, max });
const literal = (...texts: string[]): Shape => ({ kind: "literal", texts });
const choice = (...of: Shape[]): Shape => ({ kind: "choice", of });
const member = (name: string, shape: Shape, required = false) => ({ name, shape, required });
const string = (more: Json) => ({ type: "string", ...more });
const object = (more: Json) => ({ type: "object", ...more });
const closed = (properties: Json) =>
  object({ properties, required: Object.keys(properties), additionalProperties: false });
const nested = (levels: number): Json => (levels === 0 ? {} : { type: "array", items: nested(levels - 1) });

/** Goal: each form is taken as what it says. Method: its shape, the same in both modes. */
it.each<[string, unknown, Shape]>([
  ["an empty schema", {}, any],
  ["true", true, any],
  ["words about it", { title: "x", description: "x", default: 1, examples: [1], $comment: "x", deprecated: true }, any],
  ["null", { type: "null" }, nothing],
  ["a flag", { type: "boolean" }, { kind: "boolean" }],
  ["a number", { type: "number" }, { kind: "number" }],
  ["an integer", { type: "integer" }, whole],
  ["an integer's step of 1", { type: "integer", multipleOf: 1 }, whole],
  [
    "an integer's bounds",
    { type: "integer", minimum: -1.5, exclusiveMaximum: 3 },
    { kind: "integer", min: -1, max: 2 },
  ],
  [
    "the narrower of two bounds",
    { type: "integer", minimum: 1, exclusiveMinimum: 3 },
    { kind: "integer", min: 4, max: undefined },
  ],
  [
    "bounds that no integer of ours reaches",
    { type: "integer", minimum: -1e15, maximum: 1e300 },
    { kind: "integer", min: -999_999_999_999_999, max: 999_999_999_999_999 },
  ],
  [
    "exclusive bounds as draft 4 has them",
    { type: "integer", minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
    { kind: "integer", min: 2, max: 9 },
  ],
  [
    "a number's bounds",
    { type: "number", minimum: 0, exclusiveMaximum: 12.5 },
    { kind: "number", bounds: { places: 13, min: 0, max: 124_999_999_999_999 } },
  ],
  [
    "a number's bound",
    { type: "number", exclusiveMinimum: 0 },
    { kind: "number", bounds: { places: 14, min: 1, max: undefined } },
  ],
  [
    "a step of so many places",
    { type: "number", multipleOf: 0.01, minimum: 0.005 },
    { kind: "number", bounds: { places: 2, min: 1, max: undefined } },
  ],
  [
    "a step of 1",
    { type: "number", multipleOf: 1 },
    { kind: "number", bounds: { places: 0, min: undefined, max: undefined } },
  ],
  ["a string", { type: "string" }, text],
  ["a string's length", string({ minLength: 1, maxLength: 9 }), { kind: "string", minChars: 1, maxChars: 9 }],
  ["a list", { type: "array" }, list(any)],
  [
    "a list of something",
    { type: "array", items: { type: "null" }, minItems: 1, maxItems: 2, uniqueItems: false },
    list(nothing, 1, 2),
  ],
  ["a list of nothing", { type: "array", items: false, maxItems: 0 }, list(any, 0, 0)],
  ["an object", { type: "object" }, { kind: "object", members: [], rest: any }],
  [
    "an empty object",
    object({ properties: {}, additionalProperties: false }),
    { kind: "object", members: [], rest: undefined },
  ],
  [
    "members",
    object({ properties: { b: { type: "null" }, a: {} }, required: ["a"] }),
    { kind: "object", members: [member("b", nothing), member("a", any, true)], rest: undefined },
  ],
  [
    "a member that is only required",
    object({ required: ["a"], additionalProperties: { type: "null" } }),
    { kind: "object", members: [member("a", nothing, true)], rest: undefined },
  ],
  [
    "a record",
    object({ additionalProperties: { type: "null" }, propertyNames: { type: "string" }, minProperties: 0 }),
    { kind: "object", members: [], rest: nothing },
  ],
  ["the largest number that is kept", { const: 2 ** 53 - 1 }, literal("9007199254740991")],
  ["a constant", { const: { a: [1, "x"] } }, literal('{"a":[1,"x"]}')],
  ["null as a constant", { const: null }, literal("null")],
  ["a list of constants", { enum: ["a", 1, null, "a"] }, literal('"a"', "1", "null")],
  ["constants of a type", { type: ["integer", "null"], enum: [1, 1.5, "a", null] }, literal("1", "null")],
  ["several types", { type: ["string", "null"] }, choice(text, nothing)],
  ["a type that may be null", { type: "string", nullable: true }, choice(text, nothing)],
  ["an implied object", { properties: { a: {} } }, { kind: "object", members: [member("a", any)], rest: undefined }],
  ["an implied list", { items: { type: "null" } }, list(nothing)],
  ["an implied string", { maxLength: 3 }, { kind: "string", minChars: 0, maxChars: 3 }],
  ["an alternative", { anyOf: [{ type: "null" }, { type: "string" }] }, choice(nothing, text)],
  ["an alternative of one", { anyOf: [{ type: "null" }] }, nothing],
  ["an allOf of one", { allOf: [{ type: "null" }], description: "x" }, nothing],
  ["an alternative by type", { oneOf: [{ type: "null" }, { type: "string" }] }, choice(nothing, text)],
  ["an alternative by constant", { oneOf: [{ const: 1 }, { enum: [2, 3] }] }, choice(literal("1"), literal("2", "3"))],
])("takes %s", (_, schema, shape) => {
  expect(shapeOf(schema)).toEqual(shape);
  expect(shapeOf(schema, "relaxed")).toEqual(shape);
});

const cannot = (keyword: string) => `the keyword '${keyword}' cannot be enforced`;
const unreadable = "a 'pattern' of the schema cannot be enforced";
const oneOfWords = "nothing evident tells the branches of the schema's 'oneOf' apart";

/**
 * Goal: what cannot be enforced is refused by name where it is owed, and left out elsewhere. Method: each
 * keyword with the first words of its refusal and the shape that is left; the caller's words are never among ours.
 */
it.each<[unknown, string, Shape]>([
  ...["not", "if", "then", "else", "$dynamicRef", "$recursiveRef"].map((keyword): [unknown, string, Shape] => [
    { [keyword]: { const: "secret" } },
    cannot(keyword),
    any,
  ]),
  ...[
    "patternProperties",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
  ].map((keyword): [unknown, string, Shape] => [
    object({ [keyword]: { secret: {} } }),
    cannot(keyword),
    { kind: "object", members: [], rest: any },
  ]),
  [object({ minProperties: 1 }), cannot("minProperties"), { kind: "object", members: [], rest: any }],
  [object({ maxProperties: 1 }), cannot("maxProperties"), { kind: "object", members: [], rest: any }],
  ...[
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "unevaluatedItems",
  ].map((keyword): [unknown, string, Shape] => [{ type: "array", [keyword]: true }, cannot(keyword), list(any)]),
  [{ type: "integer", multipleOf: 5 }, cannot("multipleOf"), whole],
  [{ type: "number", multipleOf: 0.5 }, cannot("multipleOf"), { kind: "number" }],
  [string({ format: "secret" }), cannot("format"), text],
  [string({ pattern: "(?=secret)" }), unreadable, text],
  [string({ pattern: 7 }), unreadable, text],
  [
    string({ allOf: [{ pattern: "a" }, { pattern: "(?!secret)" }], pattern: "^b$" }),
    unreadable,
    shapeOf(string({ allOf: [{ pattern: "a" }], pattern: "^b$" }), "relaxed"),
  ],
  [
    string({ pattern: "^secret$", maxLength: 3 }),
    "no string can be of a 'pattern' or 'format'",
    shapeOf(string({ pattern: "^secret$" })),
  ],
  [string({ pattern: "secret", format: "date" }), "no string can be of a 'pattern' or 'format'", text],
  [
    string({ format: "email", maxLength: 50 }),
    "the schema's 'minLength' and 'maxLength' cannot be enforced beside",
    shapeOf(string({ format: "email" })),
  ],
  [string({ pattern: "^((((a?){60}){60}){60}){60}$" }), "the patterns are too large", text],
  [
    string({ maxLength: STRING_BOUND_CHARS_MAX + 1 }),
    `'maxLength' cannot be enforced above ${STRING_BOUND_CHARS_MAX}`,
    text,
  ],
  [
    { type: "array", minItems: ITEMS_BOUND_MAX + 1 },
    `'minItems' cannot be enforced above ${ITEMS_BOUND_MAX}`,
    list(any),
  ],
  [
    object({ properties: { secret: false } }),
    "the schema has a part that no document can be of",
    { kind: "object", members: [member("secret", any)], rest: undefined },
  ],
  [
    object({ required: ["secret"], additionalProperties: false }),
    "the schema requires a member that it does not allow",
    { kind: "object", members: [member("secret", any, true)], rest: undefined },
  ],
  [{ allOf: [{ type: "string" }, { minLength: 3 }] }, cannot("allOf"), any],
  [{ oneOf: [{ type: "integer" }, { type: "number" }] }, oneOfWords, choice(whole, { kind: "number" })],
  [{ oneOf: [{ items: {} }, { type: "null" }] }, oneOfWords, choice(list(any), nothing)],
  [{ oneOf: [{}, { type: "null" }] }, oneOfWords, choice(any, nothing)],
  [{ oneOf: [{ const: "a" }, { type: "string" }] }, oneOfWords, choice(literal('"a"'), text)],
  [{ oneOf: [{ const: 1 }, { enum: [1, 2] }] }, oneOfWords, choice(literal("1"), literal("1", "2"))],
  [{ oneOf: [{ const: [1] }, { const: [2] }] }, oneOfWords, choice(literal("[1]"), literal("[2]"))],
  [
    { oneOf: Array.from({ length: 101 }, (_, at) => ({ const: at })) },
    "'oneOf' cannot be enforced above 100",
    choice(...Array.from({ length: 101 }, (_, at) => literal(`${at}`))),
  ],
  [{ type: "string", anyOf: [{ minLength: 3 }] }, "the schema has a 'anyOf' with other keywords beside it", text],
  [{ anyOf: [{}], oneOf: [{}] }, "the schema has a 'anyOf' with other keywords beside it", any],
  [{ enum: ["secret"], minLength: 7 }, "the schema has other keywords beside 'enum'", literal('"secret"')],
  [{ const: "secret", enum: ["secret"] }, cannot("enum"), literal('"secret"')],
  [{ type: "array", items: { $id: "https://secret.example" } }, cannot("$id"), list(any)],
])("refuses %j where it is owed, and leaves out what cannot be enforced elsewhere", (schema, words, shape) => {
  expect(refusal(schema)?.slice(0, words.length)).toBe(words);
  expect(refusal(schema)).not.toMatch(/secret/);
  expect(shapeOf(schema, "relaxed")).toEqual(shape);
});

it("takes a null of OpenAPI where nothing stricter is asked for", () => {
  const schema = { anyOf: [{ type: "string" }], nullable: true };
  expect([shapeOf(schema), shapeOf(schema, "relaxed")]).toEqual([text, choice(text, nothing)]);
});

/** Goal: what is no JSON Schema, or one that nothing can be written to, is refused in both modes. Method: one line for each. */
it.each<[unknown, string]>([
  [null, "a schema is an object"],
  [[], "a schema is an object"],
  [{ type: "array", items: [{}] }, "a schema is an object"],
  [{ type: "secret" }, "the schema has a 'type' that JSON Schema does not know"],
  [{ type: ["string", "secret"] }, "the schema has a 'type' that JSON Schema does not know"],
  [{ type: [] }, "the schema has a 'type' that JSON Schema does not know"],
  [object({ properties: ["secret"] }), "the schema's 'properties' is not as JSON Schema has it"],
  [object({ required: [7] }), "the schema's 'required' is not as JSON Schema has it"],
  [{ anyOf: [] }, "the schema's 'anyOf' is not as JSON Schema has it"],
  [{ enum: "secret" }, "the schema's 'enum' is not as JSON Schema has it"],
  [{ enum: [] }, "the schema's 'enum' has no value of its type"],
  [{ type: "string", const: 7 }, "the schema's 'const' has no value of its type"],
  [{ enum: [Number.POSITIVE_INFINITY] }, "the schema has a number that is too large"],
  // JSON's own 9007199254740993 has become another number before anybody reads it.
  [{ const: 2 ** 53 }, "the schema has a number that is too large"],
  [{ enum: ["a", [-(2 ** 53)]] }, "the schema has a number that is too large"],
  [{ const: { a: 1e300 } }, "the schema has a number that is too large"],
  [string({ minLength: -1 }), "'minLength' is a whole number, at least 0"],
  [string({ maxLength: 1.5 }), "'maxLength' is a whole number, at least 0"],
  [string({ minLength: 2, maxLength: 1 }), "the schema's 'minLength' is above its 'maxLength'"],
  [{ type: "array", minItems: 2, maxItems: 1 }, "the schema's 'minItems' is above its 'maxItems'"],
  [{ type: "number", minimum: "secret" }, "the schema's 'minimum' is not as JSON Schema has it"],
  [{ type: "number", minimum: 2, exclusiveMaximum: 2 }, "no number that can be written is between the bounds"],
  [
    { type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 },
    "no number that can be written is between the bounds",
  ],
  [{ type: "integer", minimum: 1e15 }, "no number that can be written is between the bounds"],
  [{ $ref: "#/$defs/secret" }, "a reference in the schema leads nowhere"],
  [{ $ref: "https://secret.example" }, "a reference in the schema leads nowhere"],
  [{ $ref: "#/$defs/%" }, "a reference in the schema leads nowhere"],
  [{ $ref: "#/$defs/toString", $defs: {} }, "a reference in the schema leads nowhere"],
  [{ $ref: 7 }, "a reference in the schema leads nowhere"],
  [{ $ref: "#" }, "a reference in the schema leads to itself"],
  [
    { $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" },
    "a reference in the schema leads to itself",
  ],
  [closed({ again: { $ref: "#" } }), "no finite document can be of this schema"],
  [nested(SCHEMA_DEPTH_MAX + 1), `the schema has more than ${SCHEMA_DEPTH_MAX} levels`],
  [
    { const: JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`) as unknown },
    `the schema has more than ${SCHEMA_DEPTH_MAX} levels`,
  ],
  [
    { anyOf: Array.from({ length: SCHEMA_NODES_MAX }, () => ({})) },
    `the schema has more than ${SCHEMA_NODES_MAX} schemas and constants`,
  ],
  [
    { enum: Array.from({ length: SCHEMA_NODES_MAX }, (_, at) => at) },
    `the schema has more than ${SCHEMA_NODES_MAX} schemas and constants`,
  ],
])("refuses %j in both modes", (schema, words) => {
  for (const mode of ["exact", "relaxed"] as const) {
    expect(refusal(schema, mode)?.slice(0, words.length)).toBe(words);
    expect(refusal(schema, mode)).not.toMatch(/secret/);
  }
});

it("takes a schema at its bounds", () => {
  expect(refusal(nested(SCHEMA_DEPTH_MAX))).toBeUndefined();
  // The object, what else it may hold, and its members.
  const members = Array.from({ length: SCHEMA_NODES_MAX - 1 }, (_, at) => [`m${at}`, {}]);
  expect(refusal(closed(Object.fromEntries(members)))).toBeUndefined();
  expect(refusal({ type: "array", maxItems: ITEMS_BOUND_MAX })).toBeUndefined();
  expect(refusal(string({ maxLength: STRING_BOUND_CHARS_MAX }))).toBeUndefined();
});

/** Goal: bounds that are small each cannot be large together. Method: many members, each with its own. */
it.each<[string, (at: number) => Json, number, string]>([
  [
    "lists",
    (at) => ({ type: "array", maxItems: ITEMS_BOUND_MAX - (at % 2) }),
    40,
    "'minItems' and 'maxItems' cannot be enforced above",
  ],
  [
    "strings",
    (at) => string({ maxLength: STRING_BOUND_CHARS_MAX - at }),
    21,
    "'minLength' and 'maxLength' cannot be enforced above",
  ],
  ["patterns", (at) => string({ pattern: `^\\w{${1000 - at}}$` }), 6, "the patterns are too large"],
])("sums the bounds of %s", (_, of, count, words) => {
  const members = (length: number) =>
    closed(Object.fromEntries(Array.from({ length }, (__, at) => [`m${at}`, of(at)])));
  expect(refusal(members(count))?.slice(0, words.length)).toBe(words);
  expect(refusal(members(count), "relaxed")).toBeUndefined();
  expect(refusal(members(count - 2))).toBeUndefined();
});

it("counts equal strings once", () => {
  const same = string({ pattern: "^\\w{1000}$" });
  expect(refusal(closed(Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`m${at}`, same]))))).toBeUndefined();
});

describe("references", () => {
  it("are followed to anywhere in the schema, each once", () => {
    const schema = {
      ...object({
        properties: {
          a: { $ref: "#/$defs/x~1y" },
          b: { $ref: "#/$defs/x~1y" },
          c: { $ref: "#/definitions/z%20z" },
          d: { $ref: "#/properties/e" },
          e: { type: "null" },
        },
      }),
      $defs: { "x/y": { type: "boolean" } },
      definitions: { "z z": { type: "string" } },
    };
    const read = readSchema(schema, "exact");
    expect("schema" in read && [...read.schema.defs]).toEqual([
      ["d0", { kind: "boolean" }],
      ["d1", text],
      ["d2", nothing],
    ]);
  });

  it("may come again where something was written before, or another way ends", () => {
    const tree = object({ properties: { children: { type: "array", items: { $ref: "#" } } }, required: ["children"] });
    const chain = closed({ next: { anyOf: [{ $ref: "#" }, { type: "null" }] } });
    expect([refusal(tree), refusal(chain)]).toEqual([undefined, undefined]);
  });

  it("are looked through where the branches of a oneOf are told apart", () => {
    const tagged = (tag: string) => closed({ tag: { const: tag } });
    const of = (a: string, b: string) => ({
      oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b" }],
      $defs: { a: tagged(a), b: tagged(b) },
    });
    expect([refusal(of("x", "y")), refusal(of("x", "x"))?.startsWith(oneOfWords)]).toEqual([undefined, true]);
  });
});

/** Goal: nothing that is sent makes the reader fail, or comes back in its words. Method: any JSON, with our keywords among its names. */
it("reads or refuses anything", () => {
  const keyword = fc.constantFrom(
    "type",
    "anyOf",
    "allOf",
    "oneOf",
    "$ref",
    "enum",
    "const",
    "items",
    "properties",
    "required",
    "pattern",
    "minLength",
    "maximum",
    "additionalProperties",
    "secret",
  );
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom("secret", "object", "string", "number", "#", "(secret", "[s-e]"),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(keyword, tie("any"), { maxKeys: 5 }),
    ),
  })).any;
  fc.assert(
    fc.property(value, (schema) => {
      for (const mode of ["exact", "relaxed"] as const) expect(refusal(schema, mode) ?? "").not.toMatch(/secret/);
    }),
    { numRuns: 2_000 },
  );
});
