import * as fc from "fast-check";

/** What the API description uses of JSON Schema (draft 2020-12). */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** Lists and strings are kept short; what is long has tests of its own. */
const LONG_MAX = 4;

/** Values that are valid by the schema, each with its optional members or without; free strings begin with `mark`. */
export function valuesOf(schema: JsonSchema, mark: string): fc.Arbitrary<unknown> {
  const again = (inner: JsonSchema) => valuesOf(inner, mark);
  const { type, enum: words, anyOf, oneOf, prefixItems } = schema;
  if ("const" in schema) return fc.constant(schema.const);
  if (words) return fc.constantFrom(...words);
  const branches = anyOf ?? oneOf;
  if (branches) return fc.oneof(...branches.map(again));
  if (typeof type === "object") return fc.oneof(...type.map((one) => again({ ...schema, type: one })));
  switch (type) {
    case "object":
      return objects(schema, mark);
    case "array":
      if (prefixItems) return fc.tuple(...prefixItems.map(again));
      return fc.array(again(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? LONG_MAX, Math.max(LONG_MAX, schema.minItems ?? 0)),
      });
    case "string":
      return strings(schema, mark);
    case "integer":
      return fc.integer({ min: lowest(schema, 1) ?? -1_000, max: Math.min(highest(schema, 1) ?? 1_000, 2 ** 31) });
    case "number":
      return fc.double({ min: lowest(schema, 0) ?? -1_000, max: highest(schema, 0) ?? 1_000, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objects(schema: JsonSchema, mark: string): fc.Arbitrary<unknown> {
  const members = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required);
  const known = fc.record(Object.fromEntries(members.map(([name, inner]) => [name, valuesOf(inner, mark)])), {
    requiredKeys: members.map(([name]) => name).filter((name) => required.has(name)),
  });
  if (typeof schema.additionalProperties !== "object") return known;
  const names = valuesOf({ type: "string", ...schema.propertyNames }, mark).map(String);
  return fc.dictionary(names, valuesOf(schema.additionalProperties, mark), { maxKeys: LONG_MAX });
}

function strings({ pattern, minLength = 0, maxLength = 64 }: JsonSchema, mark: string): fc.Arbitrary<string> {
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern)).filter((text) => text.length <= maxLength);
  const free = fc.string({ unit: "binary", minLength, maxLength: Math.min(maxLength, 24) });
  return fc.oneof(
    free,
    free.map((text) => (mark + text).slice(0, maxLength)),
  );
}

const lowest = ({ minimum, exclusiveMinimum }: JsonSchema, step: number): number | undefined =>
  minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + step);
const highest = ({ maximum, exclusiveMaximum }: JsonSchema, step: number): number | undefined =>
  maximum ?? (exclusiveMaximum === undefined ? undefined : exclusiveMaximum - step);
