import type { Tool } from "@darkbloom/protocol/dialects";
import { anyObject, readSchema } from "@darkbloom/protocol/schema";
import { Ajv2020 } from "ajv/dist/2020.js";
import { getLlama, type Llama, LlamaLogLevel } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrammarWalker } from "../../test/gbnf-walker.ts";
import { CallReader } from "./call-reader.ts";
import type { Constraint } from "./constraint.ts";
import { replyGrammar } from "./constraint-grammar.ts";
import type { ReplyForm } from "./reply.ts";
import { taggedCalls as tagged, type ToolSyntax } from "./tool-syntax.ts";

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

  /** Goal: a call whose names stand bare keeps its schema's form too. Method: llama.cpp's own engine on arguments at both sides of each edge; and whatever the grammar lets be written is read as arguments that the schema allows. */
  describe("of calls whose texts stand between marks", () => {
    const schema = {
      type: "object",
      properties: {
        city: { type: "string" },
        unit: { enum: ["C", "F", 7] },
        when: { type: "string", pattern: "^[0-9]{2}:[0-9]{2}$" },
        of: {
          type: "array",
          items: {
            type: "object",
            properties: { n: { type: "integer", minimum: 0 } },
            required: ["n"],
            additionalProperties: false,
          },
        },
        free: {},
        sub: { $ref: "#/$defs/Sub" },
      },
      required: ["city"],
      additionalProperties: false,
      $defs: { Sub: { type: "object", properties: { sub: { $ref: "#/$defs/Sub" } }, additionalProperties: false } },
    };
    const read = readSchema(schema, "exact");
    if ("refused" in read) throw new TypeError(read.refused);
    const strict: Tool = { name: "look", parameters: schema, schema: read.schema };
    const syntax: ToolSyntax = {
      begin: "",
      open: "<|tool_call>call:",
      body: { kind: "quoted", infix: "", quote: '<|"|>' },
      close: "<tool_call|>",
      between: "",
      end: "",
    };
    const form: ReplyForm = { opensThinking: false, toolSyntax: syntax };
    const q = (text: string) => `<|"|>${text}<|"|>`;
    const city = `city:${q('Rome, {1} "x"')}`;

    it.each<[args: string, fits: boolean]>([
      [`{${city}}`, true],
      ["{}", false],
      ["{city:Rome}", false],
      ['{city:"Rome"}', false],
      [`{${city},unit:${q("C")}}`, true],
      [`{${city},unit:7}`, true],
      [`{${city},unit:${q("K")}}`, false],
      [`{${city},when:${q("12:30")}}`, true],
      [`{${city},when:${q("noon")}}`, false],
      [`{${city},of:[{n:1},{n:0}]}`, true],
      [`{${city},of:[{n:-1}]}`, false],
      [`{${city},free:{a:[true,${q("t")},{b:null}]}}`, true],
      [`{${city},sub:{sub:{}}}`, true],
      [`{${city},other:1}`, false],
    ])("%s fits: %s", async (args, fits) => {
      const grammar = await llama.createGrammar(replyGrammar({ kind: "calls", tools: [strict], many: true }, form));
      const test: unknown = Reflect.get(grammar, "_testText");
      if (typeof test !== "function") throw new TypeError("node-llama-cpp tests texts elsewhere now");
      const one = `<|tool_call>call:look${args}<tool_call|>`;
      expect(Reflect.apply(test, grammar, [one])).toBe(fits);
      expect(Reflect.apply(test, grammar, [one + one])).toBe(fits);
    });

    it("are read as what the schema allows, whatever is written", () => {
      const isValid = new Ajv2020({ strict: false }).compile(schema);
      const walker = new GrammarWalker(replyGrammar({ kind: "calls", tools: [strict], many: false }, form).grammar);
      let state = 1;
      const pick = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
      for (let n = 0; n < 300; n++) {
        const written = walker.write(pick);
        const reader = new CallReader({ syntax, tools: [strict], forced: true }, () => "call_1");
        const deltas = [...Array.from(written).flatMap((char) => reader.push(char)), ...reader.end()];
        expect(deltas.filter(({ kind }) => kind === "said")).toEqual([]);
        const args = deltas.map((delta) => (delta.kind === "arguments" ? delta.text : "")).join("");
        expect([written, isValid(JSON.parse(args))]).toEqual([written, true]);
      }
    });
  });
});
