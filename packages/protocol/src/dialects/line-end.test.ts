import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../bytes.ts";
import { LineEnd } from "./line-end.ts";
import { StreamMalformed } from "./stream-end.ts";

const delta = '{"type":"response.output_text.delta","delta":"a \\\\u é"}\n';
const about = '{"type":"response.output_text.delta","delta":"response.completed, says darkbloom"}\n';
const last = '{"type":"response.completed","response":{"id":"resp_1"}}\n';

/** What may go out before the end, and the end, of a text in such pieces. */
function parted(text: string, sizes: readonly number[] = [text.length]): readonly [string, string] {
  const lines = new LineEnd();
  const bytes = utf8(text);
  let passed = "";
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    passed += new TextDecoder().decode(lines.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return [passed, new TextDecoder().decode(lines.end())];
}

describe("events as lines", () => {
  /** Goal: however a machine cuts it, all but the end goes out, line by line. Method: any cuts. */
  it("part from their end, however they are cut", () => {
    const text = delta + about + delta + last;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 }), (sizes) => {
        expect(parted(text, sizes)).toEqual([delta + about + delta, last]);
      }),
    );
  });

  it("hold no more than half a line, and the end", () => {
    const lines = new LineEnd();
    lines.push(utf8(delta.slice(0, 10)));
    expect(lines.heldBytes).toBe(10);
    expect(new TextDecoder().decode(lines.push(utf8(delta.slice(10))))).toBe(delta);
    expect(lines.heldBytes).toBe(0);
    expect(lines.push(utf8(last))).toHaveLength(0);
    expect(lines.heldBytes).toBe(last.length);
  });

  it.each(["response.completed", "response.incomplete", "response.failed"])("end with %s", (type) => {
    const end = `{"type":"${type}"}\n`;
    expect(parted(delta + end)).toEqual([delta, end]);
  });

  it.each<[what: string, text: string]>([
    ["no end", delta],
    ["nothing", ""],
    ["half an end", delta + last.slice(0, -1)],
    ["a line behind the end", last + delta],
    ["half a line behind the end", `${last}{`],
    ["a second end", last + last],
    ["no JSON at its end", '{"type":"response.completed",\n'],
    ["an empty line", `\n${last}`],
    ["a type that is not first", `{"a":1,"type":"response.created"}\n${last}`],
    ["a second type, which some readers take", `{"type":"response.created","type":"response.completed"}\n${last}`],
    ["a second type in other signs", `{"type":"response.created","\\u0074ype":"response.completed"}\n${last}`],
    ["a proof of its own", '{"type":"response.completed","darkbloom":{}}\n'],
    ["a proof of its own before the end", `{"type":"response.created","darkbloom":{}}\n${last}`],
    ["a proof of its own in other signs", '{"type":"response.completed","dark\\u0062loom":{}}\n'],
    ["something behind its end", last.replace("\n", " \n")],
    ["a receipt of its own", `{"type":"darkbloom.receipt"}\n${last}`],
    ["a receipt of its own as a second type", `{"type":"response.created","type":"darkbloom.receipt"}\n${last}`],
    ["a carriage return", `{"type":"response.created"}\r\n${last}`],
    ["a line end that only some readers know", `{"type":"response.created","a":"\u2028"}\n${last}`],
    ["server-sent events", `event: response.completed\ndata: {"type":"response.completed"}\n\n`],
  ])("are malformed with %s", (_, text) => {
    expect(() => parted(text)).toThrow(StreamMalformed);
    expect(() => parted(text, [7, 7, 7])).toThrow(StreamMalformed);
  });

  it("are malformed where bytes are no text", () => {
    expect(() => new LineEnd().push(Uint8Array.of(...utf8('{"type":"a","b":"'), 0xff, ...utf8('"}\n')))).toThrow(
      StreamMalformed,
    );
  });
});
