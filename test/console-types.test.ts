import { expect, it } from "vitest";
import { typeOf, typesOf } from "../scripts/console/types-of.ts";

/** Goal: what the description says is what the console's types say. Method: each form that it has, and one that nobody knows. */
it.each<[Parameters<typeof typeOf>[0], string]>([
  [{ type: "string" }, "(string)"],
  [{ type: ["integer", "null"] }, "(number | null)"],
  [{ type: "string", enum: ["a", "b"] }, '("a" | "b")'],
  [{ const: "list", type: "string" }, '"list"'],
  [{ type: "array", items: { type: "boolean" } }, "((boolean)[])"],
  [{ type: "object", properties: { a: { type: "number" } }, required: ["a"] }, '({"a": (number);})'],
  [{ type: "object", properties: { a: { type: "number" } } }, '({"a"?: (number) | undefined;})'],
  [{ type: "object", additionalProperties: { type: "string" } }, "(Record<string, (string)>)"],
  [{ anyOf: [{ type: "string" }, { $ref: "#/components/schemas/key" }] }, '((string) | components["schemas"]["key"])'],
  [{}, "unknown"],
])("writes %j as %s", (schema, type) => {
  expect(typeOf(schema)).toBe(type);
});

it("refuses what it does not know", () => {
  expect(() => typeOf({ type: "tuple" })).toThrow(RangeError);
});

/** Goal: a call's parameters, body and answers are each in their place. Method: one route whole. */
it("writes a route as openapi-fetch reads it", () => {
  const text = typesOf({
    paths: {
      "/v1/keys/{id}": {
        get: {
          parameters: [
            { name: "id", in: "path", required: true, schema: { type: "string" } },
            { name: "limit", in: "query", schema: { type: "integer" } },
          ],
          responses: { "200": { content: { "application/json": { schema: { type: "string" } } } }, "4XX": {} },
        },
      },
      "/v1/messages": { post: { tags: ["inference"], responses: {} } },
    },
  });
  expect(text).toContain('path: {"id": (string);}');
  expect(text).toContain('query?: {"limit"?: (number) | undefined;}');
  expect(text).toContain('200: {headers: Record<string, unknown>; content: {"application/json": (string);};}');
  expect(text).toContain('"4XX": {headers: Record<string, unknown>; content?: never;}');
  expect(text).not.toContain("messages");
});
