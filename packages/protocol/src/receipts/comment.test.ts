import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes, changedJson, changedText } from "../../test/changed.ts";
import { sampleReceipt, startMs, timeAt } from "../../test/samples.ts";
import { concatBytes, toBase64Url, toHex, utf8 } from "../bytes.ts";
import { decodeReceipt, encodeReceipt, receiptComment, splitReceiptComment } from "./comment.ts";
import { receiptDocument, type ReceiptDocument } from "./receipt.ts";

const document: ReceiptDocument = {
  receipt: sampleReceipt(),
  provider_signature: "QUJD",
  coordinator_signature: "REVG",
  coordinator_key_id: "key-1",
  countersigned_at: timeAt(startMs),
};
const comment = receiptComment(document);

describe("the receipt comment", () => {
  /** Goal: what was hashed comes back to the byte. Method: streams with and without content, one with a byte order mark, one that quotes the mark. */
  it.each([
    "",
    'data: {"a":"ü"}\n\ndata: [DONE]\n\n',
    "\ufeffdata: x\n\n",
    "data: : darkbloom-receipt AA\n\n",
    comment,
  ])("is parted from %j", (body) => {
    expect(splitReceiptComment(utf8(body + comment))).toEqual({ hashed: utf8(body), document });
  });

  /** Goal: anything else is no receipt, and nothing throws. Method: missing, unfinished, followed by more, inside a line, malformed, not UTF-8. */
  it.each([
    "",
    "data: [DONE]\n\n",
    comment.slice(0, -1),
    comment.slice(0, -2),
    `${comment.slice(0, -2)}\n.`,
    `${comment.slice(0, -2)}\r\n`,
    `${":".repeat(": darkbloom-receipt ".length - 1)}${encodeReceipt(document)}\n\n`,
    `${comment}data: more\n\n`,
    `data: ${comment}`,
    ": darkbloom-receipt AAAA\n\n",
    ": darkbloom-receipt \n\n",
    comment.replace("receipt ey", "receipt  ey"),
  ])("is not found in %j", (stream) => {
    expect(splitReceiptComment(utf8(stream))).toBeUndefined();
  });
  it("is not found in bytes that are no text", () => {
    expect(splitReceiptComment(concatBytes(Uint8Array.of(0xff), utf8(comment)))).toBeUndefined();
  });

  /** Goal: no stream and no word throws, and what is read is a document. Method: good ones with something changed, and any others. */
  it("is read or not, whatever comes", () => {
    const stream = utf8(`data: {}\n\n${comment}`);
    const words = fc.oneof(
      changedText(encodeReceipt(document)),
      changedJson(document).map((json) => toBase64Url(utf8(JSON.stringify(json) ?? ""))),
      fc.string(),
      fc.uint8Array().map(toBase64Url),
    );
    fc.assert(
      fc.property(fc.oneof(changedBytes(stream), fc.uint8Array()), words, (bytes, word) => {
        const parted = splitReceiptComment(new Uint8Array(bytes));
        // What was hashed stands in front of the comment, to the byte.
        if (parted) expect(toHex(bytes).startsWith(toHex(parted.hashed))).toBe(true);
        for (const read of [parted?.document, decodeReceipt(word)])
          if (read) expect(receiptDocument.parse(JSON.parse(JSON.stringify(read)))).toEqual(read);
      }),
      { numRuns: 500 },
    );
  });

  /** Goal: the header's word is one word and comes back. Method: there and back, and what is no such word. */
  it("also travels as one word", () => {
    expect(encodeReceipt(document)).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeReceipt(encodeReceipt(document))).toEqual(document);
    for (const word of ["", "?", "e30", `${encodeReceipt(document)}=`]) expect(decodeReceipt(word)).toBeUndefined();
  });
});
