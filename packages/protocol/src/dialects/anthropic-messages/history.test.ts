import { describe, expect, it } from "vitest";
import type { Message } from "../job.ts";
import { anthropicMessages } from "./index.ts";

const user = { role: "user", content: "hi" };
const hi: Message = { role: "user", text: "hi" };
const text = (said: string) => ({ type: "text", text: said });

describe("a conversation", () => {
  const cases: [what: string, messages: unknown[], expected: Message[]][] = [
    ["text blocks", [{ role: "user", content: [text("a"), text("b")] }], [{ role: "user", text: "a\nb" }]],
    [
      "a call, its result, and more of the user",
      [
        user,
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "job_1" },
            { type: "redacted_thinking", data: "x" },
            { ...text("let me see"), citations: null },
            { type: "tool_use", id: "c", name: "add", input: { a: [1, "\n"] }, caller: { type: "direct" } },
            { type: "tool_use", id: "d", name: "now", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "d", is_error: true, content: "no clock" },
            { type: "tool_result", tool_use_id: "c", content: [text("3"), text("4")] },
            text("so?"),
          ],
        },
      ],
      [
        hi,
        {
          role: "assistant",
          text: "let me see",
          thought: "hm",
          toolCalls: [
            { id: "c", name: "add", arguments: '{"a":[1,"\\n"]}' },
            { id: "d", name: "now", arguments: "{}" },
          ],
        },
        { role: "tool", callId: "d", text: "no clock" },
        { role: "tool", callId: "c", text: "3\n4" },
        { role: "user", text: "so?" },
      ],
    ],
    [
      "a result that names a tool",
      [
        { role: "assistant", content: [{ type: "tool_use", id: "c", name: "find", input: {} }] },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "c",
              content: [{ type: "tool_reference", tool_name: "add" }, text("x")],
            },
          ],
        },
      ],
      [
        { role: "assistant", text: "", toolCalls: [{ id: "c", name: "find", arguments: "{}" }] },
        { role: "tool", callId: "c", text: "add\nx" },
      ],
    ],
    [
      "a result of nothing, and an id used again",
      [1, 2].flatMap(() => [
        { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c" }] },
      ]),
      [1, 2].flatMap((): Message[] => [
        { role: "assistant", text: "", toolCalls: [{ id: "c", name: "f", arguments: "{}" }] },
        { role: "tool", callId: "c", text: "" },
      ]),
    ],
    ["an empty answer", [{ role: "assistant", content: [] }, user], [{ role: "assistant", text: "" }, hi]],
    [
      "thinking whose text was omitted",
      [{ role: "assistant", content: [{ type: "thinking", thinking: "" }] }, user],
      [{ role: "assistant", text: "" }, hi],
    ],
    [
      "neighbours of one role as one turn",
      [
        user,
        { role: "user", content: [text("there")] },
        { role: "assistant", content: "a" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "t" },
            { type: "tool_use", id: "c", name: "f", input: {} },
          ],
        },
        { role: "assistant", content: "b" },
        { role: "system", content: "s" },
        { role: "system", content: [text("t")] },
        user,
      ],
      [
        { role: "user", text: "hi\nthere" },
        { role: "assistant", text: "a\nb", thought: "t", toolCalls: [{ id: "c", name: "f", arguments: "{}" }] },
        { role: "system", text: "s\nt" },
        hi,
      ],
    ],
  ];
  for (const [what, messages, expected] of cases)
    it(what, () => expect(anthropicMessages.decode({ model: "m", messages }).job.messages).toEqual(expected));

  it("puts the top system prompt first", () =>
    expect(
      anthropicMessages.decode({ model: "m", system: "s", messages: [{ role: "system", content: "t" }, user] }).job
        .messages,
    ).toEqual([{ role: "system", text: "s\nt" }, hi]));
});

/** Goal: earlier thinking leaves the prompt as the caller has it managed. Method: three turns that thought, each way to keep some. */
describe("earlier thinking", () => {
  const thinks = (thinking: string) => ({ role: "assistant", content: [{ type: "thinking", thinking }, text("so")] });
  const messages = ["a", "b", "c"].flatMap((thinking) => [user, thinks(thinking)]).concat(user as never);
  const edit = { type: "clear_thinking_20251015" };
  it.each([
    [undefined, ["a", "b", "c"]],
    [{}, ["a", "b", "c"]],
    [{ edits: [] }, ["a", "b", "c"]],
    [{ edits: [{ ...edit, keep: "all" }] }, ["a", "b", "c"]],
    [{ edits: [{ ...edit, keep: { type: "all" } }] }, ["a", "b", "c"]],
    [{ edits: [edit] }, ["c"]],
    [{ edits: [{ ...edit, keep: { type: "thinking_turns", value: 2 } }] }, ["b", "c"]],
    [{ edits: [{ ...edit, keep: { type: "thinking_turns", value: 9 } }] }, ["a", "b", "c"]],
  ])("%j keeps %j", (context_management, kept) => {
    const { job } = anthropicMessages.decode({ model: "m", messages, context_management });
    expect(job.messages.flatMap(({ thought }) => (thought === undefined ? [] : [thought]))).toEqual(kept);
    expect(job.messages).toHaveLength(messages.length);
  });
});
