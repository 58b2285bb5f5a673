import { deflateRawSync, inflateRawSync } from "node:zlib";
import { packFields, unpackFields } from "./receipt-fields.ts";
import { receiptDocument, type ReceiptDocument } from "@darkbloom/protocol/receipts";

/**
 * What receipts have in common, so that only what differs takes room. What is packed needs this text for good:
 * another one gets another version.
 */
const DICTIONARY_1 = Buffer.from(
  [
    '","finish_reason":"length","finish_reason":"tool_calls","privacy":"sealed"',
    '"endpoint":"/v1/messages","endpoint":"/v1/responses","endpoint":"/v1/completions"',
    '{"receipt":{"v":1,"job_id":"job_","request_id":"","nonce":"","privacy":"transparent","endpoint":"/v1/chat/completions"',
    ',"model":"darkbloom-tiny","build":"darkbloom-tiny-q8_0","weights_sha256":"","engine":{"name":"node-llama-cpp","version":"3."}',
    ',"request_sha256":"","response_sha256":"","sampling":{"temperature":1,"top_p":1,"top_k":0,"frequency_penalty":0',
    ',"presence_penalty":0,"logit_bias":0,"seed":,"stop":0,"max_tokens":,"n":1},"usage":{"prompt_tokens":,"cached_tokens":0',
    ',"completion_tokens":,"reasoning_tokens":0},"finish_reason":"stop","provider_id":"","identity_key":"B","evidence_sha256":"',
    '","started_at":"2026-","finished_at":"2026-"},"provider_signature":"","coordinator_signature":"","coordinator_key_id":"',
    '","countersigned_at":"2026-0123456789abcdef',
  ].join(""),
);
/** By deflate, with the dictionary. */
const VERSION_1 = 1;
/** By its fields. */
const VERSION_2 = 2;
/** No receipt of ours comes near; a damaged one must not fill the memory. */
const UNPACKED_BYTES_MAX = 256 * 1024;

/** A receipt in less than half of its bytes. Deflate takes ten times as long as its fields, most of it for tables of its own. */
export function packReceipt(document: ReceiptDocument): Uint8Array {
  const fields = packFields(document);
  if (fields) return Buffer.concat([Uint8Array.of(VERSION_2), fields]);
  const packed = deflateRawSync(JSON.stringify(document), { dictionary: DICTIONARY_1, level: 9 });
  return Buffer.concat([Uint8Array.of(VERSION_1), packed]);
}

/** @throws where the bytes are not what `packReceipt` made */
export function unpackReceipt(bytes: Uint8Array): ReceiptDocument {
  const [version] = bytes;
  const packed = bytes.subarray(1);
  if (version === VERSION_2) return receiptDocument.parse(unpackFields(packed));
  if (version !== VERSION_1) throw new TypeError("a receipt is packed in a way that is not known here");
  const options = { dictionary: DICTIONARY_1, maxOutputLength: UNPACKED_BYTES_MAX };
  return receiptDocument.parse(JSON.parse(inflateRawSync(packed, options).toString()));
}
