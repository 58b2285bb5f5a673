import { describe, expect, it } from "vitest";
import { NetworkError } from "../failures.ts";
import { type GivenTool, readTools } from "./tools.ts";

const tools = (count: number, strict: boolean | undefined): GivenTool[] =>
  Array.from({ length: count }, (_, at) => ({
    name: `tool_${at}`,
    parameters: { type: "object", properties: { code: { type: "string", pattern: `^\\w{${900 - at}}$` } } },
    strict,
  }));
const read = (count: number, strict: boolean | undefined): string => {
  try {
    readTools(tools(count, strict), "tools");
    return "taken";
  } catch (error) {
    return error instanceof NetworkError ? error.failure.code : "another error";
  }
};

/**
 * Goal: many tools cannot ask for much where each asks for little. Method: a pattern of some size in each, in a few
 * tools and in many.
 */
describe("the patterns of a request's tools", () => {
  it.each<[number, boolean | undefined, string]>([
    [3, true, "taken"],
    [100, true, "unsupported"],
    [100, undefined, "taken"],
    [100, false, "taken"],
  ])("of %i tools with strict %s are %s", (count, strict, outcome) => {
    expect(read(count, strict)).toBe(outcome);
  });
});
