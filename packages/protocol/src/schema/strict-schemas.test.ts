import { describe, expect, it } from "vitest";
import * as z from "zod";
import { readSchema } from "./read-schema.ts";

type Json = Readonly<Record<string, unknown>>;

const refusal = (schema: unknown): string | undefined => {
  const read = readSchema(schema, "exact");
  return "refused" in read ? read.refused : undefined;
};
const closed = (properties: Json) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

/** Goal: what the usual libraries write for OpenAI's strict mode is taken. Method: zod itself; pydantic's output, written out. */
describe("strict schemas", () => {
  it.each<[string, z.ZodType]>([
    [
      "an object",
      z.strictObject({ name: z.string().min(1).max(80), age: z.int().min(0), score: z.number().positive().lt(1e3) }),
    ],
    ["what may be null", z.strictObject({ note: z.string().nullable(), kind: z.enum(["a", "b"]).nullable() })],
    [
      "a tagged union",
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("a") }),
        z.strictObject({ kind: z.literal("b"), n: z.number() }),
      ]),
    ],
    ["a union", z.union([z.string(), z.array(z.boolean()).max(5)])],
    ["a record", z.record(z.string(), z.number())],
    [
      "formats",
      z.strictObject({
        day: z.iso.date(),
        at: z.iso.datetime({ offset: true }),
        utc: z.iso.datetime(),
        id: z.uuid(),
        v4: z.uuidv4(),
        mail: z.email().max(254),
        ip: z.ipv4(),
      }),
    ],
    [
      "patterns",
      z.strictObject({
        code: z.string().regex(/^[A-Z]{3}-\d{4}$/),
        path: z.string().startsWith("/").endsWith(".md").max(64),
        time: z.iso.time(),
      }),
    ],
    [
      "a recursive type",
      z.strictObject({
        value: z.string(),
        get next() {
          return z.null().or(z.lazy(() => z.strictObject({ value: z.string() })));
        },
      }),
    ],
  ])("takes %s of zod", (_, type) => {
    expect(refusal(z.toJSONSchema(type))).toBeUndefined();
  });

  it.each<[string, Json]>([
    [
      "a model with an enum, an optional and a nested model",
      {
        $defs: {
          Color: { enum: ["red", "green"], title: "Color", type: "string" },
          Part: closed({ name: { title: "Name", type: "string" }, color: { $ref: "#/$defs/Color" } }),
        },
        ...closed({
          parts: { items: { $ref: "#/$defs/Part" }, title: "Parts", type: "array", minItems: 1 },
          note: { anyOf: [{ type: "string" }, { type: "null" }], title: "Note" },
          main: { allOf: [{ $ref: "#/$defs/Part" }], description: "The one that counts." },
          weight: { exclusiveMinimum: 0, maximum: 2.5, title: "Weight", type: "number" },
          code: { maxLength: 8, pattern: "^[A-Z]+$", title: "Code", type: "string" },
        }),
        title: "Thing",
      },
    ],
    [
      "a model that holds itself",
      {
        $defs: { Node: closed({ children: { items: { $ref: "#/$defs/Node" }, type: "array" } }) },
        $ref: "#/$defs/Node",
      },
    ],
    [
      "a tagged union",
      {
        $defs: {
          Cat: closed({ kind: { const: "cat", type: "string" } }),
          Dog: closed({ kind: { const: "dog", type: "string" } }),
        },
        ...closed({
          pet: {
            discriminator: { mapping: { cat: "#/$defs/Cat", dog: "#/$defs/Dog" }, propertyName: "kind" },
            oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
          },
        }),
      },
    ],
  ])("takes %s of pydantic", (_, schema) => {
    expect(refusal(schema)).toBeUndefined();
  });
});
