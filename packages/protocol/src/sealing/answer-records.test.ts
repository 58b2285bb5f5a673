import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes } from "../../test/changed.ts";
import { sampleReceipt, startMs, timeAt } from "../../test/samples.ts";
import { concatBytes, joinBytes, u32be, utf8 } from "../bytes.ts";
import { ERROR_RECORD_BYTES_MAX, RECEIPT_RECORD_BYTES_MAX } from "../limits.ts";
import type { ReceiptDocument } from "../receipts/index.ts";
import {
  AnswerRecordReader,
  AnswerRecordsMalformed,
  errorRecord,
  frameRecord,
  receiptRecord,
  type AnswerRecord,
} from "./answer-records.ts";

/** Nonce, length, header, the largest padded plaintext and a tag. */
const FRAME_BYTES = 32 + 4 + 9 + (64 * 1024 + 256) + 16;

const document: ReceiptDocument = {
  receipt: sampleReceipt(),
  provider_signature: "QUJD",
  coordinator_signature: "REVG",
  coordinator_key_id: "key-1",
  countersigned_at: timeAt(startMs),
};
const error = { status: 502, code: "provider_gone", message: "It is gone.", retry_after_sec: 3 };
const frames = [utf8("one frame"), new Uint8Array(0), utf8("another")];
const whole = joinBytes([...frames.map(frameRecord), receiptRecord(document)]);

function readAll(chunks: readonly Uint8Array[]): { records: AnswerRecord[]; ended: boolean } | "malformed" {
  const reader = new AnswerRecordReader();
  try {
    return { records: chunks.flatMap((chunk) => reader.push(chunk)), ended: reader.ended };
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AnswerRecordsMalformed);
    expect(reader.ended).toBe(false);
    expect(() => reader.push(new Uint8Array(0))).toThrow(AnswerRecordsMalformed);
    return "malformed";
  }
}
const records = frames.map((bytes) => ({ kind: "frame", bytes }));

describe("the records of a sealed answer", () => {
  it("come out as they went in, wherever they are cut", () => {
    const expected = { records: [...records, { kind: "receipt", document }], ended: true };
    expect(readAll([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        expect(readAll(at.slice(1).map((end, index) => whole.subarray(at[index], end)))).toEqual(expected);
      }),
      { numRuns: 50 },
    );
    const failed = joinBytes([...frames.map(frameRecord), errorRecord(error)]);
    expect(readAll([failed])).toEqual({ records: [...records, { kind: "error", error }], ended: true });
  });

  /** Goal: what was cut off never looks whole. Method: every prefix. */
  it("have not ended before the last byte", () => {
    for (let length = 0; length < whole.length; length++)
      expect(readAll([whole.subarray(0, length)])).toMatchObject({ ended: false });
  });

  it.each<[string, Uint8Array]>([
    ["another kind", concatBytes(Uint8Array.of(4), u32be(0))],
    ["an error under another kind", errorRecord(error).with(0, 4)],
    ["a frame behind the receipt", concatBytes(whole, frameRecord(utf8("more")))],
    ["two receipts", concatBytes(whole, receiptRecord(document))],
    ["a byte behind the error", concatBytes(errorRecord(error), Uint8Array.of(1))],
    ["a receipt that is none", concatBytes(Uint8Array.of(2), u32be(2), utf8("{}"))],
    ["an error that is no JSON", concatBytes(Uint8Array.of(3), u32be(1), utf8("{"))],
    ["an error that is no text", concatBytes(Uint8Array.of(3), u32be(1), Uint8Array.of(0xff))],
    ["an error with a status of success", concatBytes(errorRecord({ ...error, status: 200 }))],
    ["a frame that is too long", concatBytes(Uint8Array.of(1), u32be(FRAME_BYTES + 1))],
    ["a receipt that is too long", concatBytes(Uint8Array.of(2), u32be(RECEIPT_RECORD_BYTES_MAX + 1))],
    ["an error that is too long", concatBytes(Uint8Array.of(3), u32be(ERROR_RECORD_BYTES_MAX + 1))],
  ])("are none with %s", (_, bytes) => {
    expect(readAll([bytes])).toBe("malformed");
  });

  it("may be as long as they may be", () => {
    for (const [kind, length] of [
      [1, FRAME_BYTES],
      [2, RECEIPT_RECORD_BYTES_MAX],
      [3, ERROR_RECORD_BYTES_MAX],
    ] as const)
      expect(readAll([concatBytes(Uint8Array.of(kind), u32be(length))])).toEqual({ records: [], ended: false });
  });

  it("throw nothing else, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(changedBytes(whole), fc.uint8Array({ maxLength: 300 })), (bytes) => void readAll([bytes])),
      { numRuns: 300 },
    );
  });
});
