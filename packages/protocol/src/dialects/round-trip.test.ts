import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Usage } from "../money.ts";
import type { Delta } from "./dialect.ts";
import type { Message } from "./job.ts";
import { dialects } from "./registry.ts";

const usage: Usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, reasoningTokens: 0 };
const question = { role: "user", content: "q" };
const more = { role: "user", content: "and?" };

/** How a client asks to see all, finds the answer in a plain body, and sends it back with the tools' results. */
interface Manner {
  readonly first: object;
  readonly asHistory: (body: never, results: readonly { id: string; text: string }[]) => object;
}
const manners: Readonly<Record<"/v1/chat/completions" | "/v1/responses" | "/v1/messages", Manner>> = {
  "/v1/chat/completions": {
    first: { messages: [question], include_reasoning: true },
    asHistory: (body: { choices: { message: object }[] }, results) => ({
      messages: [
        question,
        ...body.choices.map(({ message }) => message),
        ...results.map(({ id, text }) => ({ role: "tool", tool_call_id: id, content: text })),
        more,
      ],
    }),
  },
  "/v1/responses": {
    first: { input: [question], reasoning: { summary: "auto" } },
    asHistory: (body: { output: object[] }, results) => ({
      input: [
        question,
        ...body.output,
        ...results.map(({ id, text }) => ({ type: "function_call_output", call_id: id, output: text })),
        more,
      ],
    }),
  },
  "/v1/messages": {
    first: { messages: [question], thinking: { type: "adaptive" } },
    asHistory: ({ role, content }: { role: string; content: object[] }, results) => ({
      messages: [
        question,
        { role, content },
        {
          role: "user",
          content: [
            ...results.map(({ id, text }) => ({ type: "tool_result", tool_use_id: id, content: text })),
            { type: "text", text: "and?" },
          ],
        },
      ],
    }),
  },
};

const text = fc.oneof(fc.string({ unit: "binary", maxLength: 8 }), fc.constantFrom('"\\', "\n", "\u2028"));
const calls = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^call_[0-9a-f]{1,6}$/),
    name: fc.constantFrom("add", "now"),
    value: fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
  }),
  { selector: ({ id }) => id, maxLength: 3 },
);

/**
 * Goal: an answer that a client puts back into the conversation means to the next model what this one
 * said: its thought where the dialect carries it, its words, its calls with their arguments, and which
 * result answers which call. Method: arbitrary answers, rendered, taken out of the body as a client does
 * that keeps what it was given, and read again as history by the same dialect.
 */
describe("an answer that is sent back", () => {
  for (const [endpoint, { first, asHistory }] of Object.entries(manners))
    it(`is what was said, ${endpoint}`, () => {
      const dialect = dialects[endpoint as keyof typeof manners];
      fc.assert(
        fc.property(text, text, calls, (thought, said, called) => {
          const renderer = dialect
            .decode({ model: "m", ...first })
            .renderer({ jobId: "job_1", createdSec: 0, nowSec: () => 0 });
          const deltas: Delta[] = [
            { kind: "thought", text: thought },
            { kind: "said", text: said },
            ...called.flatMap(({ id, name, value }): Delta[] => [
              { kind: "call", id, name },
              { kind: "arguments", text: JSON.stringify(value) },
            ]),
          ];
          const told = deltas.map((delta) => renderer.delta(delta, 0)).join("");
          const ended = renderer.finish({ reason: called.length > 0 ? "tool_calls" : "stop" }, 0);
          const body = JSON.parse(renderer.begin(usage) + told + ended + renderer.end(usage)) as never;

          const results = called.map(({ id }) => ({ id, text: `result of ${id}` }));
          const [, answered, ...rest] = dialect.decode({ model: "m", ...asHistory(body, results) }).job.messages;
          const toolCalls = called.map(({ id, name, value }) => ({ id, name, arguments: JSON.stringify(value) }));
          expect(answered).toEqual({
            role: "assistant",
            text: said,
            ...(thought !== "" && { thought }),
            ...(called.length > 0 && { toolCalls }),
          } satisfies Message);
          expect(rest.filter(({ role }) => role === "tool")).toEqual(
            results.map((result): Message => ({ role: "tool", callId: result.id, text: result.text })),
          );
        }),
      );
    });

  /** Goal: the same of an answer in any order, as far as one turn can say it. Method: thoughts, words and calls that take turns. */
  it.each(["/v1/responses", "/v1/messages"] as const)("keeps words and calls that take turns, %s", (endpoint) => {
    const { first, asHistory } = manners[endpoint];
    const renderer = dialects[endpoint]
      .decode({ model: "m", ...first })
      .renderer({ jobId: "job_1", createdSec: 0, nowSec: () => 0 });
    const deltas: Delta[] = [
      { kind: "said", text: "a" },
      { kind: "thought", text: "b" },
      { kind: "call", id: "c", name: "add" },
      { kind: "arguments", text: "{}" },
      { kind: "thought", text: "d" },
      { kind: "call", id: "e", name: "now" },
    ];
    const told = deltas.map((delta) => renderer.delta(delta, 0)).join("");
    const body = JSON.parse(told + renderer.finish({ reason: "tool_calls" }, 0) + renderer.end(usage)) as never;
    const results = ["c", "e"].map((id) => ({ id, text: id }));
    expect(dialects[endpoint].decode({ model: "m", ...asHistory(body, results) }).job.messages[1]).toEqual({
      role: "assistant",
      text: "a",
      thought: "b\nd",
      toolCalls: [
        { id: "c", name: "add", arguments: "{}" },
        { id: "e", name: "now", arguments: "{}" },
      ],
    });
  });
});
