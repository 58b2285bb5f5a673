import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../bytes.ts";
import { receiptDocument, type ReceiptDocument } from "./receipt.ts";

const MARK = ": darkbloom-receipt ";

/** The document as one header-safe word: base64url of its JSON. */
export const encodeReceipt = (document: ReceiptDocument): string => toBase64Url(utf8(JSON.stringify(document)));

/** @returns undefined for anything that is not such a document */
export function decodeReceipt(word: string): ReceiptDocument | undefined {
  try {
    return receiptDocument.safeParse(JSON.parse(fromUtf8(fromBase64Url(word)))).data;
  } catch {
    return undefined;
  }
}

/** The SSE comment that ends a stream: its last bytes, exactly once. SSE clients skip comments. */
export const receiptComment = (document: ReceiptDocument): string => `${MARK}${encodeReceipt(document)}\n\n`;

/**
 * A whole stream's bytes, parted into what was hashed and the receipt after it.
 *
 * @returns undefined if the stream does not end with a receipt comment
 */
export function splitReceiptComment(
  stream: Uint8Array<ArrayBuffer>,
): { readonly hashed: Uint8Array<ArrayBuffer>; readonly document: ReceiptDocument } | undefined {
  const text = textOf(stream);
  if (text === undefined) return undefined;
  const at = text.lastIndexOf(MARK);
  if (at < 0 || (at > 0 && text[at - 1] !== "\n") || !text.endsWith("\n\n")) return undefined;
  const document = decodeReceipt(text.slice(at + MARK.length, -2));
  return document && { hashed: utf8(text.slice(0, at)), document };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
