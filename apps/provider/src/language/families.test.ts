import { anyObject, type Message, type Tool } from "@darkbloom/protocol";
import { describe, expect, it } from "vitest";
import { families } from "../../test/template-families.ts";
import { CallReader } from "./call-reader.ts";
import { ChatTemplate } from "./chat-template.ts";
import { callsText } from "./tool-syntax.ts";

const tool = (name: string): Tool => ({
  name,
  description: "Finds out.",
  parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } },
  schema: anyObject,
});
const tools = [tool("get_weather"), tool("get_time")];
const calls = [
  { id: "call_aaaaaaaaaaaaaaaaaaaaaaaa", name: "get_weather", arguments: '{"city": "Paris", "days": 2}' },
  { id: "call_bbbbbbbbbbbbbbbbbbbbbbbb", name: "get_time", arguments: '{"city": "Rome", "days": 1}' },
] as const;
/** What an agent sends on its third turn: two system messages, two calls in a turn with our own ids, results, words. */
const conversation: readonly Message[] = [
  { role: "system", text: "Be kind." },
  { role: "system", text: "Be brief." },
  { role: "user", text: "Weather and time?" },
  { role: "assistant", text: "Let me see.", thought: "Two calls.", toolCalls: calls },
  { role: "tool", callId: calls[0].id, text: "20 degrees" },
  { role: "tool", callId: calls[1].id, text: "noon" },
  { role: "user", text: "And tomorrow?" },
];

describe.each(families)("a template that demands what $name does", ({ source, facts, expected, more = {} }) => {
  const template = new ChatTemplate({ default: source, ...more }, facts, () => 0);

  it("shows what it can be told", () => {
    const { system, turns, content, tools: told, calls: inHistory, thoughts, speech } = template.abilities;
    expect({
      system,
      turns,
      content,
      tools: told,
      calls: `${inHistory.told} ${inHistory.perTurn} ${inHistory.arguments} ${inHistory.ids}`,
      body: template.abilities.toolSyntax.body.kind,
      ...(thoughts.known && { thoughts: `${thoughts.open}${thoughts.close}` }),
      ...(thoughts.switch && { switch: thoughts.switch.name }),
      ...(speech !== "" && { speech }),
    }).toEqual(expected);
  });

  it("is told a whole conversation of an agent, and loses nothing of it", () => {
    const text = template
      .render({ messages: conversation, tools })
      .stretches.map((one) => one.text)
      .join("");
    for (const part of [
      "Be kind.",
      "Be brief.",
      "Weather and time?",
      "Let me see.",
      "get_weather",
      "Paris",
      "20 degrees",
      "get_time",
      "Rome",
      "noon",
      "And tomorrow?",
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/\[object|\{'city'|\\"city/);
  });

  it("goes on with what an assistant has begun", () => {
    const { stretches, form } = template.render({
      messages: [
        { role: "user", text: "Count." },
        { role: "assistant", text: "One, two," },
      ],
      tools: [],
    });
    expect(stretches.map(({ text }) => text).join("")).toMatch(/One, two,$/);
    expect(form).toMatchObject({ continues: true, opensThinking: false });
  });

  /** Goal: what the template shows is what is read. Method: the calls as it writes them, letter by letter. */
  it("has its calls read in its own syntax", () => {
    const syntax = template.abilities.toolSyntax;
    let id = 0;
    const reader = new CallReader({ syntax, tools }, () => `call_${id++}`);
    const deltas = [...Array.from(callsText(syntax, calls)).flatMap((piece) => reader.push(piece)), ...reader.end()];
    const read: { name: string; arguments: string }[] = [];
    for (const delta of deltas) {
      if (delta.kind === "said") throw new Error(`said: ${delta.text}`);
      if (delta.kind === "call") read.push({ name: delta.name, arguments: "" });
      const last = read.at(-1);
      if (delta.kind === "arguments" && last) last.arguments += delta.text;
    }
    expect(read.map(({ name, arguments: args }) => [name, JSON.parse(args)])).toEqual(
      calls.map(({ name, arguments: args }) => [name, JSON.parse(args)]),
    );
  });
});
