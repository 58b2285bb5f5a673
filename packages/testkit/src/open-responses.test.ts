import type { Script } from "@darkbloom/provider/testing";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { HttpNetwork, KEY } from "./http-network.ts";
import { entry } from "./network.ts";
import {
  openCompaction,
  openEvent,
  openResponse,
  openSocketError,
  type OpenEvent,
  type OpenResponse,
} from "./open-responses-shapes.ts";

/**
 * The cases of the Open Responses compliance suite, each under its name there: what is asked of a server, by the shapes that its
 * schema names. As there, a WebSocket's next request goes out as soon as a response has ended, and whatever comes is judged.
 */

const said: Script = { pieces: ["The", " answer", "."], tokenMs: 5 };
const called: Script = {
  pieces: ["<tool_call>\n", '{"name":"weather","arguments":', '{"location":"Oslo"}}', "\n</tool_call>"],
  tokenMs: 5,
};
const user = (content: string) => ({ type: "message", role: "user", content });
const assistant = (content: string, more: object = {}) => ({ type: "message", role: "assistant", content, ...more });
const weather = {
  type: "function",
  name: "weather",
  description: "What it is like somewhere.",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
};

const opened: HttpNetwork[] = [];
afterEach(async () => {
  for (const made of opened.splice(0)) {
    await made.clock.advance(100);
    await made[Symbol.asyncDispose]();
    expect(made.bugs).toEqual([]);
  }
});

async function network(script: Script = said) {
  const made = await HttpNetwork.open();
  opened.push(made);
  await made.credit();
  const asked: string[][] = [];
  made.provider((messages) => {
    asked.push(messages.map(({ role, text }) => `${role}: ${text}`));
    return script;
  });
  await made.clock.advance(1_000);
  const plain = async (more: object): Promise<OpenResponse> => {
    const { status, headers, body } = await made.call("/v1/responses", { model: entry.id, ...more });
    expect([status, headers["content-type"]]).toEqual([200, expect.stringContaining("application/json")]);
    return openResponse.parse(JSON.parse(body.toString()));
  };
  const streamed = async (more: object): Promise<OpenEvent[]> => {
    const { status, headers, body } = await made.call("/v1/responses", { model: entry.id, stream: true, ...more });
    expect([status, headers["content-type"]]).toEqual([200, expect.stringContaining("text/event-stream")]);
    return body
      .toString()
      .split("\n\n")
      .flatMap((block) => {
        const [, type, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
        if (data === undefined) return [];
        const event = openEvent.parse(JSON.parse(data));
        expect(event.type).toBe(type);
        return [event];
      });
  };
  return { made, asked, plain, streamed };
}

/** Events are numbered, each item begins and ends, and the last event has all that was told. */
function responseOf(events: readonly OpenEvent[]): OpenResponse {
  expect(events.map(({ sequence_number: number }) => number)).toEqual([...events.keys()]);
  const last = events.at(-1);
  if (last?.type !== "response.completed") throw new Error(`it ends with ${last?.type}`);
  const items = (type: string) => events.flatMap((event) => (event.type === type && "item" in event ? [event] : []));
  const [added, done] = [items("response.output_item.added"), items("response.output_item.done")];
  expect(done.map(({ item }) => item)).toEqual(last.response.output);
  expect(added.map(({ item, output_index: at }) => [item.id, at])).toEqual(done.map(({ item }, at) => [item.id, at]));
  const deltas = events.flatMap((event) => ("delta" in event ? [event.delta] : [])).join("");
  const told = last.response.output.map((item) =>
    item.type === "function_call"
      ? item.arguments
      : item.type === "message"
        ? item.content.map((part) => ("text" in part ? part.text : "")).join("")
        : "",
  );
  expect(deltas).toBe(told.join(""));
  return last.response;
}

const completed = { status: "completed", output: [{ type: "message", role: "assistant" }] };

describe("over HTTP", () => {
  it.each<[id: string, input: unknown[], asked: string[]]>([
    ["basic-response", [user("Say hello.")], ["user: Say hello."]],
    [
      "system-prompt",
      [{ type: "message", role: "system", content: "You are a pirate." }, user("Say hello.")],
      ["system: You are a pirate.", "user: Say hello."],
    ],
    [
      "multi-turn",
      [user("My name is Alice."), assistant("Hello Alice!"), user("What is my name?")],
      ["user: My name is Alice.", "assistant: Hello Alice!", "user: What is my name?"],
    ],
    [
      "assistant-phase",
      [
        user("Which number?"),
        assistant("I should look.", { phase: "commentary" }),
        assistant("Four.", { phase: "final_answer" }),
        user("Only the number."),
      ],
      ["user: Which number?", "assistant: I should look.", "assistant: Four.", "user: Only the number."],
    ],
    [
      "assistant-phase, as the suite has it: nothing before the assistant's",
      [assistant("I should look.", { phase: "commentary" }), assistant("Four.", { phase: "final_answer" }), user("?")],
      ["assistant: I should look.", "assistant: Four.", "user: ?"],
    ],
  ])("%s", async (_, input, asked) => {
    const made = await network();
    expect(await made.plain({ input })).toMatchObject(completed);
    expect(made.asked).toEqual([asked]);
  });

  it("streaming-response", async () => {
    const { streamed } = await network();
    const events = await streamed({ input: [user("Count.")] });
    expect(responseOf(events)).toMatchObject(completed);
    expect(events.map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      ...said.pieces.map(() => "response.output_text.delta"),
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
  });

  it("tool-calling, plain and streamed", async () => {
    const { plain, streamed } = await network(called);
    const given = { input: [user("What is it like in Oslo?")], tools: [weather] };
    const output = [{ type: "function_call", name: "weather", arguments: '{"location":"Oslo"}', status: "completed" }];
    expect(await plain(given)).toMatchObject({ output });
    const events = await streamed(given);
    expect(responseOf(events)).toMatchObject({ output });
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 4)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.function_call_arguments.delta",
    ]);
    expect(types.slice(-3)).toEqual([
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed",
    ]);
  });

  it("image-input is refused by name", async () => {
    const { made } = await network();
    const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const content = [
      { type: "input_text", text: "What is this?" },
      { type: "input_image", image_url: `data:image/png;base64,${pixel}` },
    ];
    const input = [{ type: "message", role: "user", content }];
    const { status, body } = await made.call("/v1/responses", { model: entry.id, input });
    expect([status, JSON.parse(body.toString())]).toMatchObject([
      400,
      { error: { code: "unsupported", param: "input.0.content.1.type" } },
    ]);
  });

  it("compact-response", async () => {
    const { made } = await network();
    const input = [user("We launch on Tuesday."), assistant("Understood.")];
    const { status, body } = await made.call("/v1/responses/compact", {
      model: entry.id,
      prompt_cache_key: "k",
      input,
    });
    expect(status).toBe(200);
    const { output } = openCompaction.parse(JSON.parse(body.toString()));
    expect(output.map(({ type }) => type)).toContain("compaction");
  });

  it("compact-missing-model", async () => {
    const { made } = await network();
    expect((await made.call("/v1/responses/compact", { input: [user("Compact this.")] })).status).toBe(400);
  });
});

