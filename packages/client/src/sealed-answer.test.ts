import { joinBytes, utf8 } from "@darkbloom/protocol/bytes";
import { AnswerSealer, errorRecord, frameRecord, receiptRecord, writeAnswerTail } from "@darkbloom/protocol/sealing";
import { webCrypto, webHpke } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { secretNamed } from "../../protocol/test/keys.ts";
import { answeredMs, publishedMachine, receiptDocument, sharedSecret } from "../test/samples.ts";
import type { DarkbloomError } from "./errors.ts";
import { judge } from "./machine.ts";
import { rulesOf } from "./policy.ts";
import { SealedAnswer } from "./sealed-answer.ts";

const machine = await judge(webCrypto, await publishedMachine(), rulesOf(webCrypto, {}), answeredMs);
const good = writeAnswerTail({ v: 1, kind: "answer", response_sha256: "0".repeat(64), response_signature: "QUJD" });
const refusal = writeAnswerTail({ v: 1, kind: "refusal", status: 400, body: "{}" });
const receipt = receiptRecord(receiptDocument);
const error = errorRecord({ status: 502, code: "provider_gone", message: "It is gone." });

/** Its body in frames, and a last frame that says so where there is one. */
function sealed(words: readonly string[], tail?: Uint8Array): Uint8Array[] {
  const sealer = new AnswerSealer(webHpke, sharedSecret, secretNamed("response nonce"));
  const frames = words.map((word) => sealer.frame(utf8(word), 1, false));
  return [...frames, ...(tail ? [sealer.frame(tail, 1, true)] : [])].map(frameRecord);
}

/** Goal: only what a machine sealed to its end, with the coordinator's receipt behind it, is an answer. Method: records in every order that is none. */
it.each<[what: string, records: readonly Uint8Array[], end: string]>([
  ["an answer", [...sealed(["a", "", "b"], good), receipt], "answer ab"],
  ["an answer without a word", [...sealed([], good), receipt], "answer "],
  ["a machine's refusal", sealed([], refusal), "refusal "],
  ["the coordinator's error", [error], "error "],
  ["the coordinator's error in the middle", [...sealed(["a"]), error], "error a"],
  ["the coordinator's error in place of the receipt", [...sealed(["a"], good), error], "error a"],
  ["nothing", [], "answer_cut_off"],
  ["an answer without its last frame", sealed(["a"]), "answer_cut_off"],
  ["a receipt without a last frame", [...sealed(["a"]), receipt], "answer_cut_off"],
  ["an answer without its receipt", sealed(["a"], good), "answer_cut_off"],
  ["a last frame that says nothing", [...sealed(["a"], utf8("{}")), receipt], "answer_false"],
  ["a record of no kind", [Uint8Array.of(9)], "answer_false"],
  ["two receipts", [...sealed(["a"], good), receipt, receipt], "answer_false"],
  [
    "frames that were changed",
    sealed(["a"], good).map((frame) => frame.with(frame.length - 1, (frame.at(-1) ?? 0) ^ 1)),
    "answer_false",
  ],
])("of %s", (_, records, end) => {
  const answer = new SealedAnswer(
    { hpke: webHpke, crypto: webCrypto },
    { machine, keyId: "key", secret: sharedSecret },
  );
  const ended = (): string => {
    try {
      const said = new TextDecoder().decode(joinBytes(answer.push(joinBytes(records))));
      return `${answer.end().kind} ${said}`;
    } catch (thrown) {
      return (thrown as DarkbloomError).code;
    }
  };
  expect(ended()).toBe(end);
});
