import type { Tool } from "@darkbloom/protocol/dialects";
import { anyObject } from "@darkbloom/protocol/schema";
import { getLlama, type Llama, LlamaLogLevel } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Constraint } from "./constraint.ts";
import { replyGrammar } from "./constraint-grammar.ts";
import type { ReplyForm } from "./reply.ts";
import { taggedCalls as tagged } from "./tool-syntax.ts";

const tools: Tool[] = [
  {
    name: "look",
    parameters: {},
    schema: { root: { kind: "object", members: [], rest: undefined }, defs: new Map() },
  },
];
const call = '{"name": "look", "arguments": {}}';
const whole = `<tool_call>\n${call}\n</tool_call>`;
const json: Constraint = { kind: "json", schema: anyObject };
const owed: Constraint = { kind: "calls", tools, many: false };
const either: Constraint = { kind: "calls_or_json", tools, many: true, schema: anyObject };
const free: Constraint = { kind: "calls_if_any", tools, many: false };

describe("the grammar of a reply", () => {
  let llama: Llama;
  beforeAll(async () => {
    llama = await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: LlamaLogLevel.disabled });
  });
  afterAll(async () => llama.dispose());

  const plain: ReplyForm = { opensThinking: false };
  const thinking: ReplyForm = { opensThinking: true };
  const mayThink: ReplyForm = {
    ...plain,
    toolSyntax: tagged,
    thought: { open: "<think>", close: "</think>", asTokens: false, expected: true },
  };
  const withTags: ReplyForm = { ...plain, toolSyntax: tagged };
  const thinkingWithTags: ReplyForm = { ...thinking, toolSyntax: tagged };

  it.each<[Constraint, ReplyForm, string, boolean]>([
    [json, plain, "{}", true],
    [json, plain, "Sure: {}", false],
    [json, thinking, "Hm, {.</think>\n\n{}", true],
    [json, thinking, "<</</think</think>{}", true],
    [json, thinking, "</think>{}", true],
    [json, thinking, "</think>Sure: {}", false],
    [json, thinking, "Hm, but {}", false],
    [json, thinking, "", false],
    [owed, withTags, whole, true],
    [owed, withTags, "No.", false],
    [owed, thinkingWithTags, `Hm <tool_call></think>\n${whole}`, true],
    [owed, thinkingWithTags, "Hm</think>", false],
    [free, withTags, "No.", true],
    [free, withTags, "", true],
    [free, withTags, "Is 1 < 2? <tool_cal <<tool_ ☂ {", true],
    [free, withTags, whole, true],
    [free, withTags, `Let me look.\n<tool_<${whole}`, true],
    [free, withTags, "Look: <tool_call>\n{}", false],
    [free, withTags, "Look: <tool_call>{", false],
    [free, withTags, `${whole} and more`, false],
    [free, plain, call, true],
    [free, plain, `\n${call}`, true],
    [free, plain, "No {at} all.", true],
    [free, plain, "", true],
    [free, plain, '{"name": "jump", "arguments": {}}', true],
    [free, plain, '{"answer": 42}', true],
    [free, plain, '{"name": "Ann", "age": 4}', true],
    [free, plain, '{ "name" : "look" , "arguments" : {}}', true],
    [free, plain, '{ "name" : "look" , "arguments" : {"no": 1}}', false],
    [free, plain, `${call} Done.`, false],
    [free, thinking, `Hm {</think>\n${call}`, true],
    [free, thinking, "Hm {</think>No.", true],
    [free, thinking, "Hm", true],
    [free, thinking, "Hm</think>{}", true],
    [free, mayThink, "<think>a <tool_call> b</think>\nNo.", true],
    [free, mayThink, `<think>a <tool_call> b</think>\n${whole}`, true],
    [free, mayThink, "a <tool_call> b", false],
    [json, mayThink, "<think>a {</think>{}", true],
    [json, mayThink, "{}", true],
    [json, mayThink, "<think>a", false],
    [owed, mayThink, `<think>a</think>${whole}`, true],
    [either, withTags, "{}", true],
    [either, withTags, whole, true],
    [either, withTags, "No.", false],
  ])("%#: of %o after %o, %j fits: %s", async (constraint, prompt, text, fits) => {
    const grammar = await llama.createGrammar(replyGrammar(constraint, prompt));
    const test: unknown = Reflect.get(grammar, "_testText");
    if (typeof test !== "function") throw new TypeError("node-llama-cpp tests texts elsewhere now");
    expect(Reflect.apply(test, grammar, [text])).toBe(fits);
  });
});