interface Turn {
  readonly events: OpenEvent[];
  readonly code?: string;
}
type Request = object | ((before: readonly Turn[]) => object);

/** One connection, on which each request is sent as soon as the response before has ended. */
async function session(made: HttpNetwork, requests: readonly Request[]): Promise<Turn[]> {
  const ws = new WebSocket(`ws://${made.address}/v1/responses`, { headers: { authorization: `Bearer ${KEY}` } });
  await once(ws, "open");
  const turns: Turn[] = [];
  for (const request of requests) {
    const { promise, resolve, reject } = Promise.withResolvers<Turn>();
    const events: OpenEvent[] = [];
    ws.removeAllListeners("message").on("message", (data: Buffer, isBinary) => {
      try {
        expect(isBinary).toBe(false);
        const message = JSON.parse(data.toString()) as { readonly type: string };
        if (message.type === "error") return resolve({ events, code: openSocketError.parse(message).error.code });
        const event = openEvent.parse(message);
        events.push(event);
        if (event.type === "response.completed") resolve({ events });
      } catch (error) {
        reject(error);
      }
    });
    const body = typeof request === "function" ? request(turns) : request;
    ws.send(JSON.stringify({ type: "response.create", model: entry.id, ...body }));
    turns.push(await made.during(promise));
  }
  ws.close();
  return turns;
}
const idOf = (turn: Turn | undefined): string => responseOf(turn?.events ?? []).id;
const goingOn =
  (input: unknown): Request =>
  ([first]) => ({ store: false, previous_response_id: idOf(first), input });

