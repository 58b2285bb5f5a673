import { expect, it } from "vitest";
import { linesOf, pieceOf } from "./stream.ts";

/** Goal: every event adds what it says, and nothing else counts. Method: one line of each kind. */
it.each([
  ['data: {"choices":[{"delta":{"content":"Hi"}}]}', { text: "Hi" }],
  ['data: {"choices":[{"delta":{"reasoning_content":"Hm","content":null}}]}', { thought: "Hm" }],
  ['data: {"choices":[{"delta":{},"finish_reason":"stop"}]}', undefined],
  ['data: {"choices":[],"usage":{}}', undefined],
  ['data: {"error":{"message":"Gone","code":"c"}}', { error: { message: "Gone", code: "c" } }],
  ["data: [DONE]", undefined],
  [": receipt", undefined],
  ["", undefined],
])("reads %s", (line, piece) => {
  expect(pieceOf(line)).toEqual(piece);
});

it("puts lines together that come in pieces, in the middle of a letter too", async () => {
  const bytes = new TextEncoder().encode("data: grün\r\n\ndata: rest");
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  expect((await Array.fromAsync(linesOf(body))).filter((line) => line !== "")).toEqual(["data: grün", "data: rest"]);
});
