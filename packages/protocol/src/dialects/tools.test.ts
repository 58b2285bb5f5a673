import { describe, expect, it } from "vitest";
import { type FailureCode, NetworkError } from "../failures.ts";
import { TOOL_NAME_CHARS_MAX, TOOLS_MAX } from "../limits.ts";
import type { ToolChoice } from "./job.ts";
import { argumentsOf, checkToolChoice, type GivenTool, readFormat, readTools } from "./tools.ts";

/** `taken`, or the code and field of the refusal. */
function outcomeOf(act: () => unknown): string {
  try {
    act();
    return "taken";
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    const { failure } = error;
    return `${failure.code satisfies FailureCode} ${"param" in failure ? failure.param : ""}`;
  }
}

const exact = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
/** A schema with a word that cannot be kept to. */
const loose = { type: "object", properties: { a: { not: { type: "null" } } } };
/** As chat nests them. */
const fields = { name: "function.name", parameters: "function.parameters" };
const tool = (more: Partial<GivenTool> = {}): GivenTool => ({
  name: "add",
  parameters: exact,
  strict: undefined,
  ...more,
});

describe("tools", () => {
  it.each<[string, GivenTool[], string]>([
    ["none", [], "taken"],
    ["as many as there may be", Array.from({ length: TOOLS_MAX }, (_, at) => tool({ name: `t${at}` })), "taken"],
    ["too many", Array.from({ length: TOOLS_MAX + 1 }, (_, at) => tool({ name: `t${at}` })), "body_invalid tools"],
    ["the longest name", [tool({ name: "aZ_-9".padEnd(TOOL_NAME_CHARS_MAX, "x") })], "taken"],
    ["a longer name", [tool({ name: "x".repeat(TOOL_NAME_CHARS_MAX + 1) })], "body_invalid tools.0.function.name"],
    ["an empty name", [tool({ name: "" })], "body_invalid tools.0.function.name"],
    ["a name with a space", [tool({ name: "a b" })], "body_invalid tools.0.function.name"],
    ["a name with a line end", [tool({ name: "a\n" })], "body_invalid tools.0.function.name"],
    ["a name with an accent", [tool({ name: "é" })], "body_invalid tools.0.function.name"],
    ["two of one name", [tool(), tool()], "body_invalid tools.1.function.name"],
    ["parameters that are a list", [tool({ parameters: [] })], "body_invalid tools.0.function.parameters"],
    ["parameters that are true", [tool({ parameters: true })], "body_invalid tools.0.function.parameters"],
    ["a schema that cannot be kept to", [tool({ parameters: loose })], "taken"],
    ["the same, as far as it can be", [tool({ parameters: loose, strict: false })], "taken"],
    ["the same, strictly", [tool({ parameters: loose, strict: true })], "unsupported tools.0.function.parameters"],
    [
      "a reference to nowhere",
      [tool({ parameters: { $ref: "#/x" }, strict: true })],
      "unsupported tools.0.function.parameters",
    ],
  ])("%s", (_, given, expected) => expect(outcomeOf(() => readTools(given, fields))).toBe(expected));

  it("are passed on as they were written, with what is enforced beside it", () => {
    const [read] = readTools([tool({ description: "Adds" })], fields);
    expect(read).toMatchObject({ name: "add", description: "Adds", schema: { root: { kind: "object" } } });
    expect(read?.parameters).toBe(exact);
  });

  it("without parameters take an object of nothing", () => {
    for (const parameters of [undefined, null])
      expect(readTools([tool({ parameters })], fields)[0]).toMatchObject({
        parameters: { type: "object", properties: {} },
        schema: { root: { kind: "object" } },
      });
    expect(Object.hasOwn(readTools([tool()], fields)[0] ?? {}, "description")).toBe(false);
  });
});

describe("a form for the answer", () => {
  it.each<[unknown, boolean, string]>([
    [exact, true, "taken"],
    [exact, false, "taken"],
    [loose, false, "taken"],
    [loose, true, "unsupported f"],
  ])("%j, strict %j", (schema, strict, expected) =>
    expect(outcomeOf(() => readFormat(schema, strict, "f"))).toBe(expected),
  );
});

describe("a choice among tools", () => {
  const tools = readTools([tool()], fields);
  it.each<[ToolChoice, boolean, string]>([
    ["auto", false, "taken"],
    ["none", false, "taken"],
    ["required", true, "taken"],
    ["required", false, "body_invalid tool_choice"],
    [{ name: "add" }, true, "taken"],
    [{ name: "add" }, false, "body_invalid tool_choice"],
    [{ name: "sub" }, true, "body_invalid tool_choice"],
  ])("%j, tools there: %j", (choice, has, expected) =>
    expect(outcomeOf(() => checkToolChoice(choice, has ? tools : [], "tool_choice"))).toBe(expected),
  );
});

describe("the arguments of an earlier call", () => {
  it.each([
    ["", "{}"],
    [" \n", "{}"],
    ["{}", "{}"],
    [' {"a": 12345678901234567890} ', ' {"a": 12345678901234567890} '],
    // Cut by the output bound, and sent back as it was told.
    ["{", "{"],
    ['{"a":', '{"a":'],
    ['{"a": {"b": "c', '{"a": {"b": "c'],
    ['{"a": {"b": 1}', '{"a": {"b": 1}'],
  ])("%j are %j", (text, expected) => expect(argumentsOf(text, "p")).toBe(expected));

  it.each(["[]", "null", "5", '"{}"', "{a", "{} {}", "text"])("%j are refused", (text) =>
    expect(outcomeOf(() => argumentsOf(text, "p"))).toBe("body_invalid p"),
  );
});

/**
 * Goal: many tools cannot ask for much where each asks for little. Method: a pattern of some size in each, in a few
 * tools and in many.
 */
describe("the patterns of a request's tools", () => {
  const patterned = (count: number, strict: boolean | undefined): GivenTool[] =>
    Array.from({ length: count }, (_, at) =>
      tool({
        name: `tool_${at}`,
        parameters: { type: "object", properties: { code: { type: "string", pattern: `^\\w{${900 - at}}$` } } },
        strict,
      }),
    );

  it.each<[number, boolean | undefined, string]>([
    [3, true, "taken"],
    [100, true, "unsupported"],
    [100, undefined, "taken"],
    [100, false, "taken"],
  ])("of %i tools with strict %s are %s", (count, strict, expected) =>
    expect(outcomeOf(() => readTools(patterned(count, strict), fields)).split(" ")[0]).toBe(expected),
  );
});
