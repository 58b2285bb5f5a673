import * as z from "zod";
import { concatBytes, fromUtf8, u32be, utf8 } from "../bytes.ts";
import { ERROR_RECORD_BYTES_MAX, RECEIPT_RECORD_BYTES_MAX } from "../limits.ts";
import { receiptDocument, type ReceiptDocument } from "../receipts/receipt.ts";
import { WHOLE_FRAME_BYTES_MAX } from "./frames.ts";

/**
 * The body of a sealed answer, streamed or not: records of `u8 kind ‖ u32 length ‖ bytes`. Frames come first, one a record,
 * the first with the response nonce in front; then exactly one receipt or one error, and nothing after it. Both of these
 * are the coordinator's words, in the clear.
 */
export const answerRecordKinds = { frame: 1, receipt: 2, error: 3 } as const;
type Kind = keyof typeof answerRecordKinds;

const HEAD_BYTES = 5;
const bytesMax: Readonly<Record<Kind, number>> = {
  frame: WHOLE_FRAME_BYTES_MAX,
  receipt: RECEIPT_RECORD_BYTES_MAX,
  error: ERROR_RECORD_BYTES_MAX,
};

/** Why an answer ends without a receipt, in the clear. A client puts it into its dialect's own error event. */
export const answerError = z.object({
  /** What an HTTP answer would have had. */
  status: z.int().min(400).max(599),
  /** Of the closed list of failures; a newer coordinator may know more of them. */
  code: z.string().max(64),
  message: z.string(),
  retry_after_sec: z.int().positive().exactOptional(),
});
export type AnswerError = z.infer<typeof answerError>;

export type AnswerRecord =
  | { readonly kind: "frame"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "receipt"; readonly document: ReceiptDocument }
  | { readonly kind: "error"; readonly error: AnswerError };

/** These are no records of a sealed answer, or not in an order that one has. */
export class AnswerRecordsMalformed extends Error {
  override readonly name = "AnswerRecordsMalformed";
}

/** What stands in front of a record's bytes. */
const headOf = (kind: Kind, length: number): Uint8Array<ArrayBuffer> =>
  concatBytes(Uint8Array.of(answerRecordKinds[kind]), u32be(length));
export const frameRecordHead = (length: number): Uint8Array<ArrayBuffer> => headOf("frame", length);

/** One frame's record. What a receipt's `response_sha256` is over: all of them, in their order. */
export const frameRecord = (frame: Uint8Array): Uint8Array<ArrayBuffer> => record("frame", frame);
export const receiptRecord = (document: ReceiptDocument): Uint8Array<ArrayBuffer> =>
  record("receipt", utf8(JSON.stringify(document)));
export const errorRecord = (error: AnswerError): Uint8Array<ArrayBuffer> =>
  record("error", utf8(JSON.stringify(error)));

const record = (kind: Kind, bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  concatBytes(headOf(kind, bytes.length), bytes);

/** Reads a sealed answer as it comes; the bytes may be cut anywhere. */
export class AnswerRecordReader {
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;
  #malformed = false;

  /** Whether the receipt or the error came; a body that ends without either was cut off. */
  get ended(): boolean {
    return this.#ended && !this.#malformed;
  }

  /**
   * The records that are whole now.
   *
   * @throws AnswerRecordsMalformed, then and at every later call
   */
  push(bytes: Uint8Array): AnswerRecord[] {
    if (this.#malformed) throw new AnswerRecordsMalformed();
    // Until proven otherwise: whatever throws below leaves it so.
    this.#malformed = true;
    let rest: Uint8Array = concatBytes(this.#rest, bytes);
    const records: AnswerRecord[] = [];
    while (rest.length > 0) {
      if (this.#ended) throw new AnswerRecordsMalformed();
      const kind = kindOf(rest[0]);
      if (rest.length < HEAD_BYTES) break;
      const length = new DataView(rest.buffer, rest.byteOffset, rest.length).getUint32(1);
      if (length > bytesMax[kind]) throw new AnswerRecordsMalformed();
      if (rest.length < HEAD_BYTES + length) break;
      records.push(read(kind, rest.slice(HEAD_BYTES, HEAD_BYTES + length)));
      this.#ended = kind !== "frame";
      rest = rest.subarray(HEAD_BYTES + length);
    }
    this.#rest = rest.slice();
    this.#malformed = false;
    return records;
  }
}

function kindOf(byte: number | undefined): Kind {
  if (byte === answerRecordKinds.frame) return "frame";
  if (byte === answerRecordKinds.receipt) return "receipt";
  if (byte === answerRecordKinds.error) return "error";
  throw new AnswerRecordsMalformed();
}

function read(kind: Kind, bytes: Uint8Array<ArrayBuffer>): AnswerRecord {
  if (kind === "frame") return { kind, bytes };
  try {
    const json: unknown = JSON.parse(fromUtf8(bytes));
    return kind === "receipt"
      ? { kind, document: receiptDocument.parse(json) }
      : { kind, error: answerError.parse(json) };
  } catch (cause) {
    throw new AnswerRecordsMalformed(undefined, { cause });
  }
}
