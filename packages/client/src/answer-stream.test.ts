import { utf8 } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/endpoints";
import { receiptComment } from "@darkbloom/protocol/receipts";
import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { receiptDocument } from "../test/samples.ts";
import { AnswerStream } from "./answer-stream.ts";
import { CLIENT_ANSWER_BYTES_MAX } from "./limits.ts";

const chat: Endpoint = "/v1/chat/completions";
const messages: Endpoint = "/v1/messages";
const responses: Endpoint = "/v1/responses";
const word = 'data: {"choices":[]}\n\n';
const chatError = 'data: {"error":{"message":"x"}}\n\n';
const named = (type: string, inside = type): string => `event: ${type}\ndata: {"type":"${inside}"}\n\n`;

/** How a stream of these pieces ends. */
function endOf(endpoint: Endpoint, pieces: readonly string[]): string {
  const stream = new AnswerStream(webCrypto, endpoint);
  try {
    for (const piece of pieces) stream.push(utf8(piece));
    return stream.end().kind;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Goal: a stream may end unchecked only in its dialect's own error, and anything else without a proper end was cut off. Method: last events, as they may be cut. */
it.each<[endpoint: Endpoint, pieces: string[], end: string]>([
  [chat, [word, "data: [DONE]\n\n"], "whole"],
  [chat, [word, chatError], "failed"],
  [chat, [word, chatError.slice(0, 20), chatError.slice(20)], "failed"],
  [chat, [word, `${chatError}: still here\n\n`], "failed"],
  [chat, [word, chatError, ""], "failed"],
  [chat, [chatError, word], "answer_cut_off"],
  [chat, [word, `event: error\n${chatError}`], "answer_cut_off"],
  [chat, [word, 'data: {"error":"x"}\n\n'], "answer_cut_off"],
  [chat, [word, 'data: {"error":null}\n\n'], "answer_cut_off"],
  [chat, [word, 'data: {"type":"error"}\n\n'], "answer_cut_off"],
  [chat, [word, 'data: {"error":{}\n\n'], "answer_cut_off"],
  [chat, [word, "data: {"], "answer_cut_off"],
  [chat, [word], "answer_cut_off"],
  [chat, [], "answer_cut_off"],
  [chat, ["no event\n\n"], "answer_false"],
  [messages, [word, named("error")], "failed"],
  [messages, [word, named("message_stop")], "whole"],
  [messages, [word, chatError], "answer_cut_off"],
  [messages, [word, 'data: {"type":"error"}\n\n'], "answer_cut_off"],
  [messages, [word, named("error", "ping")], "answer_cut_off"],
  [messages, [word, named("ping")], "answer_cut_off"],
  [responses, [word, named("error")], "failed"],
  // An end in itself: it is held back, and needs no receipt.
  [responses, [word, named("response.failed")], "failed"],
  [responses, [word, named("response.failed") + receiptComment(receiptDocument)], "whole"],
  [responses, [word, named("response.completed")], "whole"],
  [responses, [word, named("response.failed", "response.completed")], "whole"],
])("of %s: %j ends as %s", (endpoint, pieces, end) => {
  expect(endOf(endpoint, pieces)).toBe(end);
});

/** Goal: the dialect's error event is numbered on from what went out. Method: events, comments and halves. */
it("counts the events that went out", () => {
  const stream = new AnswerStream(webCrypto, responses);
  const counts = [word + word, ": still here\n\n", word.slice(0, 9), word.slice(9), ""].map((piece) => {
    stream.push(utf8(piece));
    return stream.events;
  });
  expect(counts).toEqual([2, 2, 2, 3, 3]);
});

it("holds an event as long as it may be, and not one byte more", () => {
  const stream = new AnswerStream(webCrypto, chat);
  stream.push(new Uint8Array(CLIENT_ANSWER_BYTES_MAX).fill(0x20));
  expect(() => stream.push(utf8(" "))).toThrow(expect.objectContaining({ code: "answer_too_large" }) as Error);
});
