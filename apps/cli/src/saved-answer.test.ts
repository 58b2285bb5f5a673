import { utf8 } from "@darkbloom/protocol/bytes";
import { encodeReceipt, receiptComment, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { expect, it } from "vitest";
import { sampleReceipt } from "../../../packages/protocol/test/samples.ts";
import { readSavedAnswer, readSavedReceipt } from "./saved-answer.ts";

const document: ReceiptDocument = {
  receipt: sampleReceipt(),
  provider_signature: "QUJD",
  coordinator_signature: "REVG",
  coordinator_key_id: "key-1",
  countersigned_at: "2026-01-01T00:00:00.000Z",
};
const word = encodeReceipt(document);
const hash = "a".repeat(64);
const headers = `x-response-hash: ${hash}\r\nX-SE-Signature: c2ln\r\n`;
const plain = `HTTP/1.1 200 OK\r\n${headers}x-darkbloom-receipt: ${word}\r\n\r\n`;

/** Goal: exactly the hashed bytes are taken, whatever stands before them. Method: what `curl -i` writes of each kind. */
it.each([
  ["a plain answer", plain, '{"a":"ü"}\n'],
  ["an answer with blank lines", plain, "\r\n\r\nHTTP/1.1\r\n\r\n"],
  ["an answer after others", `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\n\r\n${plain}`, "{}"],
  ["HTTP/2 with bare line ends", plain.replaceAll("\r", "").replace("HTTP/1.1 200 OK", "HTTP/2 200"), "{}"],
])("reads %s", (_name, head, body) => {
  const saved = readSavedAnswer(utf8(head + body), "f");
  expect(saved).toEqual({ hashed: utf8(body), receipt: document, toldSha256: hash, signature: "c2ln" });
});

/** Goal: trailers are read, and are no part of the body. Method: a stream as `curl -i` writes it, with them and without. */
it("reads a stream with its trailers behind it", () => {
  const body = "data: {}\n\ndata: [DONE]\n\n";
  const trailers = `x-response-hash: ${hash}\r\nx-se-signature: c2ln\r\n`;
  for (const end of [trailers, `${trailers}\r\n`]) {
    const text = `HTTP/1.1 200 OK\r\ntrailer: x\r\n\r\n${body}${receiptComment(document)}${end}`;
    expect(readSavedAnswer(utf8(text), "f")).toEqual({
      hashed: utf8(body),
      receipt: document,
      toldSha256: hash,
      signature: "c2ln",
    });
  }
  const saved = readSavedAnswer(utf8(`HTTP/1.1 200 OK\r\ntrailer: x\r\n\r\n${body}${receiptComment(document)}`), "f");
  expect(saved).toEqual({ hashed: utf8(body), receipt: document, toldSha256: undefined, signature: undefined });
});

it.each([
  ["", "does not begin with a status line"],
  ["{}", "does not begin with a status line"],
  ["HTTP/1.1 200 OK\r\nno end", "does not begin with a status line"],
  ["HTTP/1.1 401 Unauthorized\r\n\r\n{}", "has no receipt that can be read"],
  [plain.replace(word, `${word}=`), "has no receipt that can be read"],
])("says what is wrong with %j", (text, words) => {
  expect(() => readSavedAnswer(utf8(text), "f")).toThrow(words);
});

/** Goal: a receipt is read however it was kept. Method: its header, a stream's last line, the API's answer; and others. */
it("reads a receipt alone", () => {
  for (const text of [word, `${word}\n`, receiptComment(document), JSON.stringify(document, null, 2)])
    expect(readSavedReceipt(utf8(text), "f")).toEqual(document);
  for (const bytes of [utf8(""), utf8("{}"), utf8("no"), Uint8Array.of(0xff)])
    expect(() => readSavedReceipt(bytes, "f")).toThrow("f is no receipt");
});
