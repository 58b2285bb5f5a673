import { describe, expect, it } from "vitest";
import { fromUtf8, joinBytes, utf8 } from "../bytes.ts";
import { StreamEnd, StreamMalformed } from "./stream-end.ts";

const said = 'data: {"choices":[{"delta":{"content":"data: [DONE] message_stop \\u2028 é"}}]}\n\n';
const streams: readonly [name: string, before: string, end: string][] = [
  ["chat and completions", said, "data: [DONE]\n\n"],
  ["messages", `event: ping\ndata: {"type":"ping"}\n\n`, 'event: message_stop\ndata: {"type":"message_stop"}\n\n'],
  [
    "responses",
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"response.completed"}\n\n',
    'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n',
  ],
  [
    "responses, cut",
    'event: response.created\ndata: {"type":"response.created"}\n\n',
    'event: response.incomplete\ndata: {"type":"response.incomplete"}\n\n',
  ],
];

/** What goes out of a stream that comes in pieces, and what its end then is. */
function run(pieces: readonly (string | Uint8Array<ArrayBuffer>)[]): { out: string; held: number } {
  const end = new StreamEnd();
  const out = joinBytes(pieces.map((piece) => end.push(typeof piece === "string" ? utf8(piece) : piece)));
  return { out: fromUtf8(out), held: end.heldBytes };
}

describe("the end of a stream", () => {
  /** Goal: it stays back however the stream is cut, and nothing else does. Method: cut at every byte, and into single bytes. */
  it.each(streams)("is kept back: %s", (_, before, ending) => {
    const bytes = utf8(`: keep-alive\n\n${before}${ending}`);
    const passed = bytes.length - ending.length;
    for (let at = 0; at <= bytes.length; at++) {
      const end = new StreamEnd();
      const out = [end.push(bytes.subarray(0, at)), end.push(bytes.subarray(at))];
      expect(joinBytes(out)).toEqual(bytes.subarray(0, passed));
      expect(end.heldBytes).toBe(ending.length);
      expect(fromUtf8(end.end())).toBe(ending);
    }
    const single = new StreamEnd();
    const out = joinBytes([...bytes].map((byte) => single.push(Uint8Array.of(byte))));
    expect(out).toEqual(bytes.subarray(0, passed));
    expect(fromUtf8(single.end())).toBe(ending);
  });

  it.each(streams)("is kept back with the comments behind it: %s", (_, before, ending) => {
    expect(run([before, ending, ": keep-alive\n\n"]).out).toBe(before);
    expect(run([`${before}${ending}: keep-alive\n\n`]).out).toBe(before);
  });

  /** Goal: no client finds an end that this does not. Method: spellings that some reader takes, each in the middle of a stream. */
  it.each([
    ["an escaped type", 'data: {"type":"message\\u005fstop"}\n\n'],
    ["an escaped name of the type", 'data: {"t\\u0079pe":"message_stop"}\n\n'],
    ["a type that is said twice", 'data: {"type":"ping","type":"message_stop"}\n\n'],
    ["a name without its data", 'event: message_stop\ndata: {"type":"ping"}\n\n'],
    ["more behind the mark", "data: [DONE] \n\n"],
    ["a response that failed", 'data: {"type":"response.failed"}\n\n'],
  ])("is found as %s", (_, ending) => {
    expect(run([said, ending])).toEqual({ out: said, held: utf8(ending).length });
  });

  it.each([
    ["without the space", "data:[DONE]\n\n"],
    ["with two spaces", "data:  [DONE]\n\n"],
    ["behind white space", " data: [DONE]\n\n"],
    ["behind a carriage return", 'data: {"a":1}\rdata: [DONE]\r\r\n\n'],
    ["behind a line end that some readers know", 'data: {"a":1}\u2028data: [DONE]\n\n'],
    ["behind a byte order mark", "\uFEFFdata: [DONE]\n\n"],
    ["as a field of another name", "DATA: [DONE]\n\n"],
    ["in two lines of data", "data: {}\ndata: [DONE]\n\n"],
    ["as no JSON", "data: message_stop\n\n"],
    ["as a receipt of its own making", ": darkbloom-receipt e30\n\n"],
    ["with half a character", Uint8Array.of(...utf8("data: "), 0xe2, 10, 10)],
    ["an empty event", "\n\n"],
  ])("is refused %s", (_, ending) => {
    expect(() => run([said, ending])).toThrow(StreamMalformed);
  });

  it.each([said, "data: [DONE]\n\n"])("has no event behind it: %s", (more) => {
    expect(() => run([said, "data: [DONE]\n\n", more])).toThrow(StreamMalformed);
    expect(() => run([`${said}data: [DONE]\n\n${more}`])).toThrow(StreamMalformed);
  });

  it("must have come when the answer is over, and whole", () => {
    for (const pieces of [[], [said], [said, "data: [DONE]\n"], [said, "data: [DONE]\n\n: keep"]]) {
      const end = new StreamEnd();
      for (const piece of pieces) end.push(utf8(piece));
      expect(() => end.end()).toThrow(StreamMalformed);
    }
  });

  it("counts what it keeps of an event that is not whole", () => {
    const end = new StreamEnd();
    end.push(utf8("data: {"));
    expect(end.heldBytes).toBe(7);
    end.push(utf8('"a":1}\n\n'));
    expect(end.heldBytes).toBe(0);
  });
});
