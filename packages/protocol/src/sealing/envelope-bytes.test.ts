import { expect, it } from "vitest";
import { concatBytes, u32be, utf8 } from "../bytes.ts";
import { CANDIDATES_MAX, SEAL_HEADER_CHARS_MAX } from "../limits.ts";
import { readEnvelope, writeEnvelope, type Envelope } from "./envelope-bytes.ts";

const envelope: Envelope = { hdr: "{}", wraps: [{ key_id: "k", enc: "AA==", wrap: "AA==" }], body: utf8("sealed") };
const json = utf8(JSON.stringify({ hdr: envelope.hdr, wraps: envelope.wraps }));

it.each([envelope, { ...envelope, body: new Uint8Array(0) }])("gives back what was put into it", (whole) => {
  const bytes = writeEnvelope(whole);
  const read = readEnvelope(bytes);
  expect(read).toEqual({ ...whole, bytes });
  // Written again, also after a change, it is what came.
  expect(read && writeEnvelope({ ...read, hdr: "other" })).toBe(bytes);
});

it("is told by its length and not by where its bytes begin", () => {
  const within = concatBytes(Uint8Array.of(1, 2), writeEnvelope(envelope)).subarray(2);
  expect(readEnvelope(within)).toMatchObject(envelope);
});

it.each<[string, Uint8Array]>([
  ["nothing", new Uint8Array(0)],
  ["a length that is cut off", Uint8Array.of(0, 0, 0)],
  ["no JSON", u32be(0)],
  ["JSON that is no envelope's", concatBytes(u32be(2), utf8("{}"))],
  ["JSON that is shorter than it says", concatBytes(u32be(json.length + 1), json)],
  ["JSON that is longer than it says", concatBytes(u32be(json.length - 1), json)],
])("is none where it is %s", (_, bytes) => {
  expect(readEnvelope(bytes)).toBeUndefined();
});

/** Goal: what a stranger sends is read no further than it may be long. Method: both sides of each bound. */
it("is bounded in its clear fields and in those whom it is sealed to", () => {
  const isRead = (more: Partial<Envelope>) => readEnvelope(writeEnvelope({ ...envelope, ...more })) !== undefined;
  const wraps = (count: number) => envelope.wraps.concat(...Array.from({ length: count - 1 }, () => envelope.wraps));
  const hdr = (chars: number) => ({ hdr: "h".repeat(chars) });
  expect([isRead(hdr(SEAL_HEADER_CHARS_MAX)), isRead(hdr(SEAL_HEADER_CHARS_MAX + 1))]).toEqual([true, false]);
  expect([CANDIDATES_MAX, CANDIDATES_MAX + 1].map((count) => isRead({ wraps: wraps(count) }))).toEqual([true, false]);
});
