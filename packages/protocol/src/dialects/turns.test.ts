import { describe, expect, it } from "vitest";
import { utf8 } from "../bytes.ts";
import { joinTurns, parseRequest, previousIdOf } from "./turns.ts";

const text = (value: unknown): Uint8Array<ArrayBuffer> => utf8(JSON.stringify(value, null, 2));
const answered = (output: unknown) => ({ type: "response.completed", response: { id: "resp_1", output } });

describe("a request's body", () => {
  it.each<[what: string, body: Uint8Array, value: unknown]>([
    ["is its JSON", text({ model: "m", input: "x" }), { model: "m", input: "x" }],
    [
      "goes on with a response",
      joinTurns([
        text({ model: "old", input: "one", tools: [1] }),
        text(answered([{ a: 1 }])),
        text({ model: "m", input: "two" }),
      ]),
      {
        model: "m",
        input: [{ role: "user", content: "one" }, { a: 1 }, { role: "user", content: "two" }],
        previous_response_id: null,
      },
    ],
    [
      "goes on with several, whose input are items",
      joinTurns([
        text({ input: [{ a: 1 }, { b: 2 }] }),
        text(answered([{ c: 3 }])),
        text({ input: [{ d: 4 }], previous_response_id: "resp_1" }),
        text(answered([])),
        text({ model: "m", input: [{ e: 5 }], previous_response_id: "resp_2" }),
      ]),
      { model: "m", input: [{ a: 1 }, { b: 2 }, { c: 3 }, { d: 4 }, { e: 5 }], previous_response_id: null },
    ],
    [
      "goes on with a response that said nothing",
      joinTurns([text({ input: "one" }), text({ type: "response.completed" }), text({ input: "two" })]),
      {
        input: [
          { role: "user", content: "one" },
          { role: "user", content: "two" },
        ],
        previous_response_id: null,
      },
    ],
  ])("%s", (_, body, value) => {
    expect(JSON.parse(JSON.stringify(parseRequest(body)))).toEqual(value);
  });

  it.each<[what: string, body: Uint8Array, id: string | null]>([
    ["no other", text({ input: "x" }), null],
    ["one that it names, while it stands alone", text({ input: "x", previous_response_id: "resp_1" }), null],
    [
      "the one that its last part names",
      joinTurns([
        text({ input: "x", previous_response_id: "resp_0" }),
        text(answered([])),
        text({ input: "y", previous_response_id: "resp_1" }),
      ]),
      "resp_1",
    ],
    ["none that it names", joinTurns([text({ input: "x" }), text(answered([])), text({ input: "y" })]), null],
    ["none that is a text", joinTurns([text({}), text({}), text({ previous_response_id: 5 })]), null],
  ])("says which response it goes on with: %s", (_, body, id) => {
    expect(previousIdOf(parseRequest(body))).toBe(id);
  });

  it("of which there is nothing to say has none", () => {
    expect([previousIdOf(null), previousIdOf("x"), previousIdOf({ previous_response_id: "resp_1" })]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it.each<[what: string, body: Uint8Array, error: typeof SyntaxError | typeof TypeError]>([
    ["no JSON", utf8("{"), SyntaxError],
    ["no text", Uint8Array.of(0xff), TypeError],
    ["a response behind all", joinTurns([text({ input: "x" }), text(answered([]))]), SyntaxError],
    ["no object behind all", joinTurns([text(5)]), SyntaxError],
    ["nothing between two", joinTurns([text({ input: "x" }), utf8(""), text({ input: "y" })]), SyntaxError],
    ["nothing", joinTurns([utf8("")]), SyntaxError],
  ])("is none with %s", (_, body, error) => {
    expect(() => parseRequest(body)).toThrow(error);
  });
});
