import { dialects, type Endpoint, type Finish, type Usage } from "@darkbloom/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Piece, Prompt } from "./engine.ts";
import { Words } from "./words.ts";

const usage: Usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, reasoningTokens: 0 };
const prompt: Prompt = { tokens: [], opensThinking: false };
const calling: Prompt = {
  ...prompt,
  toolSyntax: { open: "<tool_call>\n", close: "\n</tool_call>", argumentsKey: "arguments" },
};
const STOP = "END!";

/** For each dialect: a request that asks to see thoughts, and one that does not. */
const requests: readonly (readonly [Endpoint, shown: object, hidden: object])[] = [
  [
    "/v1/chat/completions",
    { messages: [{ role: "user", content: "q" }], stop: STOP, include_reasoning: true },
    { messages: [{ role: "user", content: "q" }], stop: STOP },
  ],
  ["/v1/responses", { input: "q", stop: STOP, reasoning: { summary: "auto" } }, { input: "q", stop: STOP }],
  ["/v1/completions", { prompt: "q", stop: STOP }, { prompt: "q", stop: STOP }],
  [
    "/v1/messages",
    { messages: [{ role: "user", content: "q" }], stop_sequences: [STOP], thinking: { type: "adaptive" } },
    { messages: [{ role: "user", content: "q" }], stop_sequences: [STOP] },
  ],
];

interface Told {
  readonly said: string;
  readonly thought: string;
  readonly finish: Finish;
}

/** Writes these pieces through the dialect, and reads back what its caller sees. */
function tell(endpoint: Endpoint, fields: object, pieces: readonly string[], stream: boolean): Told {
  const { job, renderer: rendererOf } = dialects[endpoint].decode({ model: "m", ...fields, stream });
  const renderer = rendererOf({ jobId: "job_1", createdSec: 1 });
  const words = new Words(job, prompt, renderer, 0, () => "call_1");
  let body = renderer.begin(usage);
  for (const [at, text] of pieces.entries()) {
    if (words.over) break;
    body += words.push({ text, completionTokens: at + 1, cachedTokens: 0 } satisfies Piece);
  }
  body += words.end();
  const finish = words.finish("stop");
  body += renderer.finish(finish, 0) + renderer.end(usage);
  return { ...(stream ? streamText(body) : plainText(JSON.parse(body))), finish };
}

interface Body {
  readonly choices?: readonly {
    readonly text?: string;
    readonly message?: { readonly content: string; readonly reasoning_content?: string };
  }[];
  readonly output?: readonly {
    readonly type: string;
    readonly summary?: readonly { readonly text: string }[];
    readonly content?: readonly { readonly text: string }[];
  }[];
  readonly content?: readonly { readonly text?: string; readonly thinking?: string }[];
}

function plainText({ choices, output, content }: Body): Pick<Told, "said" | "thought"> {
  const [choice] = choices ?? [];
  const parts = output?.flatMap((item) => item.content ?? []) ?? content ?? [];
  const thoughts = output?.flatMap((item) => item.summary ?? []).map(({ text }) => text);
  return {
    said: choice ? (choice.text ?? choice.message?.content ?? "") : parts.map((part) => part.text ?? "").join(""),
    thought: choice
      ? (choice.message?.reasoning_content ?? "")
      : (thoughts ?? content?.map((part) => part.thinking ?? "") ?? []).join(""),
  };
}

interface Event {
  readonly type?: string;
  readonly delta?: string | { readonly text?: string; readonly thinking?: string };
  readonly choices?: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string; readonly reasoning_content?: string };
  }[];
}

function streamText(body: string): Pick<Told, "said" | "thought"> {
  let said = "";
  let thought = "";
  for (const [, data = ""] of body.matchAll(/^data: (\{.*\})$/gm)) {
    const { type, delta, choices } = JSON.parse(data) as Event;
    const [choice] = choices ?? [];
    said += choice?.text ?? choice?.delta?.content ?? "";
    thought += choice?.delta?.reasoning_content ?? "";
    if (typeof delta === "string" && type === "response.output_text.delta") said += delta;
    else if (typeof delta === "string") thought += delta;
    else if (delta) [said, thought] = [said + (delta.text ?? ""), thought + (delta.thinking ?? "")];
  }
  return { said, thought };
}

/** A text cut at these places. */
const cut = (text: string, places: readonly number[]): string[] => {
  const at = [...new Set([0, ...places.map((place) => place % (text.length + 1)), text.length])].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => text.slice(at[index], end));
};

