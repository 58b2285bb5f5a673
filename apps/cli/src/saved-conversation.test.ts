import { utf8 } from "@darkbloom/protocol/bytes";
import { joinTurns } from "@darkbloom/protocol/dialects";
import { withProof, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sampleReceipt } from "../../../packages/protocol/test/samples.ts";
import { isConversation, readSavedConversation } from "./saved-conversation.ts";

const receipt: ReceiptDocument = {
  receipt: sampleReceipt(),
  provider_signature: "QUJD",
  coordinator_signature: "REVG",
  coordinator_key_id: "key-1",
  countersigned_at: "2026-01-01T00:00:00.000Z",
};
const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const ask = (more: object = {}): string => JSON.stringify({ type: "response.create", model: "m", ...more });

/** A response's messages as they came, and the last one as the machine wrote it. */
function response(id: string): { lines: string[]; hashed: string; ended: string } {
  const begun = JSON.stringify({ type: "response.created", response: { id } });
  const ended = `${JSON.stringify({ type: "response.completed", response: { id, output: [{ text: ',"darkbloom":{' }] } })}\n`;
  const hashed = `${begun}\n${ended}`;
  const proof = { responseHash: sha256(hashed), responseSignature: "c2ln", receipt, headers: {} };
  return { lines: [begun, withProof(ended, proof).trimEnd()], hashed, ended };
}
const saved = (...lines: string[]) => readSavedConversation(utf8(`${lines.join("\n")}\n`), "f");
const one = response("resp_1");
const two = response("resp_2");
const [first, second] = [ask({ input: "a" }), ask({ input: "b", previous_response_id: "resp_1" })];
const chain = sha256(joinTurns([utf8(first), utf8(one.ended), utf8(second)]));

describe("a saved conversation", () => {
  it.each<[what: string, lines: string[], requests: (string | undefined)[]]>([
    ["what came alone", one.lines, [undefined]],
    ["what was sent too", [first, ...one.lines], [sha256(first)]],
    ["two, the second goes on", [first, ...one.lines, second, ...two.lines], [sha256(first), chain]],
    ["both sent at once", [first, ask(), ...one.lines, ...two.lines], [sha256(first), sha256(ask())]],
    ["an error between", [first, '{"type":"error"}', ask(), ...one.lines], [sha256(ask())]],
    ["one that stands elsewhere", [second, ...two.lines], [undefined]],
    ["one of no name", [ask({ previous_response_id: 5 }), ...two.lines], [undefined]],
    [
      "signs of direction and blank lines",
      [`> ${first}`, "", ...one.lines.map((line) => `< ${line}`)],
      [sha256(first)],
    ],
  ])("is read: %s", (_, lines, requests) => {
    const turns = saved(...lines);
    expect(turns.map(({ requestSha256 }) => requestSha256)).toEqual(requests);
    for (const { hashed, receipt: read, toldSha256, signature } of turns) {
      expect(sha256(hashed)).toBe(toldSha256);
      expect([read, signature]).toEqual([receipt, "c2ln"]);
    }
  });

  it("is told of a response that was cut off in an error, and not by its events", () => {
    const begun = one.lines[0] ?? "";
    expect(saved(first, begun, '{"type":"error"}', ask(), ...two.lines).map(({ hashed }) => sha256(hashed))).toEqual([
      sha256(two.hashed),
    ]);
  });

  it.each<[what: string, bytes: Uint8Array, words: string]>([
    ["no JSON", utf8(`${one.lines.join("\n")}\n{`), "message 3, is no JSON"],
    ["no receipt", utf8('{"type":"response.completed"}\n'), 'member "darkbloom"'],
    ["nothing that came", utf8(first), "no response with a receipt"],
    ["no text", Uint8Array.of(0x7b, 0xff), "is no text"],
  ])("is refused with %s", (_, bytes, words) => {
    expect(() => readSavedConversation(bytes, "f")).toThrow(words);
  });

  it.each<[text: string, is: boolean]>([
    ['{"type":"a"}', true],
    ["\n> {}", true],
    ["< {}", true],
    ["HTTP/1.1 200 OK\r\n\r\n{}", false],
    ["", false],
    ["data: {}", false],
  ])("is told apart from an answer of HTTP's: %j", (text, is) => {
    expect(isConversation(utf8(text))).toBe(is);
  });
});
