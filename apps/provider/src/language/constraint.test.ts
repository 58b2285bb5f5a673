import { dialects, type Job } from "@darkbloom/protocol/dialects";
import { describe, expect, it } from "vitest";
import { constraintOf } from "./constraint.ts";

const parameters = { type: "object", properties: {} };
const tools = ["add", "now"].map((name) => ({ type: "function", function: { name, parameters } }));
const format = { type: "json_schema", json_schema: { name: "n", schema: parameters, strict: true } };
const jobOf = (fields: object): Job =>
  dialects["/v1/chat/completions"].decode({ model: "m", messages: [{ role: "user", content: "q" }], ...fields }).job;

/** Goal: a model is held to what was promised and to nothing else. Method: a request for each promise. */
describe("what a model is held to", () => {
  const named = { type: "function", function: { name: "now" } };
  it.each<[string, object, object | undefined]>([
    ["nothing", {}, undefined],
    ["nothing, where tools may not be called", { tools, tool_choice: "none" }, undefined],
    ["nothing, for text", { response_format: { type: "text" } }, undefined],
    ["a text of a form", { guided_choice: ["a"] }, { kind: "text" }],
    ["a schema of another name", { guided_json: parameters }, { kind: "json" }],
    ["any object", { response_format: { type: "json_object" } }, { kind: "json" }],
    ["a schema", { response_format: format }, { kind: "json" }],
    [
      "a schema where tools may not be called",
      { tools, tool_choice: "none", response_format: format },
      { kind: "json" },
    ],
    ["calls, if any", { tools }, { kind: "calls_if_any", many: true, names: ["add", "now"] }],
    [
      "one call, if any",
      { tools, parallel_tool_calls: false },
      { kind: "calls_if_any", many: false, names: ["add", "now"] },
    ],
    ["calls", { tools, tool_choice: "required" }, { kind: "calls", many: true, names: ["add", "now"] }],
    [
      "one call",
      { tools, tool_choice: "required", parallel_tool_calls: false },
      { kind: "calls", many: false, names: ["add", "now"] },
    ],
    [
      "calls or the form",
      { tools, response_format: format },
      { kind: "calls_or_json", many: true, names: ["add", "now"] },
    ],
    [
      "one call or any object",
      { tools, parallel_tool_calls: false, response_format: { type: "json_object" } },
      { kind: "calls_or_json", many: false, names: ["add", "now"] },
    ],
    [
      "calls, where one must come, whatever the form",
      { tools, tool_choice: "required", response_format: format },
      { kind: "calls", many: true, names: ["add", "now"] },
    ],
    ["the named call, once", { tools, tool_choice: named }, { kind: "calls", many: false, names: ["now"] }],
  ])("%s", (_, fields, expected) => {
    const job = jobOf(fields);
    const { constraint } = constraintOf(job);
    if (constraint?.kind.endsWith("json")) expect(constraint).toHaveProperty("schema", job.format);
    expect(
      constraint && {
        kind: constraint.kind,
        ...("tools" in constraint && { many: constraint.many, names: constraint.tools.map(({ name }) => name) }),
      },
    ).toEqual(expected);
  });
});