/** What models write: words, thoughts, the beginnings of tags and of the stop string. */
const written = fc
  .array(
    fc.oneof(
      fc.constantFrom("<think>", "</think>", STOP, "<thi", "</", "E", "END", "!", "<", "\n", " rain ", "é", "😀"),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(""));

describe.each(requests)("%s", (endpoint, shown, hidden) => {
  /**
   * Goal: how a model's text comes in pieces changes nothing of what a caller sees, and no tag, no stop
   * string and no beginning of one that was hidden is in it. Method: any text in any pieces, plain and
   * streamed, against the whole text in one piece.
   */
  it("tells one text, however it comes", () => {
    fc.assert(
      fc.property(written, fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (text, places, shows) => {
        const fields = shows ? shown : hidden;
        const whole = tell(endpoint, fields, [text], false);
        const pieces = cut(text, places);
        expect(tell(endpoint, fields, pieces, true)).toEqual(whole);
        expect(tell(endpoint, fields, pieces, false)).toEqual(whole);
        expect(whole.said).not.toContain(STOP);
        expect(whole.said).not.toContain("<think>");
        if (!shows) expect(whole.thought).toBe("");
      }),
      { numRuns: 300 },
    );
  });

  it("ends at the stop string and says which", () => {
    const told = tell(endpoint, hidden, ["a<think>b", "</think>", " cE", "N", "D", "! d"], true);
    expect(told.finish).toEqual({ reason: "stop", stopString: STOP });
    expect(told.said.trimEnd()).toMatch(/c$/);
  });

  it("lets out what only looked like a tag or a stop string", () => {
    expect(tell(endpoint, hidden, ["1 <", " 2 EN", "D"], true)).toMatchObject({ said: "1 < 2 END" });
  });
});

describe("calls", () => {
  const tools = ["f", "g"].map((name) => ({ type: "function", function: { name } }));
  const call = (name: string) => `<tool_call>\n{"name": "${name}", "arguments": {"a": "END!"}}\n</tool_call>\n`;
  const run = (fields: object, pieces: readonly string[]) => {
    const { job, renderer: rendererOf } = dialects["/v1/chat/completions"].decode({
      model: "m",
      messages: [{ role: "user", content: "q" }],
      tools,
      stop: STOP,
      ...fields,
    });
    const renderer = rendererOf({ jobId: "job_1", createdSec: 1 });
    let id = 0;
    const words = new Words(job, calling, renderer, 0, () => `call_${id++}`);
    renderer.begin(usage);
    for (const [at, text] of pieces.entries())
      if (!words.over) words.push({ text, completionTokens: at + 1, cachedTokens: 0 });
    const { over } = words;
    words.end();
    const finish = words.finish("stop");
    renderer.finish(finish, 0);
    const body = JSON.parse(renderer.end(usage)) as {
      choices: {
        message: { content: string | null; tool_calls?: { function: { name: string; arguments: string } }[] };
      }[];
    };
    const { content, tool_calls } = body.choices[0]?.message ?? { content: null };
    return { content, calls: tool_calls?.map((one) => one.function) ?? [], over, finish: finish.reason };
  };
  const called = (name: string) => ({ name, arguments: '{"a": "END!"}' });

  it.each<[string, object, string[], object]>([
    [
      "a stop string in a call ends nothing",
      {},
      [call("f")],
      { calls: [called("f")], finish: "tool_calls", over: false },
    ],
    ["several calls", {}, [call("f") + call("g")], { calls: [called("f"), called("g")], finish: "tool_calls" }],
    [
      "one call where no more may be",
      { parallel_tool_calls: false },
      [call("f"), call("g")],
      { calls: [called("f")], over: true },
    ],
    [
      "one call, and nothing after it in the same piece",
      { parallel_tool_calls: false },
      [`${call("f")}x${call("g")}`],
      { calls: [called("f")], over: true },
    ],
    [
      "the named call alone",
      { tool_choice: { type: "function", function: { name: "f" } } },
      [call("f"), "more"],
      { calls: [called("f")], over: true },
    ],
    ["no call where none may be", { tool_choice: "none" }, [call("f")], { calls: [], finish: "stop" }],
    ["an unknown tool as text", {}, [call("h").replace(STOP, "x")], { calls: [], finish: "stop" }],
    [
      "a call that is cut",
      {},
      ['<tool_call>\n{"name": "f", "arguments": {"a": "x'],
      { calls: [{ name: "f", arguments: '{"a": "x' }] },
    ],
  ])("%s", (_what, fields, pieces, expected) => {
    expect(run(fields, pieces)).toMatchObject(expected);
  });
});
