import type { Dialect } from "@darkbloom/protocol/dialects";
import { failures, type Failure } from "@darkbloom/protocol/failures";
import { sentenceOf } from "@darkbloom/protocol/failure-words";
import { responseHeaders } from "@darkbloom/protocol/headers";
import type { RequestId } from "@darkbloom/protocol/ids";
import { encodeReceipt, receiptComment, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { errorRecord, receiptRecord, SEALED_STREAM_TYPE } from "@darkbloom/protocol/sealing";
import type { Closing } from "../inference/reply.ts";

/** What stands around an answer's own bytes: who reads them as a dialect, and who has them sealed, is told otherwise that they are whole. */
export interface AnswerForm {
  readonly streamType: string;
  readonly plainType: string;
  /** Whether hash and signature follow a stream as trailers. */
  readonly hasTrailers: boolean;
  /** Of a plain answer. */
  proofHeaders(closing: Closing): Readonly<Record<string, string>>;
  /** The last bytes, of a stream and of a plain answer. */
  streamEnd(receipt: ReceiptDocument): string | Uint8Array;
  plainEnd(receipt: ReceiptDocument): Uint8Array;
  /** What ends a stream that broke off. */
  brokenEnd(failure: Failure, requestId: RequestId, eventsSent: number): string | Uint8Array;
}

const nothing = new Uint8Array(0);

export const clearForm = (dialect: Dialect): AnswerForm => ({
  streamType: "text/event-stream; charset=utf-8",
  plainType: "application/json; charset=utf-8",
  hasTrailers: true,
  proofHeaders: ({ responseHash, responseSignature, receipt }) => ({
    [responseHeaders.responseHash]: responseHash,
    [responseHeaders.signature]: responseSignature,
    [responseHeaders.receipt]: encodeReceipt(receipt),
  }),
  streamEnd: receiptComment,
  plainEnd: () => nothing,
  brokenEnd: (failure, requestId, eventsSent) => dialect.errorEvent(failure, requestId, eventsSent),
});

/** Records, streamed or not; hash and signature of the plaintext are in the last frame. */
export const sealedForm: AnswerForm = {
  streamType: SEALED_STREAM_TYPE,
  plainType: SEALED_STREAM_TYPE,
  hasTrailers: false,
  proofHeaders: () => ({}),
  streamEnd: receiptRecord,
  plainEnd: receiptRecord,
  brokenEnd: (failure) =>
    errorRecord({
      status: failures[failure.code].status,
      code: failure.code,
      message: sentenceOf(failure),
      ...("retryAfterSec" in failure && { retry_after_sec: Math.max(1, Math.ceil(failure.retryAfterSec)) }),
    }),
};
