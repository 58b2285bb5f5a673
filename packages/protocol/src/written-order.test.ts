import fc from "fast-check";
import { expect, it } from "vitest";
import { dialects } from "./dialects/registry.ts";
import { readSchema } from "./schema/read-schema.ts";
import { namesAsWritten, parseAsWritten, REMEMBERED_OBJECTS_MAX } from "./written-order.ts";

const at = (value: unknown, ...path: readonly (string | number)[]): object => {
  let part = value;
  for (const step of path) part = Reflect.get(part as object, step);
  return part as object;
};

/** Goal: names stand in the order in which they were written. Method: texts, and where in them to look. */
it.each<[string, string, readonly (string | number)[], readonly string[]]>([
  ["names of whole numbers", '{"name":1,"10":2,"2":3}', [], ["name", "10", "2"]],
  ["no such names", '{"b":1,"a":2}', [], ["b", "a"]],
  ["in an object", '{"p":{"x":{}, "7" : 0 ,"3":[]}}', ["p"], ["x", "7", "3"]],
  ["in a list, behind other values", '[[1,2],"a,b",{"b":",","1":"{"}]', [2], ["b", "1"]],
  ["behind a text with brackets and quotes", '{"t":"}\\"]{","z":{"b":0,"1":0}}', ["z"], ["b", "1"]],
  ["behind an escaped backslash", '{"t":"\\\\","b":0,"1":0}', [], ["t", "b", "1"]],
  ["with escapes", '{"b":0,"\\u0031":0}', [], ["b", "1"]],
  ["with values that look like names", '{"b":"1","1":"b"}', [], ["b", "1"]],
  ["a name twice", '{"b":0,"1":0,"b":1}', [], ["b", "1"]],
  ["an object's name twice", '{"o":{"b":0,"1":0},"o":{"1":0,"b":0}}', ["o"], ["1", "b"]],
  ["an object's name twice, with other names", '{"o":{"b":0,"1":0},"o":{"c":0}}', ["o"], ["c"]],
  ["another value under the name later", '{"o":{"b":0,"1":0},"o":1,"z":{"b":0,"1":0}}', ["z"], ["b", "1"]],
  ["what a prototype is called", '{"__proto__":{"b":0,"1":0}}', ["__proto__"], ["b", "1"]],
])("%s", (_, text, path, names) => {
  const value = parseAsWritten(text);
  expect(value).toEqual(JSON.parse(text));
  expect(namesAsWritten(at(value, ...path))).toEqual(names);
});

/** Goal: nothing but the order differs from `JSON.parse`. Method: any JSON, and objects with names of both kinds. */
it("reads what JSON.parse reads", () => {
  fc.assert(
    fc.property(fc.json(), fc.uniqueArray(fc.oneof(fc.nat(20).map(String), fc.string())), (inner, names) => {
      const text = `[{${names.map((name) => `${JSON.stringify(name)} : ${inner}`).join(", ")}}]`;
      const value = parseAsWritten(text);
      expect(value).toEqual(JSON.parse(text));
      expect(namesAsWritten(at(value, 0))).toEqual(names);
    }),
  );
});

/** Goal: a body costs little more than its JSON, whatever is in it. Method: texts that were slow or too deep for the search. */
it.each<[string, string]>([
  ["a text of digits", `["${"1".repeat(16_000_000)}"]`],
  ["a text of escaped digits", `["${"\\u0031".repeat(1_000_000)}"]`],
  ["white space behind a text of digits", `["1"${" ".repeat(4_000_000)}]`],
])("bears %s", (_, text) => expect(parseAsWritten(text)).toEqual(JSON.parse(text)));

it("remembers so many objects and no more, and nothing of those that are gone", () => {
  const one = '{"b":0,"1":0}';
  const many = Array.from({ length: REMEMBERED_OBJECTS_MAX }, () => one);
  const value = parseAsWritten(`{"o":${one},"l":[${many.join()}],"o":{"c":0},"1":0}`);
  expect(namesAsWritten(at(value, "l", REMEMBERED_OBJECTS_MAX - 2))).toEqual(["b", "1"]);
  expect(namesAsWritten(at(value, "l", REMEMBERED_OBJECTS_MAX - 1))).toEqual(["1", "b"]);
  expect(namesAsWritten(at(value, "o"))).toEqual(["c"]);
  expect(namesAsWritten(at(value))).toEqual(["1", "o", "l"]);
});

it.each(["", "{", '{"1":}', '{"1":0}}'])("refuses %j", (text) => {
  expect(() => parseAsWritten(text)).toThrow(SyntaxError);
});

it("keeps a schema's members in its order, those that are only required behind them", () => {
  const text =
    '{"type":"object","properties":{"name":{"type":"null"},"10":{"type":"null"},"2":{"type":"null"}},"required":["name","10","2"],"additionalProperties":false}';
  const read = readSchema(parseAsWritten(text), "exact");
  expect("schema" in read && read.schema.root).toMatchObject({
    members: [{ name: "name" }, { name: "10" }, { name: "2" }],
  });
});

/** Goal: the order outlives the way from a body to its job. Method: every dialect that takes a schema. */
it.each<[keyof typeof dialects, (schema: string) => string]>([
  [
    "/v1/chat/completions",
    (schema) =>
      `"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":${schema}}}`,
  ],
  [
    "/v1/responses",
    (schema) => `"input":"x","text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":${schema}}}`,
  ],
  [
    "/v1/messages",
    (schema) =>
      `"max_tokens":9,"messages":[{"role":"user","content":"x"}],"output_config":{"format":{"type":"json_schema","schema":${schema}}}`,
  ],
])("%s keeps a schema's members in its order", (endpoint, body) => {
  const properties = '{"name":{"type":"null"},"10":{"type":"null"},"2":{"type":"null"}}';
  const schema = `{"type":"object","properties":${properties},"required":["name","10","2"],"additionalProperties":false}`;
  const { job } = dialects[endpoint].decode(parseAsWritten(`{"model":"m",${body(schema)}}`));
  expect(job.format?.root).toMatchObject({ members: [{ name: "name" }, { name: "10" }, { name: "2" }] });
});