describe("over a WebSocket", () => {
  it("websocket-response", async () => {
    const { made } = await network();
    const [turn] = await session(made, [{ input: [user("Count.")] }]);
    expect(responseOf(turn?.events ?? [])).toMatchObject(completed);
  });

  it("websocket-sequential-responses", async () => {
    const { made } = await network();
    const turns = await session(made, [
      { store: false, input: "First." },
      { store: false, input: "Second." },
    ]);
    expect(turns.map(({ events }) => responseOf(events))).toMatchObject([completed, completed]);
    expect(new Set(turns.map(idOf)).size).toBe(2);
  });

  it("websocket-continuation", async () => {
    const { made, asked } = await network();
    const turns = await session(made, [{ store: false, input: "The word is cobalt." }, goingOn("Which word?")]);
    expect(responseOf(turns[1]?.events ?? [])).toMatchObject({ ...completed, previous_response_id: idOf(turns[0]) });
    expect(asked[1]).toEqual(["user: The word is cobalt.", "assistant: The answer.", "user: Which word?"]);
  });

  it("websocket-reconnect-store-false-recovery", async () => {
    const { made } = await network();
    const [first] = await session(made, [{ store: false, input: "The word is copper." }]);
    const [again, recovery] = await session(made, [
      { store: false, previous_response_id: idOf(first), input: "Go on." },
      { store: false, input: [user("Begin anew.")] },
    ]);
    expect(again?.code).toBe("previous_response_not_found");
    expect(responseOf(recovery?.events ?? [])).toMatchObject({ ...completed, previous_response_id: null });
  });

  it("websocket-previous-response-not-found", async () => {
    const { made } = await network();
    const [turn] = await session(made, [{ store: false, previous_response_id: "resp_missing", input: "?" }]);
    expect(turn).toEqual({ events: [], code: "previous_response_not_found" });
  });

  it("websocket-failed-continuation-evicts-cache", async () => {
    const { made } = await network();
    const output = { type: "function_call_output", call_id: "call_missing", output: "x" };
    const [first, failed, stale] = await session(made, [
      { store: false, input: "The word is ember." },
      goingOn([output]),
      goingOn("Go on."),
    ]);
    expect(responseOf(first?.events ?? [])).toMatchObject(completed);
    expect([failed?.code, stale?.code]).toEqual(["body_invalid", "previous_response_not_found"]);
  });

  it("websocket-compact-new-chain", async () => {
    const { made, asked } = await network();
    const content = (type: string, text: string) => [{ type, text }];
    const input = [
      { type: "message", role: "user", content: content("input_text", "The word is slate.") },
      { type: "message", role: "assistant", content: content("output_text", "OK.") },
      { type: "message", role: "user", content: content("input_text", "Make this short.") },
    ];
    const { body } = await made.call("/v1/responses/compact", { model: entry.id, input });
    const { output } = openCompaction.parse(JSON.parse(body.toString()));
    const [turn] = await session(made, [{ store: false, input: [...output, user("Go on.")], tools: [] }]);
    expect(responseOf(turn?.events ?? [])).toMatchObject(completed);
    expect(asked[1]?.at(-1)).toBe("user: Go on.");
  });

  it("websocket-generate-false, which is in some versions, is refused by name", async () => {
    const { made } = await network();
    expect(await session(made, [{ generate: false, input: "x" }])).toEqual([{ events: [], code: "unsupported" }]);
  });
});

/** Goal: the shapes judge. Method: one fault at a time in what passed. */
it.each<[what: string, changed: object, inResponse: object]>([
  ["a type that is not there", { type: "darkbloom:receipt" }, {}],
  ["no number", { sequence_number: undefined }, {}],
  ["a member that is missing", {}, { metadata: undefined }],
  ["a null that is none", {}, { top_p: null }],
])("an event is refused with %s", async (_, changed, inResponse) => {
  const { made } = await network();
  const [turn] = await session(made, [{ input: "x" }]);
  const response = responseOf(turn?.events ?? []);
  const event = { type: "response.completed", sequence_number: 9, response };
  expect(openEvent.safeParse(event).success).toBe(true);
  const wrong = { ...event, response: { ...response, ...inResponse }, ...changed };
  expect(openEvent.safeParse(wrong).success).toBe(false);
});
