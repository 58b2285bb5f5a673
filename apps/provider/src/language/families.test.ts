import type { Delta, Message, Tool } from "@darkbloom/protocol/dialects";
import { anyObject } from "@darkbloom/protocol/schema";
import { describe, expect, it, vi } from "vitest";
import { moreFamilies } from "../../test/more-families.ts";
import { newerFamilies } from "../../test/newer-families.ts";
import { hasJinja2, jinja2Answers } from "../../test/python-jinja.ts";
import { families as firstFamilies } from "../../test/template-families.ts";
import { CallReader } from "./call-reader.ts";
import { ChatTemplate } from "./chat-template.ts";
import { jsonText } from "./jinja/json.ts";
import type { JinjaTemplate as Template } from "./jinja/template.ts";
import type { ReplyForm } from "./reply.ts";
import { ThoughtsAndSpeech } from "./words.ts";
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

/** The same work, some turns later. */
const longer: readonly Message[] = [
  ...conversation,
  { role: "assistant", text: "It will be warm.", thought: "Easy." },
  { role: "user", text: "Are you sure?" },
  { role: "assistant", text: "", toolCalls: [{ ...calls[0], id: "call_cccccccccccccccccccccccc" }] },
  { role: "tool", callId: "call_cccccccccccccccccccccccc", text: "21 degrees" },
  { role: "assistant", text: "Yes, 21." },
  { role: "user", text: "Thanks." },
];

/** A reply as a provider reads it, piece by piece, each token of its own told as one. */
function itemsRead(form: ReplyForm, text: string, tokens: readonly string[], offered: readonly Tool[]) {
  let id = 0;
  const found = { thought: "", said: "", calls: [] as [string, unknown][] };
  let args = "";
  const take = (deltas: readonly Delta[]): void => {
    for (const delta of deltas) {
      if (delta.kind === "thought") found.thought += delta.text;
      if (delta.kind === "said") found.said += delta.text;
      if (delta.kind === "call") [args] = ["", found.calls.push([delta.name, undefined])];
      if (delta.kind === "arguments") args += delta.text;
      const last = found.calls.at(-1);
      if (last && delta.kind === "arguments") last[1] = whole(args);
    }
  };
  const splitter = new ThoughtsAndSpeech(form);
  const reader = form.toolSyntax && new CallReader({ syntax: form.toolSyntax, tools: offered }, () => `call_${id++}`);
  const through = (deltas: readonly Delta[]) =>
    take(deltas.flatMap((delta) => (delta.kind === "said" && reader ? reader.push(delta.text) : [delta])));
  const cut = new RegExp(`(${tokens.map((token) => RegExp.escape(token)).join("|") || "$^"})`);
  for (const part of text.split(cut)) {
    if (tokens.includes(part)) through(splitter.push(part, true));
    else for (const char of part) through(splitter.push(char, false));
  }
  through(splitter.end());
  take(reader?.end() ?? []);
  return { ...found, said: found.said.trim(), thought: found.thought.trim() };
}

function whole(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const families = [...firstFamilies, ...moreFamilies, ...newerFamilies];
const nowMs = Date.UTC(2026, 0, 5, 12);

/** Everything that was rendered while templates were tried and told, with what came of it. */
const renderings: { source: string; values: string; nowMs: number; text: string | undefined }[] = [];
vi.mock("./jinja/template.ts", async (original) => {
  const { JinjaTemplate } = await original<{ JinjaTemplate: typeof Template }>();
  return {
    JinjaTemplate: class extends JinjaTemplate {
      readonly #source: string;
      constructor(source: string) {
        super(source);
        this.#source = source;
      }
      override render(values: Parameters<Template["render"]>[0], atMs: number): string {
        const given = new Map(values);
        const kept = { source: this.#source, values: jsonText(given), nowMs: atMs, text: undefined };
        const at = renderings.push(kept) - 1;
        const text = super.render(given, atMs);
        renderings[at] = { ...kept, text };
        return text;
      }
    },
  };
});

describe.each(families)("a template that demands what $name does", ({ source, facts, expected, reply, more = {} }) => {
  const template = new ChatTemplate({ default: source, ...more }, facts, () => nowMs);
  const textOf = (messages: readonly Message[], offered = tools, thinks?: boolean): string =>
    template
      .render({ messages, tools: offered, ...(thinks !== undefined && { thinks }) })
      .stretches.map((one) => one.text)
      .join("");

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
    const text = textOf(conversation);
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
    expect(text).not.toMatch(/\[object|\{'city': 'Paris'|\\"city/);
  });

  /** Goal: no turn of an agent's work is refused or told in part. Method: every beginning that ends with a user or a result, with and without tools. */
  it("is told an agent's work at each of its steps", () => {
    for (const [at, { role }] of longer.entries()) {
      if (role !== "user" && role !== "tool") continue;
      const told = longer.slice(0, at + 1);
      // Results of one turn come together.
      if (role === "tool" && longer[at + 1]?.role === "tool") continue;
      for (const offered of [tools, []]) {
        const text = textOf(told, offered);
        for (const { text: part } of told) expect(text).toContain(part);
        if (told.some(({ toolCalls }) => toolCalls)) expect(text).toContain("Paris");
      }
    }
  });

  it("changes the prompt with its switch of thinking, and only with it", () => {
    const [asIs, yes, no] = [undefined, true, false].map((thinks) => textOf(conversation, [], thinks));
    if (!template.abilities.thoughts.switch) expect([yes, no]).toEqual([asIs, asIs]);
    else expect(yes).not.toBe(no);
  });

  it.each(reply ? [reply] : [])("has its replies read: what is thought, said and called", (one) => {
    const { text, thinks, thought = "", said, calls: called = 0, tokens = [] } = one;
    const told = template.render({
      messages: [{ role: "user", text: "Weather and time?" }],
      tools: called > 0 ? tools : [],
      ...(thinks !== undefined && { thinks }),
    });
    const items = itemsRead(told.form, text, tokens, called > 0 ? tools : []);
    expect(items).toEqual({
      thought,
      said: said ?? (called > 0 ? "" : text.trim()),
      calls: calls.slice(0, called).map(({ name, arguments: args }) => [name, JSON.parse(args)]),
    });
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

const withJinja2 = await hasJinja2();

/** Goal: what these templates make of a conversation is what they were written to make. Method: everything that was rendered above, by Python's Jinja2 again. */
it.skipIf(!withJinja2)("renders as Python's Jinja2 does (needs DARKBLOOM_TEST_PYTHON with jinja2)", async () => {
  expect(families.length).toBeGreaterThanOrEqual(40);
  expect(renderings.length).toBeGreaterThan(2000);
  for (const atMs of new Set(renderings.map((one) => one.nowMs))) {
    const then = renderings.filter((one) => one.nowMs === atMs);
    const answers = await jinja2Answers(then, atMs);
    const differing = then.filter(({ text }, at) => {
      const answer = answers[at];
      return answer && "text" in answer ? answer.text !== text : text !== undefined;
    });
    expect(differing).toEqual([]);
  }
});
