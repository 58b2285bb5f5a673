import * as fc from "fast-check";
import { expect, it } from "vitest";
import { changedJson } from "../../test/changed.ts";
import { sampleReceipt } from "../../test/samples.ts";
import { concatBytes, utf8 } from "../bytes.ts";
import { answerTail, readAnswerTail, writeAnswerTail, type AnswerTail } from "./answer-tail.ts";

const { sampling, finish_reason } = sampleReceipt();
const bare: AnswerTail = { v: 1, kind: "answer", response_sha256: "a".repeat(64), response_signature: "QUJD" };
const answer: AnswerTail = { ...bare, ...(sampling && { sampling }), ...(finish_reason && { finish_reason }) };
const refusal: AnswerTail = { v: 1, kind: "refusal", status: 400, body: '{"error":{}}' };

it.each([bare, answer, refusal])("gives back what was put into it: %j", (tail) => {
  expect(readAnswerTail(writeAnswerTail(tail))).toEqual(tail);
});

it.each<[string, Uint8Array]>([
  ["nothing", new Uint8Array(0)],
  ["a piece of an answer", utf8('{"id":"chatcmpl-1","choices":[]}')],
  ["a refusal that is a success", utf8(JSON.stringify({ ...refusal, status: 200 }))],
  ["a refusal of the network's", utf8(JSON.stringify({ ...refusal, status: 500 }))],
  ["a hash of another length", utf8(JSON.stringify({ ...bare, response_sha256: "a" }))],
  ["no text", concatBytes(writeAnswerTail(bare), Uint8Array.of(0xff))],
])("is none where it is %s", (_, bytes) => {
  expect(readAnswerTail(bytes)).toBeUndefined();
});

it("is read or not, whatever comes", () => {
  fc.assert(
    fc.property(changedJson(answer), (json) => {
      const read = readAnswerTail(utf8(JSON.stringify(json) ?? ""));
      if (read) expect(answerTail.parse(read)).toEqual(read);
    }),
    { numRuns: 200 },
  );
});
