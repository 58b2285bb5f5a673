import { describe, expect, it } from "vitest";
import type { Message } from "../job.ts";
import { openaiResponses } from "./index.ts";

const user = { role: "user", content: "hi" };
const hi: Message = { role: "user", text: "hi" };
const call = (id: string) => ({ type: "function_call", call_id: id, name: "add", arguments: `{"of":"${id}"}` });
const made = (id: string) => ({ id, name: "add", arguments: `{"of":"${id}"}` });
const output = (id: string, text: unknown) => ({ type: "function_call_output", call_id: id, output: text });
const thinks = (text: string) => ({ type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text }] });
const says = (text: string) => ({
  type: "message",
  id: "msg_1",
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
});

/** Goal: every kind of item is read as the turn that it tells. Method: a table of rows of items. */
describe("a row of items", () => {
  const cases: [what: string, input: unknown[], expected: Message[]][] = [
    [
      "messages of every role, with and without their type",
      [
        { role: "system", content: "a" },
        { type: "message", role: "developer", content: "b" },
        { type: null, role: "user", content: "" },
        { role: "assistant", content: "d" },
      ],
      [
        { role: "system", text: "a" },
        { role: "system", text: "b" },
        { role: "user", text: "" },
        { role: "assistant", text: "d" },
      ],
    ],
    [
      "parts of every kind",
      [
        { role: "user", content: ["input_text", "text", "output_text"].map((type) => ({ type, text: type })) },
        { role: "assistant", content: [{ type: "refusal", refusal: "no" }] },
      ],
      [
        { role: "user", text: "input_text\ntext\noutput_text" },
        { role: "assistant", text: "no" },
      ],
    ],
    [
      "a call and its output",
      [user, call("c"), output("c", "3")],
      [hi, { role: "assistant", text: "", toolCalls: [made("c")] }, { role: "tool", callId: "c", text: "3" }],
    ],
    [
      "words and two calls, which are one turn",
      [
        user,
        says("let me see"),
        call("c"),
        call("d"),
        output("d", [{ type: "input_text", text: "4" }]),
        output("c", "3"),
      ],
      [
        hi,
        { role: "assistant", text: "let me see", toolCalls: [made("c"), made("d")] },
        { role: "tool", callId: "d", text: "4" },
        { role: "tool", callId: "c", text: "3" },
      ],
    ],
    [
      "a call after an output, which is a turn of its own",
      [user, call("c"), output("c", "3"), call("d")],
      [
        hi,
        { role: "assistant", text: "", toolCalls: [made("c")] },
        { role: "tool", callId: "c", text: "3" },
        { role: "assistant", text: "", toolCalls: [made("d")] },
      ],
    ],
    [
      "reasoning before words",
      [user, thinks("hm"), says("ho")],
      [hi, { role: "assistant", text: "ho", thought: "hm" }],
    ],
    [
      "reasoning before a call, and more of it before the next",
      [user, thinks("hm"), call("c"), thinks("oh"), call("d")],
      [hi, { role: "assistant", text: "", thought: "hm\noh", toolCalls: [made("c"), made("d")] }],
    ],
    [
      "reasoning in two items and two parts",
      [
        user,
        { type: "reasoning", summary: [{ text: "a" }, { text: "b" }] },
        { type: "reasoning", content: [{ type: "reasoning_text", text: "c" }], summary: [{ text: "not this" }] },
        says("ho"),
      ],
      [hi, { role: "assistant", text: "ho", thought: "a\nb\nc" }],
    ],
    [
      "reasoning of nothing",
      [user, { type: "reasoning", summary: [], content: null }, says("ho")],
      [hi, { role: "assistant", text: "ho" }],
    ],
    ["reasoning that nothing follows", [user, thinks("hm")], [hi]],
    [
      "reasoning that nothing was said after, before the user goes on",
      [user, thinks("hm"), user],
      [hi, { role: "assistant", text: "", thought: "hm" }, hi],
    ],
    ["reasoning before the user's first words", [thinks("hm"), user], [hi]],
    [
      "arguments of nothing",
      [{ ...call("c"), arguments: " " }],
      [{ role: "assistant", text: "", toolCalls: [{ ...made("c"), arguments: "{}" }] }],
    ],
  ];
  for (const [what, input, expected] of cases)
    it(what, () => expect(openaiResponses.decode({ model: "m", input }).job.messages).toEqual(expected));
});
