import { describe, expect, it } from "vitest";
import type { Delta } from "../dialect.ts";
import { NetworkError } from "../../failures.ts";
import { openaiResponses } from "./index.ts";

const parameters = {
  type: "object",
  properties: { id: { type: "string" } },
  required: ["id"],
  additionalProperties: false,
};
const run = { type: "function", name: "run", description: "Runs it", parameters };
const agents = { type: "namespace", name: "agents", description: "Agents", tools: [{ ...run, name: "close" }, run] };
const patch = { type: "custom", name: "patch", description: "Patches files" };
const facts = { jobId: "job_1", createdSec: 1, nowSec: () => 2 };
const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, reasoningTokens: 0 };

const decode = (fields: object) => openaiResponses.decode({ model: "m", input: "hi", ...fields });

function refusal(fields: object) {
  try {
    decode(fields);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
  }
  throw new Error("it was taken");
}

/** Goal: agents that send more than functions are served. Method: what Codex sends, and what the model is told of it. */
describe("tools as the model is told them", () => {
  it.each([
    ["a function beside hosted tools", [run, { type: "web_search", external_web_access: true }], ["run"]],
    ["a namespace's", [agents], ["close", "run"]],
    ["a namespace's whose name is taken", [run, agents], ["run", "close", "agents__run"]],
    ["a custom one", [patch], ["patch"]],
    ["one of a namespace that is custom", [{ ...agents, tools: [patch] }], ["patch"]],
  ])("are %s", (_, tools, names) => {
    expect(decode({ tools }).job.tools.map(({ name }) => name)).toEqual(names);
  });

  it("tell a grammar with the description, and keep to it where it is a regex", () => {
    const format = { type: "grammar", syntax: "regex", definition: "a+" };
    expect(decode({ tools: [{ ...patch, format }] }).job.tools[0]).toMatchObject({
      description: "Patches files\nIts input is a text of this regex grammar:\na+",
      parameters: { properties: { input: { type: "string", pattern: "^(?:a+)$" } } },
    });
  });

  it.each([
    ["one of a namespace", { type: "function", name: "run", namespace: "agents" }, { name: "agents__run" }, 3],
    ["a custom one", { type: "custom", name: "patch" }, { name: "patch" }, 3],
    [
      "those that are allowed",
      { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "run" }] },
      "auto",
      1,
    ],
    [
      "one of those that are allowed",
      { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "run" }] },
      "required",
      1,
    ],
  ])("may be chosen: %s", (_, tool_choice, toolChoice, told) => {
    const tools = [run, { ...agents, tools: [run] }, patch];
    const { job } = decode({ tools, tool_choice });
    expect(job.toolChoice).toEqual(toolChoice);
    expect(job.tools).toHaveLength(told);
  });

  it.each([
    ["tools.0.type", { tools: [{ type: "web_search" }] }],
    ["tools.0.type", { tools: [{ type: "local_shell" }, run] }],
    ["tools.1.type", { tools: [run, { type: "mcp", server_label: "s" }] }],
    ["tools.0.tools.0.name", { tools: [{ ...agents, tools: [{ ...run, name: "a b" }] }] }],
    ["tools.0.tools.0.type", { tools: [{ ...agents, tools: [{ type: "web_search" }] }] }],
    ["tools.0.format", { tools: [{ ...patch, format: { type: "grammar", syntax: "ebnf", definition: "a" } }] }],
    ["tools.1.name", { tools: [run, run] }],
    [
      "tool_choice.tools",
      { tools: [run], tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "x" }] } },
    ],
    ["input.0.type", { input: [{ type: "item_reference", id: "msg_1" }] }],
  ])("are refused by name: %s", (param, fields) => expect(refusal(fields)).toMatchObject({ param }));

  it("says to clients that name items which setting sends them whole", () =>
    expect(refusal({ input: [{ type: "item_reference", id: "msg_1" }] })).toMatchObject({
      reason: expect.stringContaining("'store: false'"),
    }));
});

describe("calls as the caller is told them", () => {
  const deltas: Delta[] = [
    { kind: "call", id: "c1", name: "agents__run" },
    { kind: "arguments", text: '{"id":"1"}' },
    { kind: "call", id: "c2", name: "patch" },
    { kind: "arguments", text: '{"input":"a\\' },
    { kind: "arguments", text: 'nb"}' },
  ];
  const output = [
    { type: "function_call", id: "fc_1_0", call_id: "c1", name: "run", namespace: "agents", arguments: '{"id":"1"}' },
    { type: "custom_tool_call", id: "ctc_1_1", call_id: "c2", name: "patch", input: "a\nb" },
  ].map((item) => ({ ...item, status: "completed" }));
  const tools = [run, agents, patch, { type: "web_search" }];
  const rendered = (stream: boolean): string => {
    const renderer = decode({ tools, stream }).renderer(facts);
    const begun = renderer.begin(usage) + deltas.map((delta) => renderer.delta(delta, 0)).join("");
    return begun + renderer.finish({ reason: "tool_calls" }, 0) + renderer.end(usage);
  };

  it("have the caller's names, and text where text was asked for", () =>
    expect(JSON.parse(rendered(false))).toMatchObject({ output, completed_at: 2, tools: [run, agents, patch] }));

  it("are streamed as text", () => {
    const events = rendered(true)
      .split("\n\n")
      .flatMap((event) =>
        event === "" ? [] : [JSON.parse(event.split("data: ")[1] ?? "") as { type: string; delta?: string }],
      );
    const told = events
      .filter(({ type }) => type === "response.custom_tool_call_input.delta")
      .map(({ delta }) => delta);
    expect(told).toEqual(["a", "\nb"]);
    expect(events.filter(({ type }) => type === "response.output_item.done")).toMatchObject(
      output.map((item) => ({ item })),
    );
    expect(events).toContainEqual(
      expect.objectContaining({ type: "response.custom_tool_call_input.done", input: "a\nb" }),
    );
  });

  it("come back in the next turn under the names that the model knows", () => {
    const input = [
      { role: "user", content: "hi" },
      ...output,
      { type: "function_call_output", call_id: "c1", output: "ok" },
      { type: "custom_tool_call_output", call_id: "c2", output: "done" },
      { type: "web_search_call", id: "ws_1", status: "completed" },
    ];
    expect(decode({ tools, input }).job.messages).toEqual([
      { role: "user", text: "hi" },
      {
        role: "assistant",
        text: "",
        toolCalls: [
          { id: "c1", name: "agents__run", arguments: '{"id":"1"}' },
          { id: "c2", name: "patch", arguments: '{"input":"a\\nb"}' },
        ],
      },
      { role: "tool", callId: "c1", text: "ok" },
      { role: "tool", callId: "c2", text: "done" },
    ]);
  });
});
