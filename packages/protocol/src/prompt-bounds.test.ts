import { describe, expect, it } from "vitest";
import type { EmbedInput, Message } from "./dialects/job.ts";
import {
  EMBED_TOKENS_ADDED_MAX,
  embedTokensMax,
  inputTokensMax,
  promptSizeOf,
  promptTokensMax,
  promptTokensMin,
  TEMPLATE_TOKENS_MAX,
} from "./prompt-bounds.ts";

const user = (text: string): Message => ({ role: "user", text });

/** Goal: never more than an honest tokenizer could count. Method: texts of which templates leave parts out, tokens of 4 bytes. */
describe("the least that a prompt comes to", () => {
  it.each<[string, readonly Message[], number]>([
    ["nothing", [], 0],
    ["a text", [user("12345678")], 2],
    ["a text that does not fill its last token", [user("123456789")], 3],
    ["several texts, which may share a token", [user("12"), user("34")], 1],
    ["characters of several bytes", [user("ééé")], 2],
    ["white space around a text", [user(`${" ".repeat(99)}1234\n\n`)], 1],
    ["an assistant's words", [{ role: "assistant", text: "12345678" }], 2],
    ["an assistant's thoughts", [{ role: "assistant", text: `<think>${"x".repeat(99)}</think>12345678` }], 2],
    ["a user who writes of thoughts", [user(`${"x".repeat(8)}</think>`)], 4],
    ["calls, and what a call answers", [{ role: "tool", text: "1234", callId: "x".repeat(99) }], 1],
  ])("%s", (_, messages, tokens) => {
    expect(promptTokensMin(promptSizeOf({ messages }), 4)).toBe(tokens);
  });
});

describe("the least that texts for vectors come to", () => {
  it.each<[string, readonly EmbedInput[], number]>([
    ["of which each has the context for itself", ["12345678", "1"], 2],
    ["with white space around them", [" 1234\n"], 1],
    ["as tokens", [[1, 2, 3], "12345678"], 3],
  ])("%s", (_, inputs, tokens) => {
    expect(promptTokensMin(promptSizeOf({ messages: [], embed: { inputs, encoding: "float" } }), 4)).toBe(tokens);
  });
});

it("allows each text for a vector what stands around it", () => {
  expect(embedTokensMax(10, 3)).toBe(10 + 3 * EMBED_TOKENS_ADDED_MAX);
});

it("allows a template words of its own above a body's bytes", () => {
  expect(promptTokensMax(10)).toBe(10 + TEMPLATE_TOKENS_MAX);
});

/** Goal: never fewer than an honest tokenizer could count. Method: texts that one would write out first, where that matters. */
describe("the most that one text comes to", () => {
  it.each<[string, input: EmbedInput, enough: number, tokens: number]>([
    ["letters", "abc", 100, 3],
    ["characters of several bytes", "é€", 100, 6],
    ["a sign that stands for several letters", "\ufb03", 100, 3],
    ["one that stands for a sentence", "\ufdfa", 100, 33],
    ["the same where it is long enough as it stands", "\ufdfa", 3 + EMBED_TOKENS_ADDED_MAX, 3],
    ["tokens", [5, 6], 100, 2],
  ])("%s", (_, input, enough, tokens) => {
    expect(inputTokensMax(input, enough)).toBe(tokens + EMBED_TOKENS_ADDED_MAX);
  });
});
