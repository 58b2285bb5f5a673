import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes } from "../../test/changed.ts";
import { concatBytes, u32be, utf8 } from "../bytes.ts";
import { JOB_ID_BYTES_MAX } from "../limits.ts";
import type { Envelope } from "../sealing/envelope-bytes.ts";
import { joinRecords, readRecords, recordKinds, writeRecord, type ReadRecord, type WireRecord } from "./records.ts";
import { readRequest, writeRequest, type InferenceRequest } from "./request-record.ts";

const record = (kind: WireRecord["kind"], jobId: string, bytes: Uint8Array): WireRecord => ({ kind, jobId, bytes });
const answer = record("answer", "job_1", Uint8Array.of(1, 2, 3));
const shown = (records: Iterable<ReadRecord>) =>
  [...records].map(({ kind, jobId, bytes }) => ({ kind, jobId, bytes: [...bytes] }));

describe("a binary message", () => {
  it("gives back what was put into it, in order, also where it is part of a longer buffer", () => {
    const records = [answer, record("request", "j", new Uint8Array(0)), record("answer", "é".repeat(64), utf8("end"))];
    records.push(record("answer", "last", new Uint8Array(0)));
    const message = joinRecords(records.map(writeRecord));
    expect(shown(readRecords(message))).toEqual(shown(records));
    const within = concatBytes(Uint8Array.of(9, 9), message, Uint8Array.of(9)).subarray(2, -1);
    expect(shown(readRecords(within))).toEqual(shown(records));
    expect(shown(readRecords(new Uint8Array(0)))).toEqual([]);
  });

  it("may hold records of kinds that are not known, which are told apart", () => {
    const unknown = writeRecord(answer).with(0, Math.max(...Object.values(recordKinds)) + 1);
    const records = readRecords(joinRecords([unknown, writeRecord(answer), unknown]));
    expect([...records].map(({ kind }) => kind)).toEqual([undefined, "answer", undefined]);
  });

  /** Goal: who keeps a copy of a record's bytes keeps no more. Method: a message as Node's sockets give it, whose own `slice` is a view. */
  it("gives bytes that can be copied, whatever kind of bytes it is", () => {
    const message = Buffer.from(writeRecord(answer));
    const [read] = [...readRecords(message)];
    const copy = read?.bytes.slice();
    message.fill(0);
    expect(copy).toEqual(answer.bytes);
  });

  const whole = writeRecord(answer);
  it.each<[string, Uint8Array]>([
    ["no job id", concatBytes(Uint8Array.of(2, 0), u32be(0))],
    ["a job id that is too long", concatBytes(Uint8Array.of(2, 129), new Uint8Array(129).fill(97), u32be(0))],
    ["a job id that is no text", concatBytes(Uint8Array.of(2, 1, 0xff), u32be(0))],
    ["a length that is cut off", whole.subarray(0, 2 + 5 + 3)],
    ["bytes that are cut off", whole.subarray(0, -1)],
    ["one byte", whole.subarray(0, 1)],
  ])("with %s is none, and what stood before it was read", (_, wrong) => {
    const read: ReadRecord[] = [];
    const readAll = () => {
      for (const one of readRecords(concatBytes(whole, wrong))) read.push(one);
    };
    expect(readAll).toThrow(RangeError);
    expect(shown(read)).toEqual(shown([answer]));
  });

  it("is made only of job ids that are", () => {
    const named = (jobId: string) => () => writeRecord(record("answer", jobId, new Uint8Array(0)));
    expect(named("j".repeat(JOB_ID_BYTES_MAX))).not.toThrow();
    for (const jobId of ["", "j".repeat(JOB_ID_BYTES_MAX + 1)]) expect(named(jobId)).toThrow(RangeError);
  });

  /** Goal: whatever comes is read, or refused in one way. Method: any bytes, and good ones changed. */
  it("is read or refused, whatever comes", () => {
    const good = joinRecords([writeRecord(answer), writeRecord(record("request", "job_2", utf8("x".repeat(300))))]);
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), changedBytes(good)), (bytes) => {
        try {
          for (const { jobId, bytes: part } of readRecords(bytes)) {
            expect(jobId).not.toBe("");
            expect(part.length).toBeLessThan(bytes.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a request's record", () => {
  const envelope: Envelope = { hdr: "{}", wraps: [{ key_id: "k", enc: "AA==", wrap: "AA==" }], body: utf8("sealed") };
  const request: InferenceRequest = {
    job_id: "job_1",
    caller_request_id: "req_1",
    cache_scope: "scope",
    credit_bytes: 1,
    envelope,
  };
  it("gives back what was put into it", () => {
    expect(readRequest("job_1", writeRequest(request))).toMatchObject(request);
    const { cache_scope: _, ...unscoped } = request;
    expect(readRequest("job_1", writeRequest(unscoped))).toMatchObject(unscoped);
  });

  it.each<[string, Partial<InferenceRequest>]>([
    ["an id of the caller that is too long", { caller_request_id: "r".repeat(129) }],
    ["a scope that is too long", { cache_scope: "s".repeat(65) }],
    ["no credit", { credit_bytes: 0 }],
    ["no wrap", { envelope: { ...envelope, wraps: [] } }],
    [
      "too many wraps",
      { envelope: { ...envelope, wraps: Array.from({ length: 5 }, () => ({ key_id: "", enc: "", wrap: "" })) } },
    ],
    ["a wrap that is no base64", { envelope: { ...envelope, wraps: [{ key_id: "k", enc: "A", wrap: "" }] } }],
    ["clear fields that are too long", { envelope: { ...envelope, hdr: "h".repeat(16_385) } }],
  ])("with %s is none", (_, change) => {
    expect(readRequest("job_1", writeRequest({ ...request, ...change }))).toBeUndefined();
  });

  it.each<[string, Partial<InferenceRequest>]>([
    ["an id of the caller as long as may be", { caller_request_id: "r".repeat(128) }],
    ["a scope as long as may be", { cache_scope: "s".repeat(64) }],
    ["clear fields as long as may be", { envelope: { ...envelope, hdr: "h".repeat(16_384) } }],
    ["no body", { envelope: { ...envelope, body: new Uint8Array(0) } }],
  ])("with %s is one", (_, change) => {
    expect(readRequest("job_1", writeRequest({ ...request, ...change }))).toMatchObject({ ...request, ...change });
  });

  it("is none where it is cut off or no JSON, at any place", () => {
    const bytes = writeRequest({ ...request, envelope: { ...envelope, body: new Uint8Array(0) } });
    for (let length = 0; length < bytes.length; length++)
      expect(readRequest("job_1", bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
    expect(readRequest("job_1", concatBytes(u32be(1), utf8("{")))).toBeUndefined();
    expect(readRequest("job_1", concatBytes(u32be(2), Uint8Array.of(0xff, 0xff)))).toBeUndefined();
  });
});
